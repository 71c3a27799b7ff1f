"""The leases that this process holds: extended while work lasts, given back when it could not be done."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from workflows.crm import arrays
from workflows.engine.failures import is_nobodys_fault

_lock = threading.Lock()
_held: dict[UUID, float] = {}
_to_give_back: set[UUID] = set()


@contextmanager
def holding(lease_id: UUID) -> Iterator[None]:
    """Keep the lease alive within the block.

    When the database fails, the lease is given back as soon as it answers again. Any other exception lets the lease
    run out, so that the rows that cause it can be told apart by `recover`.
    """
    with _lock:
        _held[lease_id] = time.monotonic()
    try:
        yield
    except Exception as error:
        if is_nobodys_fault(error):
            with _lock:
                _to_give_back.add(lease_id)
        raise
    finally:
        with _lock:
            del _held[lease_id]


def extend_leases() -> None:
    """Extend what this process has held for a third of a lease; rows in a running transaction need none."""
    seconds = settings.ENGINE["lease_seconds"]
    with _lock:
        long_held = [lease_id for lease_id, since in _held.items() if time.monotonic() - since > seconds / 3]
    if not long_held:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE workflow_executions execution
            SET lease_until = clock_timestamp() + make_interval(secs => %s)
            FROM (
                SELECT id FROM workflow_executions
                WHERE lease_id IS NOT NULL AND lease_id = ANY(%s::uuid[])
                FOR NO KEY UPDATE SKIP LOCKED
            ) held
            WHERE execution.id = held.id
            """,
            [seconds, arrays.ids(long_held)],
        )


def give_back_failed() -> None:
    """Give back what the database's failure left in our hands; its executions are due again."""
    with _lock:
        lease_ids = list(_to_give_back)
    for lease_id in lease_ids:
        give_back(lease_id=lease_id)
        with _lock:
            _to_give_back.discard(lease_id)


def give_back(*, lease_id: UUID, execution_ids: Sequence[UUID] | None = None, delay_seconds: float = 0) -> None:
    """Return the lease of all or some of its executions, which are due again after a delay."""
    chosen = "" if execution_ids is None else "AND id = ANY(%(ids)s::uuid[])"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE workflow_executions execution
            SET lease_id = NULL, lease_until = NULL, due_at = execution.due_at + make_interval(secs => %(delay)s)
            FROM (
                SELECT id FROM workflow_executions
                WHERE lease_id IS NOT NULL AND lease_id = %(lease_id)s {chosen} ORDER BY id FOR NO KEY UPDATE
            ) held
            WHERE execution.id = held.id
            """,  # noqa: S608 - one of two constants
            {"lease_id": lease_id, "ids": arrays.ids(execution_ids or ()), "delay": delay_seconds},
        )
