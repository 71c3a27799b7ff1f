"""Handing over a mail, whatever its connection leads to: a mail server or a mail service."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.mail import EmailMultiAlternatives

from workflows.messaging import mime
from workflows.messaging.models import Connection, ConnectionKind
from workflows.messaging.providers import mail_services
from workflows.messaging.providers.mail_services import SERVICES, ServiceAccount
from workflows.messaging.providers.smtp import AccountEmailBackend, Server
from workflows.messaging.providers.smtp.backend import SECONDS


@dataclass(frozen=True, slots=True)
class Delivered:
    """A mail that was taken: its id at the provider, and the further recipients that it was refused for."""

    provider_message_id: str
    refused: Sequence[str] = ()


def way_out(connection: Connection) -> dict[str, Any]:
    """Return what the payload of a mail says of its connection; no secrets."""
    if connection.kind == ConnectionKind.SMTP:
        return {"server": Server.of(connection).as_json()}
    return {"service": ServiceAccount.of(connection).as_json()}


def write(payload: Mapping[str, Any]) -> EmailMultiAlternatives:
    """Return the mail of a payload as its way out wants it; raises mime.MissingFile, ValueError."""
    service = SERVICES[payload["service"]["kind"]] if "service" in payload else None
    return mime.build(payload, is_encoded=service is None or service.writes_mime)


def hand_over(
    payload: Mapping[str, Any], message: EmailMultiAlternatives, *, key: str, seconds: float = SECONDS
) -> Delivered:
    """Hand over a written mail; `key` is our message's id, `seconds` the longest that a mail server may take.

    NotSent: the provider does not have it. SentUnknown: nobody can tell.
    """
    if "service" not in payload:
        delivery = AccountEmailBackend(Server.from_json(payload["server"]), seconds=seconds).deliver(message)
        return Delivered(payload["message_id"], delivery.refused)
    taken = mail_services.deliver(ServiceAccount.from_json(payload["service"]), message, key=key)
    return Delivered(taken.provider_message_id or payload["message_id"], taken.refused)


def find(payload: Mapping[str, Any], *, key: str) -> str:
    """Return the provider's id of a mail whose answer was lost; empty: not found, or nobody can be asked."""
    if "service" not in payload:
        return ""
    account = ServiceAccount.from_json(payload["service"])
    return mail_services.find(account, key=key, message_id=payload["message_id"])
