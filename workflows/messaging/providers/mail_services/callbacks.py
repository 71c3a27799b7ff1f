"""What mail services tell of mails, in one vocabulary."""

import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils.dateparse import parse_datetime

MESSAGE_KEY = "followthrough_id"
"""Under this name a mail carries its message's id to the service, and every callback brings it back."""
LONGEST_TEXT = 500
LONGEST_URL = 2000


class Forged(Exception):
    """A callback does not come from the service, or nobody can tell."""


class Happening(enum.StrEnum):
    """What became of a mail."""

    SENT = "sent"
    """The service has it."""
    DELIVERED = "delivered"
    OPENED = "opened"
    CLICKED = "clicked"
    BOUNCED = "bounced"
    """The address does not exist, or takes no mail for good."""
    RETURNED = "returned"
    """It came back for a reason that may pass: a full mailbox, a server away for days."""
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    FAILED = "failed"
    """The service took it and will not send it."""


@dataclass(frozen=True, slots=True)
class Callback:
    """What was posted, as it came."""

    body: bytes
    headers: Mapping[str, str]
    now: datetime


@dataclass(frozen=True, slots=True)
class MailEvent:
    """One thing that happened to one mail."""

    happening: Happening
    recipient: str
    """The address that it happened to, which may be that of a copy; empty: not told."""
    message_id: str = ""
    """Ours, as it came back; empty: not told."""
    provider_message_id: str = ""
    at: datetime | None = None
    """When it happened, by the service's clock (aware)."""
    reason: str = ""
    url: str = ""


def read_json(body: bytes) -> Any:
    """Return the content of a body, None when it is no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def at(data: Any, *path: str) -> Any:
    """Return what lies at a path of objects; None when there is nothing."""
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    return data


def text_at(data: Any, *path: str) -> str:
    """Return the text at a path, as it can be stored; empty when there is none."""
    found = at(data, *path)
    return storable(found)[:LONGEST_TEXT] if isinstance(found, str) else ""


def url_at(data: Any, *path: str) -> str:
    """Return the address at a path, cut where it is endless; empty when there is none."""
    found = at(data, *path)
    return storable(found)[:LONGEST_URL] if isinstance(found, str) else ""


def storable(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def moment(value: Any) -> datetime | None:
    """Return a time that is told as seconds since 1970 or as ISO 8601."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, tz=UTC)
        found = parse_datetime(value) if isinstance(value, str) else None
    except (ValueError, OverflowError, OSError):
        return None
    return found if found is None or found.tzinfo else found.replace(tzinfo=UTC)
