"""Ready rows whose turn comes later: held page by page, without preparing them.

Those for a host that is down, or has had enough, wait until it may be tried. Those that a sending limit does not let go
within seconds get their turns one after the other, at the limit's pace, behind those that have theirs already.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil
from uuid import UUID

from django.db import connection, transaction

from workflows.crm import arrays
from workflows.messaging.breaker import Circuit

PAGE_SIZE = 500
CIRCUIT_OPEN = "circuit_open"
RATE_LIMITED = "rate_limited"

KEPT_SECONDS = 3
"""For so long a sending limit's rows stay ready: more would only wait there."""

CHOOSE = """
SELECT id, execution_id FROM workflow_dispatches
WHERE lane = %s AND account_id = %s AND host = %s AND status = 'ready' ORDER BY due_at OFFSET %s LIMIT %s
"""
LAST_TURN = """
SELECT max(paced_until) FROM workflow_dispatches
WHERE lane = %s AND account_id = %s AND host = %s AND status = 'scheduled' AND paced_until IS NOT NULL
"""
HOLD = """
WITH chosen AS (
    SELECT * FROM unnest(%(keys)s::uuid[], %(untils)s::timestamptz[]) AS chosen (id, until)
), standing AS MATERIALIZED (
    SELECT id FROM workflow_executions
    WHERE id = ANY(%(executions)s::uuid[]) AND status = 'active' ORDER BY id FOR UPDATE SKIP LOCKED
), held AS MATERIALIZED (
    SELECT dispatch.id, dispatch.execution_id, dispatch.log_id, chosen.until
    FROM workflow_dispatches dispatch
    JOIN standing ON standing.id = dispatch.execution_id
    JOIN chosen ON chosen.id = dispatch.id
    WHERE dispatch.status = 'ready'
    ORDER BY dispatch.id FOR UPDATE OF dispatch SKIP LOCKED
), dispatches AS (
    UPDATE workflow_dispatches dispatch
    SET status = 'scheduled', paced_until = CASE WHEN %(is_paced)s THEN held.until END
    FROM held WHERE dispatch.id = held.id
), logs AS (
    UPDATE workflow_action_executions log
    SET status = 'scheduled', scheduled_at = held.until, result_data = jsonb_build_object('reason', %(reason)s)
    FROM held WHERE log.id = held.log_id
)
UPDATE workflow_executions execution SET status = 'waiting', due_at = held.until
FROM held WHERE execution.id = held.execution_id
"""


def hold_back(lane: str, circuit: Circuit, *, until: datetime, reason: str) -> int:
    """Hold a page of the circuit's ready rows until then, and return their number; what somebody works on is left."""
    with transaction.atomic():
        chosen = _choose(lane, circuit, but=0)
        return _hold(chosen, [until] * len(chosen), reason=reason, is_paced=False)


def hold_to_pace(lane: str, circuit: Circuit, *, per_second: int, now: datetime) -> int:
    """Give a page of the rows that cannot go within seconds their turns, and return their number.

    Only one process at a time gives turns of a circuit; for others there is nothing to do meanwhile.
    """
    with transaction.atomic():
        if not _is_first(lane, circuit):
            return 0
        chosen = _choose(lane, circuit, but=ceil(per_second * KEPT_SECONDS))
        if not chosen:
            return 0
        with connection.cursor() as cursor:
            cursor.execute(LAST_TURN, [lane, circuit.account_id, circuit.host])
            last = cursor.fetchone()[0]
        begin = max(now + timedelta(seconds=KEPT_SECONDS), last or now)
        turns = [begin + timedelta(seconds=number / per_second) for number in range(1, len(chosen) + 1)]
        return _hold(chosen, turns, reason=RATE_LIMITED, is_paced=True)


def _choose(lane: str, circuit: Circuit, *, but: int) -> list[tuple[UUID, UUID]]:
    with connection.cursor() as cursor:
        cursor.execute(CHOOSE, [lane, circuit.account_id, circuit.host, but, PAGE_SIZE])
        return cursor.fetchall()


def _hold(chosen: Sequence[tuple[UUID, UUID]], untils: Sequence[datetime], *, reason: str, is_paced: bool) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            HOLD,
            {
                "keys": arrays.ids([key for key, _ in chosen]),
                "executions": arrays.ids([execution_id for _, execution_id in chosen]),
                "untils": arrays.times(untils),
                "reason": reason,
                "is_paced": is_paced,
            },
        )
        return cursor.rowcount


def _is_first(lane: str, circuit: Circuit) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(hashtext('turns'), hashtext(%s))",
            [f"{lane} {circuit.account_id} {circuit.host}"],
        )
        return bool(cursor.fetchone()[0])
