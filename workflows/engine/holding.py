"""What authoring and crm do to executions from outside: pause, resume, cancel, move.

Each is called inside the caller's transaction, which holds the workflow alone (`lock_workflow_exclusively`). Claims
leave out workflows that are not active at once; so only the first page of executions is changed right away, and ticks
bring the others in line page by page. A page in flight has lost its lease by then and is left out by its batch.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from workflows.crm import arrays
from workflows.engine.locks import share_workflow
from workflows.engine.moving import Moves, move_executions
from workflows.engine.perform.handover import drop_dispatches, park_dispatches, resume_dispatches
from workflows.engine.wake import Tick, wake
from workflows.models import WorkflowStatus

__all__ = [
    "Moves",
    "cancel_executions",
    "move_executions",
    "pause_executions",
    "resume_executions",
]

PAGE_SIZE = 2000
FIRST_PAGE_SIZE = 200
"""What the caller waits for: enough that a small workflow shows its new state at once."""
LIVE = ("queued", "active", "waiting")
HIGHEST_ID = UUID(int=2**128 - 1)


def pause_executions(workflow_id: UUID, now: datetime) -> None:
    """Take the workflow's executions out of what is due; their waits keep their time."""
    park_page(workflow_id, HIGHEST_ID, now, size=FIRST_PAGE_SIZE)
    wake(Tick.SETTLE_WORKFLOW, workflow_id=str(workflow_id))


def resume_executions(workflow_id: UUID, now: datetime) -> None:
    """Restore the status and due time that each execution had; what is overdue goes on at once."""
    resume_page(workflow_id, HIGHEST_ID, now, size=FIRST_PAGE_SIZE)
    wake(Tick.SETTLE_WORKFLOW, workflow_id=str(workflow_id))
    wake(Tick.ADVANCE)


def cancel_executions(workflow_id: UUID, reason: str, now: datetime) -> None:
    """End what is inside as `cancelled` with the reason given."""
    cancel_page(workflow_id, HIGHEST_ID, reason, now, size=FIRST_PAGE_SIZE)
    wake(Tick.CANCEL_EXECUTIONS, workflow_id=str(workflow_id), reason=reason, before=now.isoformat())


def settle_workflow(workflow_id: UUID, now: datetime) -> None:
    """Bring all executions in line with their workflow's state, page by page, while it stays paused or active."""
    last: UUID | None = HIGHEST_ID
    while last is not None:
        with transaction.atomic():
            share_workflow(workflow_id)
            match state_of(workflow_id):
                case WorkflowStatus.PAUSED:
                    last = park_page(workflow_id, last, now, size=PAGE_SIZE)
                case WorkflowStatus.ACTIVE:
                    last = resume_page(workflow_id, last, now, size=PAGE_SIZE)
                case _:
                    return


def cancel_all(workflow_id: UUID, reason: str, before: datetime) -> None:
    """End, page by page, everything that was inside at the time `before`."""
    last: UUID | None = HIGHEST_ID
    while last is not None:
        with transaction.atomic():
            share_workflow(workflow_id)
            last = cancel_page(workflow_id, last, reason, before, size=PAGE_SIZE)


def park_page(workflow_id: UUID, below: UUID, now: datetime, *, size: int) -> UUID | None:
    ids = page_of(workflow_id, below, LIVE, size=size)
    park(execution_ids=ids, now=now)
    return next_page(ids, size)


def park(*, execution_ids: Sequence[UUID], now: datetime) -> None:
    """Pause live executions of a paused workflow and take their leases away."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE workflow_executions
            SET paused_status = status, paused_due_at = due_at, status = 'paused', pause_reason = 'workflow_paused',
                due_at = NULL, lease_id = NULL, lease_until = NULL, updated_at = %s
            WHERE id = ANY(%s::uuid[]) AND status IN ('queued', 'active', 'waiting')
            """,
            [now, arrays.ids(execution_ids)],
        )
    park_dispatches(execution_ids)


def resume_page(workflow_id: UUID, below: UUID, now: datetime, *, size: int) -> UUID | None:
    ids = page_of(workflow_id, below, ("paused",), size=size)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE workflow_executions
            SET status = paused_status, due_at = paused_due_at, pause_reason = '', paused_status = '',
                paused_due_at = NULL, updated_at = %s
            WHERE id = ANY(%s::uuid[]) AND status = 'paused' AND pause_reason = 'workflow_paused'
            """,
            [now, arrays.ids(ids)],
        )
    resume_dispatches(ids)
    return next_page(ids, size)


def cancel_page(workflow_id: UUID, below: UUID, reason: str, before: datetime, *, size: int) -> UUID | None:
    ids = page_of(workflow_id, below, (*LIVE, "paused"), created_until=before, size=size)
    end_executions(execution_ids=ids, reason=reason, now=before)
    return next_page(ids, size)


def end_executions(*, execution_ids: Sequence[UUID], reason: str, now: datetime) -> None:
    """Cancel locked, live executions; the wait that one stands in is logged as skipped, reason `cancelled`.

    A call in flight is not called back: its outcome will be logged when it is known.
    """
    id_list = arrays.ids(execution_ids)
    drop_dispatches(execution_ids, now)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE workflow_action_executions log
            SET status = 'skipped', completed_at = %(now)s, result_data = log.result_data || '{"reason": "cancelled"}',
                duration_ms = LEAST(2147483647, GREATEST(0, extract(epoch FROM %(now)s - log.started_at) * 1000))
            FROM workflow_executions execution
            WHERE execution.id = ANY(%(ids)s::uuid[]) AND log.id = execution.waiting_log_id
                  AND log.status IN ('pending', 'scheduled', 'waiting')
            """,
            {"now": now, "ids": id_list},
        )
    mark_cancelled(execution_ids=execution_ids, reason=reason, now=now)


def mark_cancelled(*, execution_ids: Sequence[UUID], reason: str, now: datetime) -> None:
    """Cancel locked, live executions without a word on what they stood in: that is left to who has them in hand."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE workflow_executions
            SET status = 'cancelled', completion_reason = %s, pause_reason = '', paused_status = '',
                paused_due_at = NULL, due_at = NULL, lease_id = NULL, lease_until = NULL, waiting_log_id = NULL,
                reentry_key = NULL, completed_at = %s, updated_at = %s
            WHERE id = ANY(%s::uuid[]) AND status IN ('queued', 'active', 'waiting', 'paused')
            """,
            [reason, now, now, arrays.ids(execution_ids)],
        )


def page_of(
    workflow_id: UUID, below: UUID, statuses: Iterable[str], *, size: int, created_until: datetime | None = None
) -> list[UUID]:
    """Lock and return the next executions of the workflow in one of the statuses, newest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH page AS MATERIALIZED (
                SELECT id FROM workflow_executions
                WHERE workflow_id = %s AND id < %s AND status = ANY(%s)
                      AND (%s::timestamptz IS NULL OR created_at <= %s)
                ORDER BY id DESC LIMIT %s
            )
            SELECT execution.id FROM workflow_executions execution JOIN page USING (id)
            ORDER BY execution.id FOR NO KEY UPDATE OF execution
            """,
            [workflow_id, below, list(statuses), created_until, created_until, size],
        )
        return [row[0] for row in cursor.fetchall()]


def next_page(ids: list[UUID], size: int) -> UUID | None:
    """Return below which id to go on, or None when that page was the last."""
    return ids[0] if len(ids) == size else None


def state_of(workflow_id: UUID) -> str | None:
    """Return the workflow's status; None when it was deleted."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT status FROM workflows_workflow WHERE id = %s AND deleted_at IS NULL", [workflow_id])
        row = cursor.fetchone()
    return row[0] if row else None
