"""One lane in one process: claims, prepares, starts and writes back, round after round, while calls are in flight.

Everything but the calls themselves happens in one thread, so that nothing here needs a lock but the list of what is
over. A round takes what there is: what was finished meanwhile is written back together, what may start now is started
by one statement. A call that hangs holds up nothing but its own place.
"""

import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID

import structlog
from django.conf import settings

from workflows.engine import clock
from workflows.engine.failures import is_nobodys_fault, is_passing
from workflows.engine.perform.calls import Call, Finished
from workflows.engine.perform.capacity import Caps, Room, caps_of
from workflows.engine.perform.claiming import UNKNOWN_HOST, LaneClaim, claim_lost, claim_rows, due_circuits
from workflows.engine.perform.doors import Doors, doors_of, slow_down
from workflows.engine.perform.finishing import outcome_of, record_with_breaker, write_back
from workflows.engine.perform.holding_back import hold_back
from workflows.engine.perform.preparing import prepare
from workflows.engine.perform.recovering import abandon
from workflows.engine.perform.rows import extend, release
from workflows.engine.perform.starting import start
from workflows.engine.perform.threads import Caller, Inline
from workflows.engine.perform.waiting import Waiting

logger = structlog.get_logger(__name__)

ATTEMPTS = 8
WRITE_BACK_AFTER = 0.05  # seconds that an outcome waits for company at most
WRITE_BACK_AT = 50
CLAIM_SIZE = 64
AHEAD = 3
"""How many calls are in hand for each that may be in flight; a host's next ones are claimed once it has room for as
many as may be in flight, since a claim of many costs little more than a claim of one."""
LEAST_UNKNOWN = 8
SHORT_PAUSE = timedelta(seconds=5)
LOST_ONCE = range(1, 2)
LOST_MORE_OFTEN = range(2, 32768)
LOST_ONCE_SIZE = 8
LOOK_FOR_LOST_EVERY = 1.0  # seconds

Result = TypeVar("Result")


class LaneRunner:
    """The lane's work in this process; `turn()` is one round."""

    def __init__(self, lane: str, *, caller: Caller, caps: Caps, ring: Callable[[], None] = lambda: None) -> None:
        self.lane = lane
        self.caps = caps
        self._caller = caller
        self._ring = ring
        self._over: deque[Finished] = deque()
        self._to_write: list[Finished] = []
        self._ready: dict[str, deque[Call]] = {}
        self._in_flight: dict[UUID, Call] = {}
        self._to_release: list[tuple[UUID, UUID]] = []
        self._extended_at = time.monotonic()
        self._looked_for_lost_at = 0.0
        self._unknown_size = CLAIM_SIZE
        self._waiting = Waiting(lane)
        self.may_be_more = True
        """Whether something may be ready that was not claimed for want of room, or not looked for."""

    # What is in hand

    @property
    def is_empty(self) -> bool:
        """Nothing is prepared, in flight or to be written."""
        return not (self._ready or self._in_flight or self._to_write or self._over)

    @property
    def is_resting(self) -> bool:
        """Nothing happens by itself before a call ends or somebody asks."""
        return not (self._to_write or self._over)

    @property
    def only_waits(self) -> bool:
        """All that is in hand waits for its sending limit."""
        calls = self.prepared()
        return bool(calls) and not self._in_flight and self.is_resting and all(map(self._waiting.must_wait, calls))

    def rest_seconds(self, longest: float) -> float:
        """Return how long there is nothing to do, unless a call ends or somebody asks."""
        return self._waiting.seconds(self.prepared(), at_most=longest if self.is_resting else WRITE_BACK_AFTER)

    def in_hand(self) -> list[Call]:
        return [*self.prepared(), *self._in_flight.values(), *(each.call for each in self._to_write)]

    def prepared(self) -> list[Call]:
        return [call for calls in self._ready.values() for call in calls]

    def room(self) -> "Room":
        """Return the room for more prepared calls, so that no place waits for its next one."""
        caps = self.caps
        return Room(
            Caps(AHEAD * caps.total, AHEAD * caps.per_account, AHEAD * caps.per_host),
            self.in_hand(),
            prepared=self.prepared(),
            paces=self._waiting.paces,
        )

    # One round

    def turn(self, *, claims: bool = True) -> None:
        """Write back, start, claim and prepare what there is."""
        self.keep_leases()
        self.collect()
        self.start_ready()
        if claims and (self.may_be_more or self._to_release):
            self.claim_more()
            self.start_ready()

    def collect(self) -> None:
        """Write finished calls back, a few together."""
        self.take_over()
        if not self._to_write:
            return
        is_due = time.monotonic() - self._to_write[0].at > WRITE_BACK_AFTER
        if is_due or len(self._to_write) >= WRITE_BACK_AT or not self._in_flight:
            self.write()

    def take_over(self) -> None:
        """Take what the threads have finished."""
        while self._over:
            finished = self._over.popleft()
            del self._in_flight[finished.call.key]
            self._to_write.append(finished)

    def write(self) -> None:
        page, self._to_write = self._to_write, []
        try:
            self.write_page(page)
        except Exception as error:
            if is_nobodys_fault(error) or is_passing(error):
                self._to_write = page + self._to_write
            raise
        self._waiting.free(page)
        self.may_be_more = True
        closed = record_with_breaker(page) | slow_down(page)
        self.drop([call for call in self.prepared() if call.circuit in closed])

    def write_page(self, page: Sequence[Finished]) -> None:
        """Write a page back; one that fails is halved down to the outcome at fault, which is left to recovery."""
        try:
            repeated(partial(write_back, page))
            return
        except Exception as error:
            if is_nobodys_fault(error) or is_passing(error):
                raise
            if len(page) == 1:
                logger.exception("an outcome could not be written", lane=self.lane, key=str(page[0].call.key))
                return
        half = len(page) // 2
        self.write_page(page[:half])
        self.write_page(page[half:])

    def start_ready(self) -> None:
        """Start as many prepared calls as caps and sending limits allow, hosts in turn."""
        calls = self.startable()
        if not calls:
            return
        try:
            started = repeated(partial(start, self.lane, calls))
        except Exception:
            self._to_release += [(call.key, call.lease_id) for call in calls]
            self.forget(calls)
            raise
        self._waiting.note(started, calls)
        self.forget([call for call in calls if call.key not in started.waiting])
        if len(started.slots) + len(started.waiting) < len(calls):
            self.may_be_more = True
        for call in calls:
            if call.key in started.slots:
                self._in_flight[call.key] = call
                self._caller.run(partial(self._make, call))

    def startable(self) -> list[Call]:
        room = Room(self.caps, self._in_flight.values())
        queues = [deque(call for call in calls if not self._waiting.must_wait(call)) for calls in self._ready.values()]
        queues = [queue for queue in queues if queue]
        chosen: list[Call] = []
        while queues:
            for queue in list(queues):
                if room.take(queue[0].circuit):
                    chosen.append(queue.popleft())
                else:
                    queue.clear()
                if not queue:
                    queues.remove(queue)
        return chosen

    def forget(self, calls: Iterable[Call]) -> None:
        gone = {call.key for call in calls}
        for host in list(self._ready):
            self._ready[host] = deque(call for call in self._ready[host] if call.key not in gone)
            if not self._ready[host]:
                del self._ready[host]

    def _make(self, call: Call) -> None:
        outcome = outcome_of(call)
        self._over.append(Finished(call, outcome, time.monotonic()))
        self._ring()

    # Claiming

    def claim_more(self) -> None:
        """Claim and prepare, if there is room and something ready."""
        self.release_dropped()
        now = clock.now()
        self.may_be_more = False
        if time.monotonic() - self._looked_for_lost_at > LOOK_FOR_LOST_EVERY:
            self.claim_lost(now)
        due = due_circuits(self.lane, now)
        repeated(partial(self._waiting.look, due, now))
        room = self.room()
        circuits = {circuit: room.left(circuit) for circuit in due}
        hosts = [circuit for circuit, left in circuits.items() if circuit.host and left >= room.worth_a_claim(circuit)]
        doors = doors_of(hosts, now=now)
        limits = {circuit: min(left, self._unknown_size) for circuit, left in circuits.items() if not circuit.host}
        for circuit, (admission, reason) in doors.items():
            limits[circuit] = circuits[circuit] if admission.limit is None else min(circuits[circuit], admission.limit)
            if admission.retry_at is not None and admission.retry_at - now > SHORT_PAUSE:
                repeated(partial(hold_back, self.lane, circuit, until=admission.retry_at, reason=reason))
        claim = claim_rows(self.lane, limits=limits, size=CLAIM_SIZE, now=now)
        self.may_be_more |= len(claim) > 0
        self.prepare(claim, doors)

    def claim_lost(self, now: datetime) -> None:
        """Take rows whose workers died, few at a time and none of them twice: one of them may be the cause."""
        for lost, size in ((LOST_ONCE, LOST_ONCE_SIZE), (LOST_MORE_OFTEN, 1)):
            left = size - sum(call.lost_leases in lost for call in self.in_hand())
            if left > 0:
                claim = claim_lost(self.lane, lost=lost, size=left, now=now)
                self.prepare(claim, {})
                if len(claim):
                    self.may_be_more = True
                    return
        self._looked_for_lost_at = time.monotonic()

    def prepare(self, claim: LaneClaim, doors: Doors) -> None:
        if not len(claim):
            return
        try:
            page = repeated(lambda: prepare(claim, doors=doors, has_room=self.room().take))
        except Exception:
            self._to_release += [(row.key, claim.lease_id) for row in claim.rows]
            raise
        for call in page.calls:
            self._ready.setdefault(call.host, deque()).append(call)
        self.learn(claim, {circuit.host for circuit in page.crowded}, {call.host for call in page.calls})

    def learn(self, claim: LaneClaim, crowded: set[str], served: set[str]) -> None:
        """Take fewer rows of unknown hosts while all they call is crowded, more when one is not."""
        if not any(row.host == UNKNOWN_HOST for row in claim.rows):
            return
        if served - crowded:
            self._unknown_size = min(CLAIM_SIZE, self._unknown_size * 2)
        elif crowded:
            self._unknown_size = max(LEAST_UNKNOWN, self._unknown_size // 2)

    # Leases

    def keep_leases(self) -> None:
        """Extend the leases of what is in hand, every third of a lease."""
        seconds = settings.ENGINE["lease_seconds"]
        if time.monotonic() - self._extended_at < seconds / 3:
            return
        calls = self.in_hand()
        extend([call.key for call in calls], [call.lease_id for call in calls], seconds=seconds)
        self._extended_at = time.monotonic()

    def drop(self, calls: Sequence[Call]) -> None:
        """Give prepared calls back."""
        self.forget(calls)
        self._to_release += [(call.key, call.lease_id) for call in calls]
        self.release_dropped()

    def release_dropped(self) -> None:
        if self._to_release:
            release([key for key, _ in self._to_release], [lease_id for _, lease_id in self._to_release])
            self._to_release.clear()

    def give_up(self) -> None:
        """Before the process ends: what is prepared goes back, what is in flight is left as if the process had died."""
        self.drop(self.prepared())
        self.take_over()
        if self._to_write:
            self.write()
        calls = list(self._in_flight.values())
        if calls:
            abandon([call.key for call in calls], [call.lease_id for call in calls])


def repeated(call: Callable[[], Result]) -> Result:
    """Call again after a deadlock or a lock time-out."""
    for attempt in range(1, ATTEMPTS):
        try:
            return call()
        except Exception as error:
            if not is_passing(error):
                raise
            logger.info("a lane's transaction is repeated", attempt=attempt, error=str(error))
            time.sleep(random.uniform(0, 0.05 * attempt))  # noqa: S311
    return call()


def perform_due(lane: str) -> None:
    """Make all calls that are due, and within the limits, one by one in the caller's thread.

    For tests, and where no worker runs.
    """
    runner = LaneRunner(lane, caller=Inline(), caps=caps_of(lane))
    while runner.may_be_more or not runner.is_empty:
        runner.turn()
        if runner.only_waits:
            runner.drop(runner.prepared())
            return
