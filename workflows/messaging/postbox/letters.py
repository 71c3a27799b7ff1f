"""Takes a mail apart for reading."""

import re
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from urllib.parse import unquote

_CONTENT_ID = re.compile(r"cid:([^\"'\s)>]+)", re.IGNORECASE)
_DOCTYPE = re.compile(r"\s*<!doctype[^>]*>", re.IGNORECASE)
_NEW_TAB = '<base target="_blank">'


@dataclass(frozen=True, slots=True)
class Part:
    """A file in a mail."""

    number: int
    name: str
    content_type: str
    content_id: str
    content: bytes


@dataclass(slots=True)
class Letter:
    """A mail as its reader wants it."""

    html: str = ""
    text: str = ""
    parts: list[Part] = field(default_factory=list)

    @property
    def attachments(self) -> list[Part]:
        """The files that are not shown inside the HTML."""
        shown = {unquote(match[1]) for match in _CONTENT_ID.finditer(self.html)}
        return [part for part in self.parts if part.content_id not in shown]


def open_letter(source: bytes) -> Letter:
    """Return the texts and files of a mail; what is broken in it is left out, never an error."""
    letter = Letter()
    message = BytesParser(policy=policy.default).parsebytes(source)
    for part in message.walk():
        assert isinstance(part, EmailMessage)
        if part.is_multipart():
            continue
        kind = part.get_content_type()
        is_file = part.get_content_disposition() == "attachment" or not kind.startswith("text/")
        if kind == "text/html" and not is_file and not letter.html:
            letter.html = _text(part)
        elif kind == "text/plain" and not is_file and not letter.text:
            letter.text = _text(part)
        else:
            letter.parts.append(_file(part, len(letter.parts)))
    return letter


def for_display(html: str, parts_url: str, parts: list[Part]) -> str:
    """Make links open in a new tab and let pictures that came with the mail be found."""
    numbers = {part.content_id: part.number for part in parts if part.content_id}

    def found(match: re.Match[str]) -> str:
        number = numbers.get(unquote(match[1]))
        return match[0] if number is None else f"{parts_url}/{number}"

    doctype = _DOCTYPE.match(html)
    start = doctype.end() if doctype else 0
    return html[:start] + _NEW_TAB + _CONTENT_ID.sub(found, html[start:])


def _text(part: EmailMessage) -> str:
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    try:
        return content.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        return content.decode("utf-8", "replace")


def _file(part: EmailMessage, number: int) -> Part:
    content = part.get_payload(decode=True)
    return Part(
        number=number,
        name=part.get_filename() or f"part-{number + 1}",
        content_type=part.get_content_type(),
        content_id=str(part.get("Content-ID", "")).strip("<> \t"),
        content=content if isinstance(content, bytes) else b"",
    )
