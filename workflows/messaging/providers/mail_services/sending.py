"""Handing one mail to a service, and finding one again whose answer was lost."""

from collections.abc import Sequence
from dataclasses import dataclass

from anymail.exceptions import AnymailAPIError, AnymailError, AnymailRecipientsRefused
from django.core.mail import EmailMultiAlternatives

from workflows.messaging.mailboxes import bare
from workflows.messaging.models import ConnectionKind
from workflows.messaging.outbound import NotSent, SentUnknown
from workflows.messaging.providers.mail_services.account import ServiceAccount
from workflows.messaging.providers.mail_services.base import MailService
from workflows.messaging.providers.mail_services.callbacks import MESSAGE_KEY
from workflows.messaging.providers.mail_services.mailgun import Mailgun
from workflows.messaging.providers.mail_services.postmark import Postmark
from workflows.messaging.providers.mail_services.refusals import Refused
from workflows.messaging.providers.mail_services.sendgrid import SendGrid
from workflows.messaging.providers.mail_services.ses import AmazonSes

SERVICES: dict[str, MailService] = {
    ConnectionKind.MAILGUN: Mailgun(),
    ConnectionKind.POSTMARK: Postmark(),
    ConnectionKind.SENDGRID: SendGrid(),
    ConnectionKind.SES: AmazonSes(),
}
NOT_TAKEN = frozenset({"invalid", "rejected"})
"""Anymail's words for an address that the service does not send to."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A mail that the service has: its id there, and the further recipients that it will not send to."""

    provider_message_id: str
    refused: Sequence[str] = ()


def deliver(account: ServiceAccount, message: EmailMultiAlternatives, *, key: str) -> Taken:
    """Hand over one mail; `key` is our message's id. The first recipient is the one that counts.

    Refused: the service answered and does not have it; NotSent: it was never asked; SentUnknown: nobody can tell.
    """
    service = SERVICES[account.kind]
    message.metadata = {MESSAGE_KEY: key}  # type: ignore[attr-defined]  # Anymail's attribute
    service.dress(message, account)
    backend = service.backend(account)
    backend.own_headers = account.own_headers
    try:
        backend.send_messages([message])
    except AnymailRecipientsRefused as error:
        raise Refused("rejected", f"{service.label} does not send to this address.") from error
    except AnymailAPIError as error:
        raise service.failure(error) from error
    except AnymailError as error:  # before anything was sent
        raise NotSent("rejected", f"{service.label} cannot be given this mail: {error.args[0]}"[:300]) from error
    except (LookupError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise unknown(service) from error
    return taken(message, service)


def taken(message: EmailMultiAlternatives, service: MailService) -> Taken:
    status = message.anymail_status  # type: ignore[attr-defined]
    refused = [address for address, each in status.recipients.items() if each.status in NOT_TAKEN]
    wanted = bare(message.to[0]).casefold()
    if wanted in {address.casefold() for address in refused}:
        raise Refused("rejected", f"{service.label} does not send to this address; copies may have gone out.")
    ids = [each.message_id for each in status.recipients.values() if each.message_id]
    number = ids[0] if ids else service.id_in(status.esp_response)
    if not number and service.tells_id:
        raise unknown(service)
    return Taken(number, refused)


def unknown(service: MailService) -> SentUnknown:
    return SentUnknown("outcome_unknown", f"{service.label}'s answer cannot be understood.")


def sign_in(account: ServiceAccount) -> None:
    """Ask the service for something that needs the key, send nothing; raises NotSent or SentUnknown."""
    SERVICES[account.kind].sign_in(account)


def find(account: ServiceAccount, *, key: str, message_id: str) -> str:
    """Return the service's id of a mail whose answer was lost; empty: not found, which does not mean not sent."""
    return SERVICES[account.kind].find(account, key=key, message_id=message_id)
