"""What became of the executions of one run so far, and waiting for them to end."""

import enum
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic, sleep
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now

from workflows.actions.outside import ErrorClass, OutsideType
from workflows.engine import clock
from workflows.engine.advance import advance
from workflows.engine.perform.lanes import perform_due
from workflows.engine.plans import Plan, PlanStep
from workflows.engine.pulse import due_lanes
from workflows.models import (
    ENDED_STATUSES,
    ActionExecution,
    ActionExecutionStatus,
    ExecutionStatus,
    WorkerHeartbeat,
    WorkflowExecution,
)

HEARTBEAT_AGE = timedelta(seconds=30)
SHORTEST_PAUSE = 0.3
PAUSE_PER_LOOK = 4
"""Looking takes a fifth of the time at most, however many executions there are."""
FAILURES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Run:
    """The executions that one call of the command made: of this workflow, from this id on, enrolled at this moment."""

    account_id: UUID
    plan: Plan
    first_id: UUID
    enrolled_at: datetime
    source: str

    def executions(self) -> QuerySet[WorkflowExecution]:
        return WorkflowExecution.objects.for_account(self.account_id).filter(
            workflow_id=self.plan.workflow_id,
            id__gte=self.first_id,
            created_at=self.enrolled_at,
            enrollment_source=self.source,
        )

    def logs(self) -> QuerySet[ActionExecution]:
        return ActionExecution.objects.for_account(self.account_id).filter(workflow_execution__in=self.executions())


class Fate(enum.StrEnum):
    """What can have become of one visit of a step, for people; in the order of the report."""

    SENT = "sent"
    COMPLETED = "completed"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SCHEDULED = "scheduled"
    WAITING = "waiting"
    ON_ITS_WAY = "on its way"


FATES = {
    ActionExecutionStatus.PENDING: Fate.ON_ITS_WAY,
    ActionExecutionStatus.RUNNING: Fate.ON_ITS_WAY,
    ActionExecutionStatus.SCHEDULED: Fate.SCHEDULED,
    ActionExecutionStatus.WAITING: Fate.WAITING,
    ActionExecutionStatus.COMPLETED: Fate.COMPLETED,
    ActionExecutionStatus.FAILED: Fate.FAILED,
    ActionExecutionStatus.SKIPPED: Fate.SKIPPED,
}


def fate_of(step: PlanStep | None, status: str, error_class: str) -> Fate:
    """Return what became of a visit; a completed step with an effect outside has sent it."""
    fate = FATES[ActionExecutionStatus(status)]
    if fate is Fate.FAILED and error_class == ErrorClass.OUTCOME_UNKNOWN:
        return Fate.UNKNOWN
    if fate is Fate.COMPLETED and step is not None and isinstance(step.kind, OutsideType):
        return Fate.SENT
    return fate


@dataclass(slots=True)
class Look:
    """Where the executions stand at one moment."""

    statuses: Counter[str] = field(default_factory=Counter)
    standing: Counter[UUID] = field(default_factory=Counter)
    """Executions that have not ended, by the step at which they stand."""
    outside: dict[UUID, Counter[Fate]] = field(default_factory=dict)
    """What became of the steps with an effect outside, by step."""
    unsettled: int = 0
    """Executions that are due or in hand: neither ended nor waiting for a later time."""

    @property
    def total(self) -> int:
        return self.statuses.total()

    @property
    def ended(self) -> int:
        return sum(self.statuses[status] for status in ENDED_STATUSES)

    @property
    def settled(self) -> int:
        return self.total - self.unsettled


def look_at(run: Run) -> Look:
    """Ask once where the run's executions stand."""
    look = Look()
    at_rest = Q(status__in=[*ENDED_STATUSES, ExecutionStatus.PAUSED]) | Q(
        status=ExecutionStatus.WAITING, due_at__gt=clock.now()
    )
    groups = run.executions().values_list("status", "current_action_id").order_by()
    for status, action_id, count, resting in groups.annotate(count=Count("id"), resting=Count("id", filter=at_rest)):
        look.statuses[status] += count
        look.unsettled += count - resting
        if status not in ENDED_STATUSES and action_id is not None:
            look.standing[action_id] += count
    outside = [step.action_id for step in run.plan.steps if isinstance(step.kind, OutsideType)]
    if outside:
        look.outside = steps_taken(run, action_ids=outside)
    return look


def watch(run: Run, *, timeout: float | None, tell: Callable[[Look, bool], None]) -> Look:
    """Look again and again until every execution has ended or waits, or `timeout` seconds are over.

    `tell` is called after each look with it and whether a worker runs. While none does, this process takes the steps.
    """
    give_up_at = monotonic() + timeout if timeout is not None else None
    while True:
        started = monotonic()
        look, has_worker = look_at(run), is_worker_alive()
        tell(look, has_worker)
        if not look.unsettled or (give_up_at is not None and monotonic() >= give_up_at):
            return look
        if not has_worker:
            advance(seconds=SHORTEST_PAUSE)
            for lane in due_lanes():
                perform_due(lane)
        else:
            sleep(max(SHORTEST_PAUSE, PAUSE_PER_LOOK * (monotonic() - started)))


def is_worker_alive() -> bool:
    """Tell whether any worker process was seen lately."""
    return WorkerHeartbeat.objects.filter(seen_at__gte=Now() - HEARTBEAT_AGE).exists()


def steps_taken(run: Run, *, action_ids: Sequence[UUID] | None = None) -> dict[UUID, Counter[Fate]]:
    """Return how often what became of each step, or of those named, by the run's log."""
    logs = run.logs() if action_ids is None else run.logs().filter(action_id__in=action_ids)
    counts: dict[UUID, Counter[Fate]] = {
        step.action_id: Counter() for step in run.plan.steps if action_ids is None or step.action_id in action_ids
    }
    rows = logs.values_list("action_id", "status", "error_class").order_by().annotate(count=Count("id"))
    for action_id, status, error_class, count in rows:
        fate = fate_of(run.plan.by_action.get(action_id), status, error_class)
        counts.setdefault(action_id, Counter())[fate] += count
    return counts


@dataclass(frozen=True, slots=True)
class Failure:
    """A message that steps failed with, and how often."""

    action_key: str
    error_class: str
    message: str
    count: int


def failures(run: Run) -> list[Failure]:
    """Return the messages of failed steps, the most frequent first, the first 20."""
    rows = (
        run.logs()
        .filter(status=ActionExecutionStatus.FAILED)
        .values_list("action_key", "error_class", "error_message")
        .order_by()
        .annotate(count=Count("id"))
        .order_by("-count", "action_key", "error_message")[:FAILURES_SHOWN]
    )
    return [Failure(*row) for row in rows]
