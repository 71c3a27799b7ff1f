"""Signs outgoing webhooks as the Standard Webhooks specification has it, so that receivers can trust them."""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

PREFIX = "whsec_"
FEWEST_BYTES, MOST_BYTES = 24, 64
NEW_BYTES = 32


class InvalidSigningSecret(ValueError):
    """The text is no signing secret; the message says what one looks like and never repeats it."""


def new_signing_secret() -> str:
    """Make a secret that a receiver's Standard Webhooks library accepts as it is."""
    return PREFIX + base64.b64encode(secrets.token_bytes(NEW_BYTES)).decode()


def signing_key(secret: str) -> bytes:
    """Return the key inside a secret `whsec_<base64 of 24–64 bytes>`; InvalidSigningSecret for anything else."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True) if secret.startswith(PREFIX) else b""
    except (binascii.Error, ValueError):
        key = b""
    if not FEWEST_BYTES <= len(key) <= MOST_BYTES:
        raise InvalidSigningSecret(
            f"A signing secret is {PREFIX} and the base64 form of {FEWEST_BYTES} to {MOST_BYTES} random bytes."
        )
    return key


def signature_headers(*, secrets: Sequence[str], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the three headers of a webhook.

    `message_id` stays the same when it is sent again, `at` is the time of sending. With several secrets there is a
    signature of each, so that receivers can go from an old one to a new one.
    """
    if not message_id or "." in message_id:
        raise ValueError("A message id must not be empty or contain a dot, which separates what is signed.")
    timestamp = str(int(at.timestamp()))
    signed = f"{message_id}.{timestamp}.".encode() + body
    digests = [hmac.digest(signing_key(secret), signed, hashlib.sha256) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests),
    }
