"""What a lane has in hand: a prepared call, and a call that was made."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from workflows.actions.outcomes import AwaitCallback, Done, Skipped
from workflows.actions.outside import CallFailed, OutsideType
from workflows.messaging.breaker import Circuit


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A prepared request whose row this process holds under `lease_id`."""

    key: UUID
    lease_id: UUID
    account_id: UUID
    workflow_id: UUID
    execution_id: UUID
    kind: OutsideType
    host: str
    payload: str
    """JSON, as it is on the row."""
    data: str
    """JSON for the log row's `execution_data`."""
    guard_channel: str
    guard_until: datetime | None = None
    lost_leases: int = 0

    @property
    def circuit(self) -> Circuit:
        return Circuit(self.account_id, self.host)

    def arguments(self) -> dict[str, Any]:
        """Return the payload as `perform` gets it."""
        arguments: dict[str, Any] = orjson.loads(self.payload)
        return arguments


@dataclass(frozen=True, slots=True, eq=False)
class Finished:
    """A call that was made, and how it ended."""

    call: Call
    outcome: Done | Skipped | AwaitCallback | CallFailed
    at: float = field(default=0.0)
    """Monotonic seconds."""
