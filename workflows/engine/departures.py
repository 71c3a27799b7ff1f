"""What happens to the executions of contacts that are deleted: they end in the deleting transaction.

Registered with `workflows.crm` when the app starts. Lock order: workflows and executions before the contacts, then,
the contacts being locked, once more for who was enrolled meanwhile.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import connection

from workflows.crm import arrays
from workflows.engine.holding import end_executions
from workflows.engine.locks import share_workflows
from workflows.models import CompletionReason


def end_runs(*, account_id: UUID, contact_ids: Collection[UUID], now: datetime) -> None:
    """Cancel the contacts' executions; waits for the batches that have them in hand."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT workflow_id FROM workflow_executions
            WHERE account_id = %s AND contact_id = ANY(%s::uuid[])
                  AND status IN ('queued', 'active', 'waiting', 'paused')
            """,
            [account_id, arrays.ids(contact_ids)],
        )
        workflow_ids = [row[0] for row in cursor.fetchall()]
    if workflow_ids:
        share_workflows(workflow_ids)
        end_locked(account_id, contact_ids, now, "FOR NO KEY UPDATE")


def end_late_runs(*, account_id: UUID, contact_ids: Collection[UUID], now: datetime) -> None:
    """Cancel what was enrolled before the contacts were locked.

    Does not wait: a batch that holds such an execution waits for the contact, finds it gone and cancels the execution.
    """
    end_locked(account_id, contact_ids, now, "FOR NO KEY UPDATE SKIP LOCKED")


def end_locked(account_id: UUID, contact_ids: Collection[UUID], now: datetime, locking: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT id FROM workflow_executions
            WHERE account_id = %s AND contact_id = ANY(%s::uuid[])
                  AND status IN ('queued', 'active', 'waiting', 'paused')
            ORDER BY id {locking}
            """,  # noqa: S608 - one of two constants
            [account_id, arrays.ids(contact_ids)],
        )
        execution_ids = [row[0] for row in cursor.fetchall()]
    if execution_ids:
        end_executions(execution_ids=execution_ids, reason=CompletionReason.CONTACT_DELETED, now=now)
