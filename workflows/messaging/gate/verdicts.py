"""What the gate is asked, and what it answers."""

import enum
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a message may go."""

    reason: str = ""
    """Why it may not, for `result_data.reason`; empty: it may."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What the verdict rests on, for `execution_data.gate`: JSON with `verdict` (`allowed` or `skipped`), `channel`,
    `purpose`, `consent` and, of marketing, `frequency`; of Messenger also `last_heard_at`."""
