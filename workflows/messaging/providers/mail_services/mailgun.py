"""Mailgun: its messages of a domain, and its webhooks signed with HMAC."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

from anymail.backends.mailgun import EmailBackend
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
from workflows.messaging.providers.mail_services.refusals import Refused
from workflows.messaging.secrets import SecretText

OLDEST_SIGNATURE = timedelta(hours=24)
"""Mailgun repeats what was not taken for eight hours; what is older was taken from somewhere else."""
HAPPENINGS = {
    "accepted": Happening.SENT,
    "delivered": Happening.DELIVERED,
    "opened": Happening.OPENED,
    "clicked": Happening.CLICKED,
    "complained": Happening.COMPLAINED,
    "unsubscribed": Happening.UNSUBSCRIBED,
    "rejected": Happening.FAILED,
}
BAD_REQUEST = 400


class Backend(ThroughTheDoor, EmailBackend):
    """Anymail's backend of Mailgun, through our door."""


class Mailgun(MailService):
    label = "Mailgun"
    error_classes = {"domain_not_found": "invalid_config"}

    def backend(self, account: ServiceAccount) -> Backend:
        return Backend(
            api_key=account.key().reveal(),
            api_url=f"{account.base_url}/v3/",
            sender_domain=account.settings["domain"],
        )

    def dress(self, message: EmailMessage, account: ServiceAccount) -> None:
        message.track_opens = message.track_clicks = False  # type: ignore[attr-defined]  # Anymail's attributes
        message.esp_extra = {"o:tracking": "no"}  # type: ignore[attr-defined]

    def told(self, content: Any) -> tuple[str, str]:
        text = text_at(content, "message")
        return ("domain_not_found" if "domain not found" in text.lower() else ""), text

    def sign_in(self, account: ServiceAccount) -> None:
        """Hand in a mail without sender and recipient: a key that may send hears that they are missing."""
        url = f"{account.base_url}/v3/{quote(account.settings['domain'], safe='')}/messages"
        headers = {**authorization(account), "Content-Type": "application/x-www-form-urlencoded"}
        try:
            self.call("POST", url, headers=headers, body=b"o:testmode=yes")
        except Refused as refused:
            if refused.status != BAD_REQUEST:
                raise

    def find(self, account: ServiceAccount, *, key: str, message_id: str) -> str:
        query = urlencode({"message-id": message_id.strip("<>"), "limit": 1})
        url = f"{account.base_url}/v3/{quote(account.settings['domain'], safe='')}/events?{query}"
        items = at(read_json(self.call("GET", url, headers=authorization(account)).body), "items")
        if not isinstance(items, list) or not items or text_at(items[0], "user-variables", MESSAGE_KEY) != key:
            return ""
        return text_at(items[0], "message", "headers", "message-id")

    def read(self, account: ServiceAccount, callback: Callback, secret: SecretText | None) -> Sequence[MailEvent]:
        content = read_json(callback.body)
        if secret is None or not is_signed(secret, callback, at(content, "signature")):
            raise Forged
        event = read_event(at(content, "event-data"))
        return [event] if event else []


def authorization(account: ServiceAccount) -> dict[str, str]:
    user = base64.b64encode(f"api:{account.key().reveal()}".encode()).decode()
    return {"Authorization": f"Basic {user}"}


def is_signed(secret: SecretText, callback: Callback, signature: Any) -> bool:
    """Tell whether timestamp and token carry the signing key's signature, not a day old.

    https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks
    """
    timestamp, token, given = (text_at(signature, name) for name in ("timestamp", "token", "signature"))
    expected = hmac.new(secret.reveal().encode(), f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
    if not token or not hmac.compare_digest(given.encode(), expected.encode()):
        return False
    signed_at = moment(int(timestamp)) if timestamp.isdecimal() and len(timestamp) < 12 else None  # noqa: PLR2004
    return signed_at is not None and abs(callback.now - signed_at) <= OLDEST_SIGNATURE


def read_event(data: Any) -> MailEvent | None:
    """Return one event; None for one that says nothing of a mail's fate."""
    happening = HAPPENINGS.get(text_at(data, "event")) or failed(data)
    if happening is None:
        return None
    return MailEvent(
        happening=happening,
        recipient=text_at(data, "recipient"),
        message_id=text_at(data, "user-variables", MESSAGE_KEY),
        provider_message_id=text_at(data, "message", "headers", "message-id"),
        at=moment(at(data, "timestamp")),
        reason=text_at(data, "delivery-status", "message")
        or text_at(data, "delivery-status", "description")
        or text_at(data, "reject", "reason"),
        url=url_at(data, "url"),
    )


def failed(data: Any) -> Happening | None:
    """Return what a failure means: what is temporary is tried again by Mailgun itself."""
    if text_at(data, "event") != "failed":
        return None
    if text_at(data, "severity") == "temporary":
        return Happening.SENT
    if text_at(data, "reason") in {"suppress-unsubscribe", "suppress-complaint", "espblock"}:
        return Happening.FAILED
    code = at(data, "delivery-status", "code")
    is_hard = text_at(data, "reason") in {"bounce", "suppress-bounce"} or (
        isinstance(code, int) and 550 <= code < 560  # noqa: PLR2004 - what SMTP says of mailboxes
    )
    return Happening.BOUNCED if is_hard else Happening.RETURNED
