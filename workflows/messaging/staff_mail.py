"""Mail to members of an account, by the mail server of the installation: of each is known whether it has left."""

import smtplib
from collections.abc import Sequence
from email.utils import formataddr

from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend

from workflows.messaging.mailboxes import one_line
from workflows.messaging.outbound import NotSent, SentUnknown

TEMPORARY = range(400, 500)


def send(*, subject: str, body: str, to: Sequence[tuple[str, str]]) -> None:
    """Send one plain mail to all of `to` (name, address).

    Raises NotSent when the server does not have it, and SentUnknown when it may have it.
    """
    backend: BaseEmailBackend = mail.get_connection()
    try:
        backend.open()
    except OSError as error:  # smtplib's errors are OSErrors, too
        raise NotSent("network", "The installation's mail server cannot be reached.") from error
    message = mail.EmailMessage(
        subject=one_line(subject),
        body=body,
        to=[formataddr((one_line(name), address)) for name, address in to],
        connection=backend,
    )
    try:
        message.send()
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        raise NotSent(class_of(error), "The installation's mail server refused the mail.") from error
    except OSError as error:
        raise SentUnknown("outcome_unknown", "The connection to the installation's mail server broke off.") from error
    finally:
        backend.close()


def class_of(error: smtplib.SMTPException) -> str:
    """Return the error class of a refusal; one recipient's 4xx is enough to try again."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
    else:
        assert isinstance(error, smtplib.SMTPResponseException)
        codes = [error.smtp_code]
    return "unavailable" if any(code in TEMPORARY for code in codes) else "rejected"
