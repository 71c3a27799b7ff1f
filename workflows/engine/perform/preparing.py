"""From claimed rows to prepared calls, in one transaction: gated and rendered with every contact as it is now."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from workflows.actions.outcomes import Failed, Outcome
from workflows.actions.outside import HoldUntil, OutsideType, Prepared, Request
from workflows.engine import clock
from workflows.engine.batches import with_contacts, without_duplicates
from workflows.engine.finishing import write_runs
from workflows.engine.following import Ended
from workflows.engine.holding import end_executions, park
from workflows.engine.ledger import NOTHING, Texts, as_json
from workflows.engine.locks import share_workflows
from workflows.engine.outcomes import texts_of
from workflows.engine.perform.calls import Call
from workflows.engine.perform.claiming import LaneClaim
from workflows.engine.perform.doors import Doors, doors_of
from workflows.engine.perform.rows import Dispatched, delete_rows, lock_leased, write_rows
from workflows.engine.perform.turns import LaneLedger, LaneTurn, step_batch
from workflows.engine.plans import PlanStep
from workflows.engine.runs import Run, load_runs
from workflows.engine.turns import DISABLED, Attempt, Facts
from workflows.engine.wake import Tick, wake
from workflows.messaging.breaker import Circuit
from workflows.models import CompletionReason, DispatchStatus, ExecutionStatus

HOST_LENGTH = 255

Pair = tuple[Run, Dispatched]
Room = Callable[[Circuit], bool]
"""Takes one of the places that are left for calls to a host; says whether there was one."""


@dataclass(slots=True, eq=False)
class PreparedPage:
    """What came of a claim: calls to make, in their order, and the circuits for which there was no room."""

    calls: list[Call] = field(default_factory=list)
    crowded: set[Circuit] = field(default_factory=set)


class Preparation(Attempt):
    """Runs a type's `prepare_many`, in savepoints; a step that raises is found by halving and fails alone."""

    def __init__(self, step: PlanStep, pairs: Sequence[Pair], facts: Facts, now: datetime) -> None:
        super().__init__(step, facts, now)
        self.rows = {run.id: row for run, row in pairs}

    def run_many(self, runs: Sequence[Run], log_ids: Sequence[UUID]) -> tuple[Sequence[Any], Sequence[Ended]]:
        kind = self.step.kind
        if not isinstance(kind, OutsideType):
            failure = Failed("invalid_config", f"{self.step.action_type} makes no calls in this version.")
            return [failure] * len(runs), ()
        pairs = [(run, self.rows[run.id]) for run in runs]
        return kind.prepare_many(step_batch(self.step, pairs, facts=self.facts, now=self.now)), ()

    def texts(self, outcomes: Sequence[Any], count: int) -> list[Texts]:
        """For requests: payload and `execution_data` as JSON."""
        if len(outcomes) != count:
            raise TypeError(f"{count} steps were to be prepared, {len(outcomes)} answers came back")
        return [prepared_texts(outcome) for outcome in outcomes]


def prepared_texts(prepared: Prepared) -> Texts:
    match prepared:
        case Request():
            if not prepared.host or len(prepared.host) > HOST_LENGTH:
                raise ValueError("a request needs a host of at most 255 characters")
            return Texts(as_json(prepared.payload), as_json(prepared.data))
        case HoldUntil():
            return Texts(as_json({"reason": prepared.reason}), as_json(prepared.data))
    return texts_of(prepared)


def prepare(claim: LaneClaim, *, doors: Doors, has_room: Room) -> PreparedPage:
    """Prepare what is still ours of a claim and still stands at its step.

    Skipped, failed and held steps are written at once. Calls to a host that is crowded go back to be claimed when there
    is room; those to a host that admits none are held until it may be tried. `doors` says what is known already; for
    other hosts the breaker is asked.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [settings.ENGINE["lock_timeout"]])
        workflow_ids = {row.workflow_id for row in claim.rows}
        share_workflows(workflow_ids)
        now = clock.now()
        facts = Facts(list(workflow_ids))
        runs = {run.id: run for run in load_runs([row.execution_id for row in claim.rows])}
        keys = [row.key for row in claim.rows]
        rows = lock_leased(keys, [claim.lease_id] * len(keys), DispatchStatus.CLAIMED)
        work = Preparing(facts, now, doors, has_room)
        work.sort_out(rows, runs)
        work.prepare_all()
        work.write()
    return work.page


class Preparing:
    """One transaction's work."""

    def __init__(self, facts: Facts, now: datetime, doors: Doors, has_room: Room) -> None:
        self.facts = facts
        self.now = now
        self.doors = dict(doors)
        self.has_room = has_room
        self.page = PreparedPage()
        self.ledger = LaneLedger()
        self.pairs: list[Pair] = []
        self.requests: list[tuple[PlanStep, Run, Dispatched, Request, Texts]] = []
        self.changed_rows: list[Dispatched] = []
        self.changed_runs: list[Run] = []
        self.over: list[UUID] = []

    def sort_out(self, rows: Sequence[Dispatched], runs: Mapping[UUID, Run]) -> None:
        """Leave out what does not stand at its step any more, is paused, or whose contact is gone."""
        standing: list[Pair] = []
        for row in rows:
            run = runs.get(row.execution_id)
            if run is None or run.waiting_log_id != row.log_id or run.step is None:
                self.over.append(row.key)
            elif run.status == ExecutionStatus.ACTIVE and run.workflow_id in self.facts.active:
                standing.append((run, row))
        stopped = [
            row.execution_id
            for row in rows
            if row.execution_id in runs and runs[row.execution_id].workflow_id not in self.facts.active
        ]
        if stopped:
            park(execution_ids=stopped, now=self.now)
        present = {run.id for run in with_contacts([run for run, _ in standing], self.now)}
        gone = [run.id for run, _ in standing if run.id not in present]
        if gone:
            end_executions(execution_ids=gone, reason=CompletionReason.CONTACT_DELETED, now=self.now)
        self.pairs = [(run, row) for run, row in standing if run.id in present]

    def prepare_all(self) -> None:
        by_place: dict[tuple[UUID, int], list[Run]] = defaultdict(list)
        rows = {run.id: row for run, row in self.pairs}
        for run, _ in self.pairs:
            assert run.step is not None
            by_place[run.plan.version_id, run.step.index].append(run)
        for runs in by_place.values():
            for crowd in without_duplicates(runs):
                self.prepare_crowd([(run, rows[run.id]) for run in crowd])
        self.admit()

    def prepare_crowd(self, pairs: Sequence[Pair]) -> None:
        """Prepare runs that stand at the same step, and write what is no request."""
        step = pairs[0][0].step
        assert step is not None
        turn = LaneTurn(step, self.ledger, self.now)
        runs, rows = [run for run, _ in pairs], [row for _, row in pairs]
        outcomes: Sequence[Any]
        if step.is_enabled:
            outcomes, texts = Preparation(step, pairs, self.facts, self.now).take(runs, [row.log_id for row in rows])
        else:
            outcomes, texts = [DISABLED] * len(runs), [texts_of(DISABLED)] * len(runs)
        for run, row, outcome, text in zip(runs, rows, outcomes, texts, strict=True):
            if isinstance(outcome, Request):
                self.requests.append((step, run, row, outcome, text))
            elif isinstance(outcome, HoldUntil):
                self.hold(turn, run, row, outcome.at, text)
            else:
                self.conclude(turn, run, row, outcome, text)

    def conclude(self, turn: LaneTurn, run: Run, row: Dispatched, outcome: Outcome, text: Texts) -> None:
        turn.take(run, row.log_id, outcome, text)
        self.changed_runs.append(run)
        self.over.append(row.key)

    def hold(self, turn: LaneTurn, run: Run, row: Dispatched, at: datetime, text: Texts) -> None:
        turn.hold(run, row.log_id, at, text=text)
        row.leave(DispatchStatus.SCHEDULED)
        self.changed_runs.append(run)
        self.changed_rows.append(row)

    def admit(self) -> None:
        """Ask the breaker for hosts not asked for yet, and give every request its place, its time or its way back."""
        circuits = {Circuit(run.account_id, request.host) for _, run, _, request, _ in self.requests}
        self.doors |= doors_of(circuits - self.doors.keys(), now=self.now)
        places = {circuit: self.doors[circuit][0].limit for circuit in circuits}
        for step, run, row, request, text in self.requests:
            circuit = Circuit(run.account_id, request.host)
            row.host = request.host
            left = places[circuit]
            if left == 0:
                admission, reason = self.doors[circuit]
                until = admission.retry_at or self.now
                held = Texts(as_json({"reason": reason}), NOTHING.data)
                self.hold(LaneTurn(step, self.ledger, self.now), run, row, until, held)
                continue
            self.changed_rows.append(row)
            if not self.has_room(circuit):
                self.page.crowded.add(circuit)
                row.leave(DispatchStatus.READY)
                continue
            if left is not None:
                places[circuit] = left - 1
            row.request = text.result
            self.page.calls.append(call_of(step, run, row, request, text))

    def write(self) -> None:
        write_rows(self.changed_rows)
        delete_rows(self.over)
        write_runs(self.changed_runs, self.now)
        self.ledger.write(self.now)
        if any(run.due_at == self.now for run in self.changed_runs):
            wake(Tick.ADVANCE)


def call_of(step: PlanStep, run: Run, row: Dispatched, request: Request, text: Texts) -> Call:
    assert isinstance(step.kind, OutsideType)
    assert row.lease_id is not None
    return Call(
        key=row.key,
        lease_id=row.lease_id,
        account_id=run.account_id,
        workflow_id=run.workflow_id,
        execution_id=run.id,
        kind=step.kind,
        host=request.host,
        payload=text.result,
        data=text.data,
        guard_channel=request.guard_channel,
        guard_until=request.guard_until,
        lost_leases=row.lost_leases,
    )
