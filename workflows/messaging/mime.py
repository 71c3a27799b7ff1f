"""From a composed mail to what goes over the wire."""

from collections.abc import Mapping
from email import policy
from email.header import Header
from typing import Any

from django.core.files.storage import default_storage
from django.core.mail import EmailMultiAlternatives

from workflows.messaging.mailboxes import as_ascii, mailbox

LINE_LENGTH = 998
"""What SMTP allows."""
HEADERS = policy.compat32.clone(max_line_length=LINE_LENGTH)


class MissingFile(Exception):
    """The file of an attachment is gone."""


def message_id(key: Any, sender: str) -> str:
    """Return the Message-ID of a mail: the same on every attempt."""
    return f"<{key}@{as_ascii(sender).rpartition('@')[2]}>"


class OneLineHeaders(EmailMultiAlternatives):
    """A mail whose headers are not folded once more, which would begin some of them with an empty line."""

    def message(self, **options: Any) -> Any:
        message = super().message(**options)
        message.policy = HEADERS
        return message


def build(mail: Mapping[str, Any]) -> EmailMultiAlternatives:
    """Return the message of a payload as `send_email` makes it; raises MissingFile."""
    message = OneLineHeaders(
        subject=unambiguous(mail["subject"]),
        body=mail["text"],
        from_email=mailbox(*mail["from"]),
        to=[mailbox(*mail["to"])],
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
