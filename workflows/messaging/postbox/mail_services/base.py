"""What the postbox needs to play a mail service."""

import base64
import binascii
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from email.utils import getaddresses
from typing import Any

from workflows.messaging.postbox.ledger import Entry
from workflows.messaging.postbox.wire import Request

HAPPENINGS = ("delivered", "opened", "clicked", "bounced", "returned", "complained", "unsubscribed")
"""What a person can let happen to a mail; `returned` is a bounce that may pass."""
FILE_TYPE = "application/octet-stream"


class Refusal(Exception):
    """An answer of the service's that is an error."""

    def __init__(self, status: int, answer: Any) -> None:
        super().__init__(status)
        self.status = status
        self.answer = as_bytes(answer)


@dataclass(frozen=True, slots=True)
class Posted:
    """A mail as the service has it."""

    source: bytes
    """In MIME."""
    sender: str
    recipients: Sequence[str]
    id: str
    """The service's."""
    metadata: Mapping[str, str]
    """What comes back with each callback."""
    status: int
    answer: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """A mail of the ledger as callbacks speak of it."""

    id: str
    message_id: str
    """The Message-ID, without brackets."""
    sender: str
    recipient: str
    subject: str
    metadata: Mapping[str, str]
    source: bytes


class PlayedService(ABC):
    """One mail service as the postbox speaks it."""

    name: str
    """Which connections are of its kind."""

    @abstractmethod
    def concerns(self, request: Request) -> bool:
        """Say whether a request is for it."""

    @abstractmethod
    def is_mail(self, request: Request) -> bool:
        """Say whether a request hands in a mail; the others only ask."""

    @abstractmethod
    def post(self, request: Request) -> Posted:
        """Take a mail in, or raise Refusal as the service would."""

    @abstractmethod
    def answer(self, request: Request, mails: Sequence[Entry]) -> Any:
        """Answer what is asked, knowing its mails, the newest first; raises Refusal."""

    @abstractmethod
    def tell(self, happening: str, mail: Told, *, url: str) -> tuple[Mapping[str, str], bytes]:
        """Return headers and body of a signed callback."""

    def refused(self, status: int) -> Any:
        """Return the content of a refusal that has no reason of the service's own."""
        return {"message": f"Refused by the postbox ({status})"}


def mime_of(
    *,
    sender: str,
    to: str,
    cc: str = "",
    reply_to: str = "",
    subject: str = "",
    text: str = "",
    html: str = "",
    headers: Mapping[str, str],
    files: Sequence[tuple[str, str, bytes]] = (),
) -> bytes:
    """Return a mail of its parts as the service would send it; `files` are name, type and content."""
    message = EmailMessage(policy=policy.SMTP)
    named = {"From": sender, "To": to, "Cc": cc, "Reply-To": reply_to, "Subject": subject}
    try:
        for name, value in {**{name: value for name, value in named.items() if value}, **headers}.items():
            message[name] = value
    except (ValueError, IndexError) as error:
        raise Refusal(400, {"message": f"A header cannot be used: {error}"}) from error
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    for name, kind, content in files:
        main, _, sub = (kind.partition(";")[0].strip() or FILE_TYPE).partition("/")
        message.add_attachment(content, maintype=main, subtype=sub or "octet-stream", filename=name)
    return message.as_bytes()


def addresses_in(*values: str) -> list[str]:
    return [address for _, address in getaddresses(values) if "@" in address]


def header_of(source: bytes, name: str) -> str:
    for line in source.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ").split(b"\r\n"):
        key, _, value = line.decode("utf-8", "replace").partition(":")
        if key.lower() == name.lower():
            return value.strip()
    return ""


def content_of(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request, or raise Refusal."""
    try:
        content = json.loads(request.body)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise Refusal(400, {"message": "Bad Request"})
    return content


def decoded(text: Any) -> bytes:
    """Return what Base64 stands for, or raise Refusal."""
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise Refusal(400, {"message": "A file is not in Base64"}) from error


def as_bytes(data: Any) -> bytes:
    return b"" if data is None else json.dumps(data).encode()
