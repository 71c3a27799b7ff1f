"""Whether a callback comes from Twilio: its signature over the address and every parameter, checked by its own SDK."""

from collections.abc import Mapping

from django.http import QueryDict
from twilio.request_validator import SIGNATURE_HEADER, RequestValidator

from workflows.messaging.secrets import SecretText

__all__ = ["SIGNATURE_HEADER", "is_genuine"]


def is_genuine(*, token: SecretText, url: str, parameters: QueryDict | Mapping[str, str], signature: str) -> bool:
    """Tell whether a signature was made with the auth token; `url` is the one that Twilio was given, with its query."""
    if not signature.isascii():
        return False
    return bool(RequestValidator(token.reveal()).validate(url, parameters, signature))
