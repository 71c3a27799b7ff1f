"""The first lock of the one order workflow → execution → contact: an advisory lock by workflow.

Who moves contacts through a workflow shares it; who changes the workflow's state holds it alone. Row locks in share
mode starved the latter.
"""

from collections.abc import Iterable
from uuid import UUID

from django.db import connection

from workflows.crm import arrays


def share_workflow(workflow_id: UUID) -> None:
    """Keep the workflow in its present state until this transaction ends."""
    share_workflows([workflow_id])


def try_share_workflow(workflow_id: UUID) -> bool:
    """Keep the workflow in its present state if nobody holds it alone or waits to; never waits.

    For who holds executions or contacts already, after which the order allows no more waiting for a workflow.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock_shared(%s)", [lock_key(workflow_id)])
        return bool(cursor.fetchone()[0])


def share_workflows(workflow_ids: Iterable[UUID]) -> None:
    """Keep several workflows in their present state; taken in one order, so that two batches cannot cross."""
    keys = sorted({lock_key(workflow_id) for workflow_id in workflow_ids})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock_shared(key) FROM unnest(%s::bigint[]) AS key", [arrays.numbers(keys)]
        )


def lock_workflow_exclusively(workflow_id: UUID) -> None:
    """Wait for the batches in hand and keep new ones out until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key(workflow_id)])


def is_wanted(workflow_ids: Iterable[UUID]) -> bool:
    """Say whether somebody waits to hold one of the workflows alone."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT EXISTS (
                SELECT FROM pg_locks
                WHERE locktype = 'advisory' AND NOT granted AND mode = 'ExclusiveLock'
                      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                      AND (classid::bigint << 32) | objid::bigint = ANY(%s::bigint[])
            )
            """,
            [arrays.numbers(map(lock_key, workflow_ids))],
        )
        return bool(cursor.fetchone()[0])


def lock_key(workflow_id: UUID) -> int:
    """Return the random half of the id as the signed number that advisory locks take."""
    return int.from_bytes(workflow_id.bytes[8:], "big", signed=True)
