"""Amazon SES: its API v2 through boto3, and its events by way of SNS."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import boto3
from anymail.backends.amazon_ses import EmailBackend
from anymail.exceptions import AnymailAPIError
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from django.core.mail import EmailMessage

from workflows.messaging.outbound import NotSent, OutboundError, SentUnknown
from workflows.messaging.providers.mail_services import sns
from workflows.messaging.providers.mail_services.account import ServiceAccount
from workflows.messaging.providers.mail_services.base import FIRST_ERROR, MailService
from workflows.messaging.providers.mail_services.callbacks import (
    MESSAGE_KEY,
    Callback,
    Happening,
    MailEvent,
    at,
    moment,
    read_json,
    text_at,
    url_at,
)
from workflows.messaging.providers.mail_services.door import ask
from workflows.messaging.providers.mail_services.refusals import Refused, refusal
from workflows.messaging.secrets import SecretText

METADATA_HEADER = "x-metadata"
"""In which Anymail lets a mail carry our id, in lower case."""
HAPPENINGS = {
    "Send": (Happening.SENT, "send"),
    "DeliveryDelay": (Happening.SENT, "deliveryDelay"),
    "Delivery": (Happening.DELIVERED, "delivery"),
    "Open": (Happening.OPENED, "open"),
    "Click": (Happening.CLICKED, "click"),
    "Bounce": (Happening.BOUNCED, "bounce"),
    "Complaint": (Happening.COMPLAINED, "complaint"),
    "Reject": (Happening.FAILED, "reject"),
    "Rendering Failure": (Happening.FAILED, "failure"),
    "Subscription": (Happening.UNSUBSCRIBED, "subscription"),
}
"""By the event's type: what it means, and where its details are."""
RECIPIENTS = ("bouncedRecipients", "complainedRecipients")
_sessions = threading.Lock()


class Backend(EmailBackend):
    """Anymail's backend of SES, through our door."""

    own_headers: Mapping[str, str] = {}

    def open(self) -> bool:
        self.client = client_of(self.client_params, self.own_headers)
        return True


class AmazonSes(MailService):
    label = "Amazon SES"
    writes_mime = True
    error_classes = {  # https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html#API_SendEmail_Errors
        "AccountSuspendedException": "authentication",
        "SendingPausedException": "authentication",
        "MailFromDomainNotVerifiedException": "invalid_config",
        "NotFoundException": "invalid_config",
        "LimitExceededException": "rate_limited",
        "TooManyRequestsException": "rate_limited",
        "ThrottlingException": "rate_limited",
        "Throttling": "rate_limited",
        "UnrecognizedClientException": "authentication",
        "InvalidClientTokenId": "authentication",
        "SignatureDoesNotMatch": "authentication",
    }

    def backend(self, account: ServiceAccount) -> Backend:
        configuration_set = account.settings.get("configuration_set")
        return Backend(client_params=parameters(account), configuration_set_name=configuration_set or None)

    def dress(self, message: EmailMessage, account: ServiceAccount) -> None:
        """Nothing to add: SES tracks only where a configuration set says so."""

    def told(self, content: Any) -> tuple[str, str]:
        return text_at(content, "Error", "Code"), text_at(content, "Error", "Message")

    def failure(self, error: AnymailAPIError) -> OutboundError:
        cause = error.__cause__
        if isinstance(cause, ClientError):
            return self.refused(cause)
        if isinstance(cause, ParamValidationError):
            return NotSent("rejected", f"Amazon SES cannot be given this mail: {cause}"[:300])
        return SentUnknown("outcome_unknown", "Amazon SES's answer cannot be understood.")

    def refused(self, error: ClientError) -> OutboundError:
        status = at(error.response, "ResponseMetadata", "HTTPStatusCode")
        if not isinstance(status, int) or status < FIRST_ERROR:
            return SentUnknown("outcome_unknown", "Amazon SES's answer cannot be understood.")
        code, text = self.told(error.response)
        retry_after = text_at(error.response, "ResponseMetadata", "HTTPHeaders", "retry-after") or None
        error_class = self.error_classes.get(code, "")
        return refusal(self.label, status, code=code, text=text, error_class=error_class, retry_after=retry_after)

    def sign_in(self, account: ServiceAccount) -> None:
        try:
            answer = client_of(parameters(account)).get_account()
        except ClientError as error:
            raise self.refused(error) from error
        except BotoCoreError as error:
            raise SentUnknown("network", "Amazon SES's answer cannot be understood.") from error
        if not answer.get("SendingEnabled"):
            raise Refused("authentication", "Amazon SES has switched sending off for this account.")

    def read(self, account: ServiceAccount, callback: Callback, secret: SecretText | None) -> Sequence[MailEvent]:
        topic_arn = account.settings.get("topic_arn", "")
        fields = sns.verified(callback, topic_arn=topic_arn, is_postbox=account.is_postbox)
        if fields["Type"] == sns.CONFIRMATION:
            sns.confirm(fields, topic_arn=topic_arn)
        return read_events(sns.message_of(fields)) if fields["Type"] == sns.NOTIFICATION else []


def parameters(account: ServiceAccount) -> dict[str, Any]:
    """Return what boto3 makes a client of."""
    return {
        "region_name": account.settings["region"],
        "aws_access_key_id": account.settings["access_key_id"],
        "aws_secret_access_key": account.key().reveal(),
        "endpoint_url": account.base_url if account.is_postbox else None,
        "config": Config(retries={"total_max_attempts": 1}, ignore_configured_endpoint_urls=True),
    }


def client_of(parameters: Mapping[str, Any], own_headers: Mapping[str, str] | None = None) -> Any:
    """Return SES's client of boto3, whose requests go through our door; it is the caller's alone."""
    with _sessions:  # boto3's sessions are not to be shared between threads
        client = session().client("sesv2", **parameters)
    client.meta.events.register_first("before-send.sesv2", partial(through_the_door, own_headers=own_headers or {}))
    return client


@lru_cache(maxsize=1)
def session() -> boto3.session.Session:
    """Return this process's session: it keeps what it has read of Amazon's descriptions, and no keys."""
    return boto3.session.Session()


class Content:
    """The body of an answer, as botocore reads it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        yield self._body


def through_the_door(request: AWSPreparedRequest, *, own_headers: Mapping[str, str], **ignored: Any) -> AWSResponse:
    """Send a signed request; what it raises comes out of the call unchanged, since nothing is tried again."""
    headers = {name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()}
    body = request.body.encode() if isinstance(request.body, str) else request.body
    answer = ask(request.method, request.url, headers={**headers, **own_headers}, body=body)
    return AWSResponse(request.url, answer.status_code, dict(answer.headers), Content(answer.body))


def read_events(data: Any) -> list[MailEvent]:
    """Return an event for each address that SES names; none for what says nothing of a mail's fate."""
    kind = text_at(data, "eventType") or text_at(data, "notificationType")
    happening, place = HAPPENINGS.get(kind, (None, ""))
    details = at(data, place)
    if happening is None:
        return []
    if happening is Happening.BOUNCED and text_at(details, "bounceType") != "Permanent":
        happening = Happening.RETURNED
    return [
        MailEvent(
            happening=happening,
            recipient=recipient,
            message_id=own_id(data),
            provider_message_id=text_at(data, "mail", "messageId"),
            at=moment(at(details, "timestamp")),
            reason=reason or text_at(details, "reason") or text_at(details, "errorMessage"),
            url=url_at(details, "link"),
        )
        for recipient, reason in recipients_of(data, details)
    ]


def recipients_of(data: Any, details: Any) -> list[tuple[str, str]]:
    """Return the addresses that an event is about, each with what its server said."""
    named = next((each for name in RECIPIENTS if isinstance(each := at(details, name), list)), None)
    if named is not None:
        return [(text_at(each, "emailAddress"), text_at(each, "diagnosticCode")) for each in named]
    told = at(details, "recipients")
    addresses = told if isinstance(told, list) else at(data, "mail", "destination")
    return [(each, "") for each in addresses if isinstance(each, str)] if isinstance(addresses, list) else []


def own_id(data: Any) -> str:
    """Return our message's id, which the mail carried in a header."""
    headers = at(data, "mail", "headers")
    for header in headers if isinstance(headers, list) else ():
        if text_at(header, "name").lower() == METADATA_HEADER:
            return text_at(read_json(text_at(header, "value").encode()), MESSAGE_KEY)
    return ""
