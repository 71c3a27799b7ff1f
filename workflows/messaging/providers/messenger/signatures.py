"""Whether a callback comes from Meta: https://developers.facebook.com/docs/graph-api/webhooks/getting-started."""

import hashlib
import hmac

from workflows.messaging.secrets import SecretText

SIGNATURE_HEADER = "X-Hub-Signature-256"
PREFIX = "sha256="


def sign(app_secret: str, body: bytes) -> str:
    """Return the header's value for a body."""
    return PREFIX + hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()


def is_genuine(*, app_secret: SecretText, body: bytes, signature: str) -> bool:
    """Tell whether a signature over the raw body was made with the app secret."""
    return hmac.compare_digest(signature.encode(), sign(app_secret.reveal(), body).encode())


def app_secret_proof(*, token: SecretText, app_secret: SecretText) -> str:
    """Return what shows Meta that whoever uses a token has the app secret, too: `appsecret_proof`."""
    return hmac.new(app_secret.reveal().encode(), token.reveal().encode(), hashlib.sha256).hexdigest()
