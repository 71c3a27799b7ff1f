"""What a mail server's refusal means for us."""

import re
import smtplib
import ssl

from workflows.messaging.mailboxes import one_line
from workflows.messaging.outbound import NotSent

TEXT_LENGTH = 200
PERMANENT = 500
CREDENTIALS = frozenset({530, 534, 535, 538})
"""Replies by which a server asks for other credentials, at whatever stage."""
THROTTLED = re.compile(
    r"^4\.7\.|\brate\b|too (?:many|much|fast)|throttl|(?:sending|message|hourly|daily) (?:limit|quota)", re.IGNORECASE
)


class Refused(NotSent):
    """The server said no. `code` is its reply's."""

    def __init__(self, error_class: str, message: str, code: int) -> None:
        super().__init__(error_class, message)
        self.code = code


def refusal(stage: str, code: int, text: bytes) -> Refused:
    """Return what a reply other than wanted means; the stages are greeting, mail, rcpt and data."""
    said = one_line(text.decode("utf-8", "replace"))[:TEXT_LENGTH]
    message = f"The mail server refused {WHAT[stage]}: {code} {said}".rstrip()
    if code in CREDENTIALS:
        return Refused("authentication", message, code)
    if code >= PERMANENT:
        return Refused("rejected", message, code)
    return Refused("rate_limited" if THROTTLED.search(said) else "unavailable", message, code)


WHAT = {
    "greeting": "the connection",
    "sign-in": "the user name or password",
    "mail": "the sender",
    "rcpt": "the recipient",
    "data": "the mail",
}


def failure(error: Exception) -> NotSent:  # noqa: PLR0911 - a table
    """Return what an exception of smtplib or of the network means while the server does not have the mail."""
    match error:
        case smtplib.SMTPAuthenticationError():
            return refusal("sign-in", error.smtp_code, as_bytes(error.smtp_error))
        case smtplib.SMTPResponseException():
            return refusal("greeting", error.smtp_code, as_bytes(error.smtp_error))
        case TimeoutError():
            return NotSent("timeout", "The mail server did not answer in time.")
        case ssl.SSLCertVerificationError():
            return NotSent("network", f"The mail server's certificate fails: {error.verify_message}.")
        case smtplib.SMTPServerDisconnected() if isinstance(error.__context__, TimeoutError):
            return NotSent("timeout", "The mail server did not answer in time.")
        case smtplib.SMTPServerDisconnected() | OSError() if not isinstance(error, smtplib.SMTPNotSupportedError):
            return NotSent("network", "The connection to the mail server broke off.")
        case UnicodeError():
            return NotSent("invalid_config", "User name and password must be ASCII for this mail server.")
    return NotSent("invalid_config", f"The mail server cannot do what the connection asks for: {error}"[:TEXT_LENGTH])


def as_bytes(text: bytes | str) -> bytes:
    return text.encode() if isinstance(text, str) else text
