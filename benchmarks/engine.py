"""Measuring the engine: two worker processes lead contacts through the ten steps; imported once Django is set up."""

import time
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection

from workflows.engine.clock import ShiftedClock
from workflows.engine.enroll import enroll_many
from workflows.engine.wake import Tick, wake
from workflows.models import ActionExecution, ActionExecutionStatus, Workflow

LIMIT_SECONDS = 900.0
AHEAD = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Measured:
    """One run."""

    steps: int
    seconds: float

    @property
    def steps_per_second(self) -> float:
        return self.steps / self.seconds


def enroll_ahead(workflow: Workflow, contact_ids: list[UUID], clock: ShiftedClock) -> float:
    """Enroll the contacts half an hour before the clock gets there; return contacts per second."""
    started = time.monotonic()
    counts = enroll_many(
        account_id=workflow.account_id,
        workflow_id=workflow.id,
        contacts=contact_ids,
        source="command",
        now=clock.now() + AHEAD,
    )
    if counts.enrolled != len(contact_ids):
        raise RuntimeError(f"only {counts} of {len(contact_ids)} were enrolled")
    return counts.enrolled / (time.monotonic() - started)


def drain(workflow: Workflow, clock: ShiftedClock, *, before: int) -> Measured:
    """Let the clock reach the due time and pass every wait; measure until all have ended and all is dispatched."""
    started = time.monotonic()
    clock.advance(AHEAD.total_seconds() + 1)
    wake(Tick.ADVANCE)
    while is_busy(workflow):
        if time.monotonic() - started > LIMIT_SECONDS:
            raise RuntimeError("the workers do not come to an end")
        clock.advance(10)
        time.sleep(0.05)
    seconds = time.monotonic() - started
    return Measured(completed_steps(workflow) - before, seconds)


def is_busy(workflow: Workflow) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT EXISTS (
                SELECT FROM workflow_executions
                WHERE workflow_id = %s AND NOT (status IN ('completed', 'failed', 'cancelled'))
            ) OR EXISTS (SELECT FROM crm_event WHERE dispatched_at IS NULL)
            """,
            [workflow.id],
        )
        return bool(cursor.fetchone()[0])


def completed_steps(workflow: Workflow) -> int:
    return ActionExecution.objects.filter(workflow_id=workflow.id, status=ActionExecutionStatus.COMPLETED).count()
