"""SendGrid: v3 Mail Send, and its Event Webhook signed with ECDSA."""

import base64
import binascii
import warnings
from collections.abc import Sequence
from typing import Any

from anymail.backends.sendgrid import EmailBackend
from anymail.exceptions import AnymailNotSupportedWarning
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
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

# Anymail has no account there to test with any more; our tests are the postbox's. For the whole process, since
# `catch_warnings` in one thread undoes that of another.
warnings.filterwarnings("ignore", category=AnymailNotSupportedWarning)

SIGNATURE_HEADER = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP_HEADER = "X-Twilio-Email-Event-Webhook-Timestamp"
HAPPENINGS = {
    "processed": Happening.SENT,
    "deferred": Happening.SENT,
    "delivered": Happening.DELIVERED,
    "open": Happening.OPENED,
    "click": Happening.CLICKED,
    "bounce": Happening.BOUNCED,
    "dropped": Happening.FAILED,
    "spamreport": Happening.COMPLAINED,
    "unsubscribe": Happening.UNSUBSCRIBED,
    "group_unsubscribe": Happening.UNSUBSCRIBED,
}


class Backend(ThroughTheDoor, EmailBackend):
    """Anymail's backend of SendGrid, through our door."""


class SendGrid(MailService):
    label = "SendGrid"
    tells_id = False

    def backend(self, account: ServiceAccount) -> Backend:
        return Backend(api_key=account.key().reveal(), api_url=f"{account.base_url}/v3/", generate_message_id=False)

    def dress(self, message: EmailMessage, account: ServiceAccount) -> None:
        message.track_opens = message.track_clicks = False  # type: ignore[attr-defined]  # Anymail's attributes
        message.esp_extra = {  # type: ignore[attr-defined]
            "tracking_settings": {
                "click_tracking": {"enable": False, "enable_text": False},
                "subscription_tracking": {"enable": False},
            }
        }

    def told(self, content: Any) -> tuple[str, str]:
        errors = at(content, "errors")
        first = errors[0] if isinstance(errors, list) and errors else None
        return "", text_at(first, "message")

    def id_in(self, response: Any) -> str:
        return str(response.headers.get("X-Message-Id", ""))

    def sign_in(self, account: ServiceAccount) -> None:
        headers = {"Authorization": f"Bearer {account.key().reveal()}"}
        answer = self.call("GET", f"{account.base_url}/v3/scopes", headers=headers)
        scopes = at(read_json(answer.body), "scopes")
        if not isinstance(scopes, list) or "mail.send" not in scopes:
            raise Refused("authentication", "SendGrid's API key may not send mail; give it the scope mail.send.")

    def read(self, account: ServiceAccount, callback: Callback, secret: SecretText | None) -> Sequence[MailEvent]:
        key = verification_key(account.settings.get("verification_key", ""))
        timestamp = callback.headers.get(TIMESTAMP_HEADER, "")
        if key is None or not is_signed(key, callback, timestamp):
            raise Forged
        content = read_json(callback.body)
        found = [read_event(each) for each in content] if isinstance(content, list) else []
        return [event for event in found if event]


def verification_key(text: str) -> EllipticCurvePublicKey | None:
    """Read the public key as SendGrid shows it, in Base64; None when it is none."""
    try:
        key = load_der_public_key(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error):
        return None
    return key if isinstance(key, EllipticCurvePublicKey) else None


def is_signed(key: EllipticCurvePublicKey, callback: Callback, timestamp: str) -> bool:
    """Tell whether timestamp and body carry the key's signature.

    https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
    """
    try:
        signature = base64.b64decode(callback.headers.get(SIGNATURE_HEADER, ""), validate=True)
        key.verify(signature, timestamp.encode("utf-8", "replace") + callback.body, ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def read_event(data: Any) -> MailEvent | None:
    """Return one event; None for one that says nothing of a mail's fate."""
    happening = HAPPENINGS.get(text_at(data, "event"))
    if happening is None:
        return None
    if happening is Happening.BOUNCED and text_at(data, "type") == "blocked":
        happening = Happening.RETURNED
    return MailEvent(
        happening=happening,
        recipient=text_at(data, "email"),
        message_id=text_at(data, MESSAGE_KEY),
        provider_message_id=text_at(data, "sg_message_id").partition(".")[0],
        at=moment(at(data, "timestamp")),
        reason=text_at(data, "reason") or text_at(data, "response"),
        url=url_at(data, "url"),
    )
