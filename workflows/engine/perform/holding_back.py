"""Rows for a host that is down or has had enough: held until it may be tried, page by page, without preparing them."""

from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from workflows.crm import arrays
from workflows.messaging.breaker import Circuit

PAGE_SIZE = 500
CIRCUIT_OPEN = "circuit_open"
RATE_LIMITED = "rate_limited"

CHOOSE = """
SELECT id, execution_id FROM workflow_dispatches
WHERE lane = %s AND account_id = %s AND host = %s AND status = 'ready' ORDER BY due_at LIMIT %s
"""
HOLD = """
WITH standing AS MATERIALIZED (
    SELECT id FROM workflow_executions
    WHERE id = ANY(%(executions)s::uuid[]) AND status = 'active' ORDER BY id FOR UPDATE SKIP LOCKED
), held AS MATERIALIZED (
    SELECT dispatch.id, dispatch.execution_id, dispatch.log_id
    FROM workflow_dispatches dispatch JOIN standing ON standing.id = dispatch.execution_id
    WHERE dispatch.id = ANY(%(keys)s::uuid[]) AND dispatch.status = 'ready'
    ORDER BY dispatch.id FOR UPDATE OF dispatch SKIP LOCKED
), dispatches AS (
    UPDATE workflow_dispatches dispatch SET status = 'scheduled' FROM held WHERE dispatch.id = held.id
), logs AS (
    UPDATE workflow_action_executions log
    SET status = 'scheduled', scheduled_at = %(until)s, result_data = jsonb_build_object('reason', %(reason)s)
    FROM held WHERE log.id = held.log_id
)
UPDATE workflow_executions execution SET status = 'waiting', due_at = %(until)s
FROM held WHERE execution.id = held.execution_id
"""


def hold_back(lane: str, circuit: Circuit, *, until: datetime, reason: str) -> int:
    """Hold a page of the circuit's ready rows until then, and return their number; what somebody works on is left."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(CHOOSE, [lane, circuit.account_id, circuit.host, PAGE_SIZE])
        chosen: list[tuple[UUID, UUID]] = cursor.fetchall()
        cursor.execute(
            HOLD,
            {
                "keys": arrays.ids([key for key, _ in chosen]),
                "executions": arrays.ids([execution_id for _, execution_id in chosen]),
                "until": until,
                "reason": reason,
            },
        )
        return cursor.rowcount
