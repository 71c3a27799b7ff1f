"""Postmark: its e-mail endpoint, and its webhooks under HTTP basic authentication."""

import base64
import binascii
import hmac
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

from anymail.backends.postmark import EmailBackend
from django.core.mail import EmailMessage

from workflows.messaging.providers.mail_services.account import ServiceAccount
from workflows.messaging.providers.mail_services.base import MailService
from workflows.messaging.providers.mail_services.callbacks import (
    MESSAGE_KEY,
    Callback,
    Forged,
    Happening,
    MailEvent,
    at,
    moment,
    read_json,
    text_at,
    url_at,
)
from workflows.messaging.providers.mail_services.door import ThroughTheDoor
from workflows.messaging.secrets import SecretText

HAPPENINGS = {
    "Delivery": Happening.DELIVERED,
    "Open": Happening.OPENED,
    "Click": Happening.CLICKED,
    "SpamComplaint": Happening.COMPLAINED,
}
BOUNCES = {
    "HardBounce": Happening.BOUNCED,
    "BadEmailAddress": Happening.BOUNCED,
    "SoftBounce": Happening.RETURNED,
    "DMARCPolicy": Happening.RETURNED,
    "Blocked": Happening.RETURNED,
    "SpamNotification": Happening.RETURNED,
    "VirusNotification": Happening.RETURNED,
    "Transient": Happening.SENT,
    "DnsError": Happening.SENT,
    "ManuallyDeactivated": Happening.FAILED,
    "TemplateRenderingFailed": Happening.FAILED,
    "SpamComplaint": Happening.COMPLAINED,
    "Unsubscribe": Happening.UNSUBSCRIBED,
}
"""By type; the others, such as automatic answers, say nothing of a mail's fate."""
TIMES = ("DeliveredAt", "ReceivedAt", "BouncedAt", "ChangedAt")


class Backend(ThroughTheDoor, EmailBackend):
    """Anymail's backend of Postmark, through our door."""


class Postmark(MailService):
    label = "Postmark"
    error_classes = {  # https://postmarkapp.com/developer/api/overview#error-codes
        "10": "authentication",  # no such server token
        "100": "unavailable",  # maintenance
        "400": "invalid_config",  # no such sender signature
        "401": "invalid_config",  # the sender signature is not confirmed
        "405": "invalid_config",  # no credits left
        "412": "authentication",  # the account is not approved yet
        "413": "authentication",  # the account may not send
        "429": "rate_limited",
        "1235": "invalid_config",  # no such message stream
    }

    def backend(self, account: ServiceAccount) -> Backend:
        return Backend(server_token=account.key().reveal(), api_url=f"{account.base_url}/")

    def dress(self, message: EmailMessage, account: ServiceAccount) -> None:
        message.track_opens = message.track_clicks = False  # type: ignore[attr-defined]  # Anymail's attributes
        message.esp_extra = {"MessageStream": account.settings["message_stream"]}  # type: ignore[attr-defined]
        message.extra_headers["X-PM-KeepID"] = "true"  # the Message-ID stays ours

    def told(self, content: Any) -> tuple[str, str]:
        code = at(content, "ErrorCode")
        return (str(code) if isinstance(code, int) and code else ""), text_at(content, "Message")

    def sign_in(self, account: ServiceAccount) -> None:
        stream = quote(account.settings["message_stream"], safe="")
        self.call("GET", f"{account.base_url}/message-streams/{stream}", headers=token(account))

    def find(self, account: ServiceAccount, *, key: str, message_id: str) -> str:
        query = urlencode({"count": 1, "offset": 0, f"metadata_{MESSAGE_KEY}": key})
        answer = self.call("GET", f"{account.base_url}/messages/outbound?{query}", headers=token(account))
        messages = at(read_json(answer.body), "Messages")
        if not isinstance(messages, list) or not messages or text_at(messages[0], "Metadata", MESSAGE_KEY) != key:
            return ""
        return text_at(messages[0], "MessageID")

    def read(self, account: ServiceAccount, callback: Callback, secret: SecretText | None) -> Sequence[MailEvent]:
        if secret is None or not hmac.compare_digest(password(callback), secret.reveal().encode()):
            raise Forged
        event = read_event(read_json(callback.body))
        return [event] if event else []


def token(account: ServiceAccount) -> dict[str, str]:
    return {"X-Postmark-Server-Token": account.key().reveal(), "Accept": "application/json"}


def password(callback: Callback) -> bytes:
    """Return the password of HTTP basic authentication; empty when there is none."""
    scheme, _, encoded = callback.headers.get("Authorization", "").partition(" ")
    try:
        given = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        return b""
    return given.partition(b":")[2] if scheme.lower() == "basic" else b""


def read_event(data: Any) -> MailEvent | None:
    """Return one event; None for one that says nothing of a mail's fate."""
    record = text_at(data, "RecordType")
    happening = HAPPENINGS.get(record)
    if record == "Bounce":
        happening = BOUNCES.get(text_at(data, "Type"))
    elif record == "SubscriptionChange" and at(data, "SuppressSending") is True:
        happening = {"ManualSuppression": Happening.UNSUBSCRIBED, "SpamComplaint": Happening.COMPLAINED}.get(
            text_at(data, "SuppressionReason")
        )
    if happening is None:
        return None
    return MailEvent(
        happening=happening,
        recipient=text_at(data, "Recipient") or text_at(data, "Email"),
        message_id=text_at(data, "Metadata", MESSAGE_KEY),
        provider_message_id=text_at(data, "MessageID"),
        at=next(filter(None, (moment(at(data, name)) for name in TIMES)), None),
        reason=text_at(data, "Details") or text_at(data, "Description"),
        url=url_at(data, "OriginalLink"),
    )
