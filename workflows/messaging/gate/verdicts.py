"""What the gate is asked, and what it answers."""

import enum
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID


class Purpose(enum.StrEnum):
    """What a message is for; decides which rules hold for it."""

    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"


@dataclass(frozen=True, slots=True)
class Sending:
    """One message that would be sent."""

    contact_id: UUID
    message_id: UUID | None
    """Id of the message, the same at every attempt: it does not count against itself. None: it has none yet."""
    phone: str = ""
    """The number in E.164 that is texted or called."""
    timezone: str = ""
    """The contact's own zone, if known."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a message may go."""

    reason: str = ""
    """Why it may not, for `result_data.reason`; empty: it may, at once or later."""
    held_until: datetime | None = None
    """When to ask again, since it is too early or too late now (UTC)."""
    closes_at: datetime | None = None
    """First moment at which it may not go any more, for `Request.guard_until` (UTC): the end of the calling hours or of
    Messenger's window. None: it may go at any time."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What the verdict rests on, for `execution_data.gate`: JSON with `verdict` (`allowed`, `held` or `skipped`),
    `channel`, `purpose`, `consent` and, of marketing, `frequency`; of SMS and voice also `hours`, of Messenger
    `last_heard_at` and `closes_at`."""
