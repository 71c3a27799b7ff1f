"""What one lane of one process knows of sending limits: whose calls wait for a slot, and which slots are in use."""

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from workflows.engine import clock
from workflows.engine.perform.calls import Call, Finished
from workflows.engine.perform.holding_back import PAGE_SIZE, hold_to_pace
from workflows.engine.perform.starting import Started
from workflows.messaging.breaker import Circuit
from workflows.messaging.pacing import LIMITED, Paces, free_slots, look

SHORTEST_WAIT = 0.02  # seconds
LONGEST_WAIT = 0.25
"""Seconds after which a slot is asked for again, whatever is said of when it is free: its call may end earlier."""
LOOK_FOR_MORE_EVERY = 0.5
"""Seconds between looks whether more is ready than the limit lets go."""


class Waiting:
    """Keeps the calls of one lane to the limits of accounts and connections."""

    def __init__(self, lane: str) -> None:
        self._lane = lane
        self._until: dict[Circuit, float] = {}
        self._slots: dict[UUID, Sequence[UUID]] = {}
        self._looked_until: dict[Circuit, float] = {}
        self.paces = Paces(lane)
        """As they were when the lane last claimed."""

    def must_wait(self, call: Call) -> bool:
        """Say whether it is too early to ask for a slot again."""
        return self._until.get(call.circuit, 0.0) > time.monotonic()

    def seconds(self, calls: Iterable[Call], *, at_most: float) -> float:
        """Return after how many seconds a slot may be there for one of the calls that wait."""
        times = [self._until[call.circuit] for call in calls if call.circuit in self._until]
        return max(SHORTEST_WAIT, min([at_most, *(each - time.monotonic() for each in times)]))

    def note(self, started: Started, calls: Iterable[Call]) -> None:
        """Remember the slots of calls that start, and when to ask again for those that do not."""
        self._slots |= started.slots
        if not started.waiting:
            return
        now, at = clock.now(), time.monotonic()
        self._until = {circuit: until for circuit, until in self._until.items() if until > at}
        for call in calls:
            if call.key in started.waiting:
                self._until[call.circuit] = at + wait_for(started.waiting[call.key], now)

    def look(self, circuits: Sequence[Circuit], now: datetime) -> None:
        """Read the limits, and give turns to a page of rows for which the next seconds have no slot."""
        if self._lane not in LIMITED:
            return
        self.paces = look(self._lane, {circuit.account_id for circuit in circuits}, now=now)
        at = time.monotonic()
        self._looked_until = {circuit: until for circuit, until in self._looked_until.items() if until > at}
        for circuit in circuits:
            per_second = self.paces.per_second(circuit)
            if per_second and self.paces.is_used_up(circuit) and circuit not in self._looked_until:
                held = hold_to_pace(self._lane, circuit, per_second=per_second, now=now)
                if held < PAGE_SIZE:
                    self._looked_until[circuit] = at + LOOK_FOR_MORE_EVERY

    def free(self, page: Sequence[Finished]) -> None:
        """Give back the slots of calls that are over."""
        ages: Mapping[UUID, float] = {
            each.call.key: time.monotonic() - each.at for each in page if self._slots.get(each.call.key)
        }
        if ages:
            now = clock.now()
            free_slots({key: (self._slots[key], now - timedelta(seconds=age)) for key, age in ages.items()})
        for each in page:
            self._slots.pop(each.call.key, None)


def wait_for(free_at: datetime | None, now: datetime) -> float:
    seconds = (free_at - now).total_seconds() if free_at else 0.0
    return min(LONGEST_WAIT, max(SHORTEST_WAIT, seconds))
