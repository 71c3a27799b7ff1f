"""A step's turn in a lane: outcomes change the log row that the step wrote when it was reached."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from workflows.actions.base import Step, StepBatch
from workflows.actions.outcomes import AwaitCallback, Failed, Outcome
from workflows.crm import arrays
from workflows.engine.ledger import NOTHING, Ledger, Texts
from workflows.engine.outcomes import Turn
from workflows.engine.perform.rows import Dispatched
from workflows.engine.plans import PlanStep
from workflows.engine.runs import Run
from workflows.engine.turns import Facts
from workflows.models import ActionExecutionStatus, ExecutionStatus

OPEN = (
    ActionExecutionStatus.PENDING,
    ActionExecutionStatus.SCHEDULED,
    ActionExecutionStatus.RUNNING,
    ActionExecutionStatus.WAITING,
)


@dataclass(slots=True, eq=False)
class Change:
    """What becomes of a log row; an empty `data` leaves the row's own."""

    log_id: UUID
    status: str
    text: Texts = NOTHING
    scheduled_at: datetime | None = None
    error_class: str = ""
    error_message: str = ""
    attempts: Sequence[Mapping[str, Any]] = ()
    """Failed tries to append."""
    retries: int = 0
    action_type: str = ""
    """For the count of steps; empty: the step is gone."""


@dataclass(slots=True, eq=False)
class LaneLedger(Ledger):
    """Changes of log rows that exist."""

    changes: list[Change] = field(default_factory=list)

    def write(self, now: datetime) -> None:
        Ledger.write(self, now)
        write_changes(self.changes, now)


class LaneTurn(Turn):
    """One step's turn within a lane's batch. Runs that move on are due at once."""

    ledger: LaneLedger

    def __init__(self, step: PlanStep, ledger: LaneLedger, now: datetime) -> None:
        super().__init__(step, ledger, now)
        self.attempts: dict[UUID, Sequence[Mapping[str, Any]]] = {}
        """Failed tries to note, by log row."""

    def take(self, run: Run, log_id: UUID, outcome: Outcome, text: Texts) -> None:
        """Apply one outcome."""
        if isinstance(outcome, AwaitCallback):
            self.await_callback(run, log_id, outcome, text)
        else:
            self.apply([run], [log_id], [outcome], [text], self.started_at)
        if run.status == ExecutionStatus.ACTIVE and not run.is_in_lane:
            run.due_at = self.finished_at

    def await_callback(self, run: Run, log_id: UUID, outcome: AwaitCallback, text: Texts) -> None:
        at = self.finished_at + outcome.timeout
        self.log(run, log_id, ActionExecutionStatus.WAITING, text, scheduled_at=at)
        self.rest(run, log_id, at)

    def hold(self, run: Run, log_id: UUID, at: datetime, *, text: Texts = NOTHING, retries: int = 0) -> None:
        """Let the run rest until `at`, when it returns to its lane."""
        self.log(run, log_id, ActionExecutionStatus.SCHEDULED, text, scheduled_at=at)
        self.ledger.changes[-1].retries = retries
        self.rest(run, log_id, at)

    def rest(self, run: Run, log_id: UUID, at: datetime) -> None:
        run.status = ExecutionStatus.WAITING
        run.waiting_log_id = log_id
        run.due_at = at

    def pause(self, run: Run, log_id: UUID, failure: Failed, text: Texts, reason: str) -> None:
        """Fail the step and let the run stand there until somebody acts."""
        message = failure.message.replace("\0", "")
        self.log(
            run,
            log_id,
            ActionExecutionStatus.FAILED,
            text,
            error_class=failure.error_class,
            error_message=message,
        )
        run.status = ExecutionStatus.PAUSED
        run.pause_reason = reason
        run.error_message = message
        run.due_at = None

    def log(
        self,
        run: Run,
        log_id: UUID,
        status: str,
        text: Texts,
        *,
        scheduled_at: datetime | None = None,
        error_class: str = "",
        error_message: str = "",
    ) -> None:
        attempts = self.attempts.get(log_id, ())
        change = Change(log_id, status, text, scheduled_at, error_class, error_message, attempts)
        change.action_type = self.step.action_type
        self.ledger.changes.append(change)
        run.waiting_log_id = None
        run.lost_leases = 0
        if status not in OPEN:
            self.ledger.steps_taken += 1


def step_batch(
    step: PlanStep, pairs: Sequence[tuple[Run, Dispatched]], *, facts: Facts, now: datetime, tries_begun: int = 0
) -> StepBatch:
    """Return the runs as their type sees them, with their keys; `tries_begun` of the attempts counted are not over."""
    runs = [run for run, _ in pairs]
    return StepBatch(
        [
            Step(
                execution_id=run.id,
                log_id=row.log_id,
                visit=row.visit,
                depth=run.depth,
                contact=run.contact,
                trigger=run.trigger,
                results=run.results,
                key=row.key,
                attempt=max(0, row.attempts - tries_begun),
            )
            for run, row in pairs
        ],
        account=facts.accounts[runs[0].account_id],
        workflow=facts.workflow(runs[0].plan),
        action_id=step.action_id,
        action_key=step.key,
        config=step.config,
        now=now,
    )


def write_changes(changes: Sequence[Change], now: datetime) -> None:
    """Bring the log rows up to date; those that are over get their time and duration."""
    if not changes:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE workflow_action_executions log
            SET status = change.status, scheduled_at = change.scheduled_at, error_class = change.error_class,
                error_message = change.error_message, result_data = change.result,
                execution_data = CASE change.data WHEN '{}' THEN log.execution_data ELSE change.data END,
                attempts = log.attempts || change.attempts,
                retry_count = LEAST(log.retry_count + change.retries, 32767),
                started_at = CASE WHEN change.is_over THEN COALESCE(log.started_at, %s) ELSE log.started_at END,
                completed_at = CASE WHEN change.is_over THEN %s END,
                duration_ms = CASE WHEN change.is_over THEN LEAST(
                    2147483647, GREATEST(0, extract(epoch FROM %s - COALESCE(log.started_at, %s)) * 1000)
                )::integer END
            FROM ROWS FROM (
                unnest(
                    %s::uuid[], %s::text[], %s::boolean[], %s::timestamptz[], %s::text[], %s::text[], %s::smallint[]
                ),
                jsonb_array_elements(%s::jsonb), jsonb_array_elements(%s::jsonb), jsonb_array_elements(%s::jsonb)
            ) AS change (
                id, status, is_over, scheduled_at, error_class, error_message, retries, result, data, attempts
            )
            WHERE log.id = change.id
            """,
            [
                *[now] * 4,
                arrays.ids([change.log_id for change in changes]),
                arrays.texts([change.status for change in changes]),
                arrays.texts(["false" if change.status in OPEN else "true" for change in changes]),
                arrays.times([change.scheduled_at for change in changes]),
                arrays.texts([change.error_class for change in changes]),
                arrays.texts([change.error_message for change in changes]),
                arrays.numbers([change.retries for change in changes]),
                "[" + ",".join([change.text.result for change in changes]) + "]",
                "[" + ",".join([change.text.data for change in changes]) + "]",
                arrays.objects([list(change.attempts) for change in changes]),
            ],
        )
