"""What Meta tells of a page, read: https://developers.facebook.com/docs/messenger-platform/webhooks.

Whatever does not look as it should is left out; nothing here raises.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

LONGEST_TEXT = 10_000
LONGEST_ID = 200
LONGEST_PAYLOAD = 1000
LONGEST_URL = 2048
MOST_ATTACHMENTS = 10
PERSON = re.compile(r"[0-9]{1,64}")
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Received:
    """A message of a person, or a tap on an answer or a button."""

    person: str
    mid: str
    at: datetime
    """By Meta's clock."""
    text: str
    """What was written, or what the answer or button says."""
    payload: str = ""
    """What the answer or button carries."""
    attachments: Sequence[str] = ()
    """Where the files are, for a while."""
    reply_to: str = ""
    """The `mid` of the message that it was written below."""


@dataclass(frozen=True, slots=True)
class Echo:
    """A message of the page, told again once Meta has it."""

    person: str
    mid: str
    at: datetime
    metadata: str


@dataclass(frozen=True, slots=True)
class Progress:
    """That messages arrived, or were read: those named, and all up to a moment."""

    person: str
    is_read: bool
    until: datetime
    mids: Sequence[str] = ()


Told = Received | Echo | Progress


def read_callback(body: bytes, *, page_id: str) -> Iterator[Told]:
    """Yield what a callback tells of one page, in its order."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return
    if not isinstance(data, dict) or data.get("object") != "page":
        return
    for entry in objects(data.get("entry")):
        if entry.get("id") == page_id:
            for item in objects(entry.get("messaging")):
                yield from read_item(item, page_id)


def read_item(item: Mapping[str, Any], page_id: str) -> Iterator[Told]:
    """Yield what one item tells, if it is of a kind that is known."""
    sender, recipient = (text_of(part(item, name), "id", LONGEST_ID) for name in ("sender", "recipient"))
    at = moment(item.get("timestamp"))
    message = part(item, "message")
    if message.get("is_echo") is True:
        mid = text_of(message, "mid", LONGEST_ID)
        if sender == page_id and at and mid:
            yield Echo(recipient, mid, at, text_of(message, "metadata", LONGEST_PAYLOAD))
        return
    if recipient != page_id or not PERSON.fullmatch(sender):
        return
    if message and at:
        yield from read_message(message, sender, at)
    elif (postback := part(item, "postback")) and at:
        yield read_postback(postback, sender, at)
    for name in ("delivery", "read"):
        progress = part(item, name)
        if until := moment(progress.get("watermark")):
            mids = [mid for mid in listed(progress.get("mids")) if isinstance(mid, str) and storable(mid)]
            yield Progress(sender, name == "read", until, mids)


def read_message(message: Mapping[str, Any], person: str, at: datetime) -> Iterator[Received]:
    mid = text_of(message, "mid", LONGEST_ID)
    if not mid or message.get("is_deleted") is True:
        return
    urls = [text_of(part(each, "payload"), "url", LONGEST_URL) for each in objects(message.get("attachments"))]
    yield Received(
        person=person,
        mid=mid,
        at=at,
        text=text_of(message, "text", LONGEST_TEXT),
        payload=text_of(part(message, "quick_reply"), "payload", LONGEST_PAYLOAD),
        attachments=[url for url in urls if url][:MOST_ATTACHMENTS],
        reply_to=text_of(part(message, "reply_to"), "mid", LONGEST_ID),
    )


def read_postback(postback: Mapping[str, Any], person: str, at: datetime) -> Received:
    """Return a tap on a button; older versions of the API give it no id, so it gets one of what it is."""
    title, payload = text_of(postback, "title", LONGEST_TEXT), text_of(postback, "payload", LONGEST_PAYLOAD)
    facts = f"{person} {at.timestamp()} {payload}"
    mid = text_of(postback, "mid", LONGEST_ID) or f"postback_{hashlib.sha256(facts.encode()).hexdigest()}"
    return Received(person=person, mid=mid, at=at, text=title, payload=payload)


def listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else []


def objects(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in listed(value) if isinstance(item, dict)]


def part(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an object inside an object, empty where there is none."""
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def storable(text: str) -> str:
    return UNSTORABLE.sub("", text)


def text_of(value: Mapping[str, Any], name: str, longest: int) -> str:
    """Return a text as it can be stored, empty where there is none."""
    found = value.get(name)
    return storable(found)[:longest] if isinstance(found, str) else ""


def moment(value: Any) -> datetime | None:
    """Return a time given in milliseconds since 1970; None for what is none."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    try:
        return datetime.fromtimestamp(value / 1000, tz=UTC)
    except (OverflowError, OSError, ValueError):
        return None
