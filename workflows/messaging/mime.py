"""From a composed mail to what goes over the wire."""

from collections.abc import Mapping
from email import policy
from email.header import Header
from typing import Any
from uuid import uuid4

from django.core.files.storage import default_storage
from django.core.mail import EmailMultiAlternatives

from workflows.messaging.mailboxes import as_ascii, mailbox, plain_mailbox

LINE_LENGTH = 900
"""SMTP allows 998 with the name."""


class OneLineHeaders(policy.Compat32):
    """Writes header values as they are: they are ASCII, and folded already where that is needed.

    Folding them once more would begin some with an empty line, and costs more than all else about a mail.
    """

    def fold_binary(self, name: str, value: Any) -> bytes:
        if len(value) > LINE_LENGTH:
            return super().fold_binary(name, value)
        return f"{name}: {value}{self.linesep}".encode("ascii")


HEADERS = OneLineHeaders(max_line_length=LINE_LENGTH)


class MissingFile(Exception):
    """The file of an attachment is gone."""


def message_id(key: Any, sender: str) -> str:
    """Return the Message-ID of a mail: the same on every attempt."""
    return f"<{key}@{as_ascii(sender).rpartition('@')[2]}>"


class Mail(EmailMultiAlternatives):
    """A mail that is written quickly."""

    def message(self, **options: Any) -> Any:
        message = super().message(**options)
        for part in message.walk():
            part.policy = HEADERS
            if part.is_multipart():
                part.set_boundary(f"=_{uuid4().hex}")  # else one is sought that the content does not contain
        return message


def build(mail: Mapping[str, Any], *, is_encoded: bool = True) -> EmailMultiAlternatives:
    """Return the message of a payload as `send_email` makes it; raises MissingFile.

    `is_encoded`: names and subject are in ASCII as headers have them; otherwise they are text, for who encodes them.
    """
    named = mailbox if is_encoded else plain_mailbox
    message = Mail(
        subject=unambiguous(mail["subject"]) if is_encoded else mail["subject"],
        body=mail["text"],
        from_email=named(*mail["from"]),
        to=[named(*mail["to"])],
        cc=[as_ascii(address) for address in mail["cc"]],
        bcc=[as_ascii(address) for address in mail["bcc"]],
        reply_to=[as_ascii(mail["reply_to"])] if mail["reply_to"] else None,
        headers={**mail["headers"], "Message-ID": mail["message_id"]},
    )
    if mail["html"]:
        message.attach_alternative(mail["html"], "text/html")
    for attachment in mail["attachments"]:
        try:
            with default_storage.open(attachment["file"]) as file:
                content = file.read()
        except FileNotFoundError as error:
            raise MissingFile(attachment["name"]) from error
        message.attach(attachment["name"], content, attachment["content_type"])
    return message


def unambiguous(subject: str) -> str:
    """Return a subject that every reader shows as it is, also when it looks encoded already."""
    return Header(subject, "utf-8").encode(linesep="") if "=?" in subject else subject
