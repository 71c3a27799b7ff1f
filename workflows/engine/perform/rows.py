"""Dispatch rows in hand: read under their lock, changed in memory, written in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from workflows.crm import arrays
from workflows.engine.retrying import History

COLUMNS = """
id, execution_id, action_id, visit, log_id, lane, host, status, due_at, lease_id, lost_leases, attempts, failures,
rate_limits, rate_limited_since, is_ambiguous, request
"""


@dataclass(slots=True, eq=False)
class Dispatched:
    """A locked row."""

    key: UUID
    execution_id: UUID
    action_id: UUID
    visit: int
    log_id: UUID
    lane: str
    host: str
    status: str
    due_at: datetime
    lease_id: UUID | None
    lost_leases: int
    attempts: int
    history: History
    request: str | None

    def leave(self, status: str) -> None:
        """Give the lease back; the request goes, since the next attempt renders anew."""
        self.status = status
        self.lease_id = None
        self.request = None


def lock_leased(keys: Sequence[UUID], lease_ids: Sequence[UUID], status: str) -> list[Dispatched]:
    """Lock and return those rows that are still held under their lease; the executions are locked already."""
    return _lock(
        f"""
        SELECT {COLUMNS} FROM workflow_dispatches
        JOIN unnest(%s::uuid[], %s::uuid[]) AS mine (key, lease) ON mine.key = id AND mine.lease = lease_id
        WHERE status = %s ORDER BY id FOR UPDATE OF workflow_dispatches
        """,  # noqa: S608 - a constant
        [arrays.ids(keys), arrays.ids(lease_ids), status],
    )


def lock_expired(keys: Sequence[UUID]) -> list[Dispatched]:
    """Lock and return those rows whose lease has run out."""
    return _lock(
        f"""
        SELECT {COLUMNS} FROM workflow_dispatches
        WHERE id = ANY(%s::uuid[]) AND lease_id IS NOT NULL AND lease_until < clock_timestamp()
        ORDER BY id FOR UPDATE
        """,  # noqa: S608 - a constant
        [arrays.ids(keys)],
    )


def lock_of_logs(log_ids: Sequence[UUID], execution_ids: Sequence[UUID], status: str) -> list[Dispatched]:
    """Lock and return the rows of these visits."""
    return _lock(
        f"""
        SELECT {COLUMNS} FROM workflow_dispatches
        WHERE execution_id = ANY(%s::uuid[]) AND log_id = ANY(%s::uuid[]) AND status = %s ORDER BY id FOR UPDATE
        """,  # noqa: S608 - a constant
        [arrays.ids(execution_ids), arrays.ids(log_ids), status],
    )


def write_rows(rows: Sequence[Dispatched]) -> None:
    """Write every row's new state; those without a lease have none until they are claimed again."""
    if not rows:
        return
    histories = [row.history for row in rows]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE workflow_dispatches dispatch
            SET status = row.status, host = row.host, due_at = row.due_at, lease_id = row.lease_id,
                lease_until = CASE WHEN row.lease_id IS NULL THEN NULL ELSE dispatch.lease_until END,
                lost_leases = row.lost_leases, failures = row.failures, rate_limits = row.rate_limits,
                rate_limited_since = row.rate_limited_since, is_ambiguous = row.is_ambiguous,
                request = NULLIF(row.request, 'null'::jsonb)
            FROM ROWS FROM (
                unnest(
                    %s::uuid[], %s::text[], %s::text[], %s::timestamptz[], %s::uuid[], %s::smallint[], %s::smallint[],
                    %s::smallint[], %s::timestamptz[], %s::boolean[]
                ),
                jsonb_array_elements(%s::jsonb)
            ) AS row (
                id, status, host, due_at, lease_id, lost_leases, failures, rate_limits, rate_limited_since,
                is_ambiguous, request
            )
            WHERE dispatch.id = row.id
            """,
            [
                arrays.ids([row.key for row in rows]),
                arrays.texts([row.status for row in rows]),
                arrays.texts([row.host for row in rows]),
                arrays.times([row.due_at for row in rows]),
                arrays.ids([row.lease_id for row in rows]),
                arrays.numbers([row.lost_leases for row in rows]),
                arrays.numbers([min(history.failures, 32767) for history in histories]),
                arrays.numbers([min(history.rate_limits, 32767) for history in histories]),
                arrays.times([history.rate_limited_since for history in histories]),
                arrays.texts(["true" if history.is_ambiguous else "false" for history in histories]),
                "[" + ",".join([row.request or "null" for row in rows]) + "]",
            ],
        )


def delete_rows(keys: Sequence[UUID]) -> None:
    """Remove rows whose outcome is known, and their requests with them."""
    if keys:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM workflow_dispatches WHERE id = ANY(%s::uuid[])", [arrays.ids(keys)])


def release(keys: Sequence[UUID], lease_ids: Sequence[UUID], *, delay_seconds: float = 0) -> None:
    """Give back what was claimed and not begun; what somebody else has locked is left to them."""
    if not keys:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE workflow_dispatches dispatch
            SET status = 'ready', lease_id = NULL, lease_until = NULL, request = NULL,
                due_at = dispatch.due_at + make_interval(secs => %s)
            FROM (
                SELECT id FROM workflow_dispatches
                JOIN unnest(%s::uuid[], %s::uuid[]) AS mine (key, lease) ON mine.key = id AND mine.lease = lease_id
                WHERE status = 'claimed' ORDER BY id FOR UPDATE OF workflow_dispatches SKIP LOCKED
            ) held
            WHERE dispatch.id = held.id
            """,
            [delay_seconds, arrays.ids(keys), arrays.ids(lease_ids)],
        )


def extend(keys: Sequence[UUID], lease_ids: Sequence[UUID], *, seconds: float) -> None:
    """Keep the leases of what is in hand alive; rows in somebody's transaction need none."""
    if not keys:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE workflow_dispatches dispatch
            SET lease_until = clock_timestamp() + make_interval(secs => %s)
            FROM (
                SELECT id FROM workflow_dispatches
                JOIN unnest(%s::uuid[], %s::uuid[]) AS mine (key, lease) ON mine.key = id AND mine.lease = lease_id
                FOR NO KEY UPDATE OF workflow_dispatches SKIP LOCKED
            ) held
            WHERE dispatch.id = held.id
            """,
            [seconds, arrays.ids(keys), arrays.ids(lease_ids)],
        )


def _lock(statement: str, parameters: Sequence[str]) -> list[Dispatched]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return [
            Dispatched(*row[:12], History(*row[12:16]), row[16])  # type: ignore[call-arg]  # mypy cannot count slices
            for row in cursor.fetchall()
        ]
