"""The executions of one batch while they are in hand: read under their lock, changed in memory, written at the end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from workflows.crm import arrays
from workflows.crm.copies import ContactCopy
from workflows.engine.plans import Plan, PlanStep, plans_of
from workflows.models import ExecutionStatus


@dataclass(slots=True, eq=False)
class Run:
    """One execution in hand. `step` is where it stands; None: at the end."""

    id: UUID
    account_id: UUID
    plan: Plan
    contact_id: UUID
    step: PlanStep | None
    depth: int
    visits: int
    window_started_at: datetime | None
    window_visits: int
    jumps: int
    lost_leases: int
    waiting_log_id: UUID | None
    trigger: dict[str, Any]
    results: dict[str, Any]
    reentry_key: str | None
    started_at: datetime | None
    was_due_at: datetime | None
    """Kept when the batch runs out of time, so that whoever was due first stays first."""
    contact: ContactCopy
    """Read when the contacts are locked; until then an empty copy."""
    status: str = ExecutionStatus.ACTIVE
    pause_reason: str = ""
    is_in_lane: bool = False
    """Its step's effect outside is with a lane, which will move it on."""
    cancelled_for: str = ""
    """Why it ends behind the step that it is taking: that step cancelled it."""
    completion_reason: str = ""
    error_message: str = ""
    due_at: datetime | None = None
    completed_at: datetime | None = None

    @property
    def workflow_id(self) -> UUID:
        return self.plan.workflow_id

    def end(self, status: str, reason: str, at: datetime, message: str = "") -> None:
        """End the execution; nothing of it is due any more and the contact may enter again."""
        self.status = status
        self.completion_reason = reason
        self.completed_at = at
        self.error_message = message
        self.due_at = None
        self.reentry_key = None
        if status == ExecutionStatus.COMPLETED:
            self.step = None


def load_survivors(*, lease_id: UUID, execution_ids: Sequence[UUID]) -> list[Run]:
    """Lock and return the executions of the claim that are still ours.

    Who was cancelled, paused or deleted since the claim has lost its lease and is left out.
    """
    return load("AND lease_id = %s AND status = 'active'", execution_ids, lease_id)


def load_runs(execution_ids: Sequence[UUID]) -> list[Run]:
    """Lock and return executions as they are, whatever their status."""
    return load("", execution_ids)


def load(condition: str, execution_ids: Sequence[UUID], *parameters: UUID) -> list[Run]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT id, account_id, version_id, contact_id, current_action_id, depth, visits, visit_window_started_at,
                   window_visits, jumps, lost_leases, waiting_log_id, trigger_data, steps, reentry_key, started_at,
                   status, pause_reason, due_at
            FROM workflow_executions
            WHERE id = ANY(%s::uuid[]) {condition}
            ORDER BY id
            FOR UPDATE
            """,  # noqa: S608 - one of two constants
            [arrays.ids(execution_ids), *parameters],
        )
        rows = cursor.fetchall()
    plans = plans_of([row[2] for row in rows])
    return [
        Run(
            id=row[0],
            account_id=row[1],
            plan=plans[row[2]],
            contact_id=row[3],
            step=plans[row[2]].by_action.get(row[4]),
            depth=row[5],
            visits=row[6],
            window_started_at=row[7],
            window_visits=row[8],
            jumps=row[9],
            lost_leases=row[10],
            waiting_log_id=row[11],
            trigger=orjson.loads(row[12]),
            results=orjson.loads(row[13]),
            reentry_key=row[14],
            started_at=row[15],
            was_due_at=row[18],
            contact=ContactCopy(row[3], row[1]),
            status=row[16],
            pause_reason=row[17],
        )
        for row in rows
    ]
