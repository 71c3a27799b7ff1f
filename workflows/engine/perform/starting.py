"""The gate's last door: one statement just before the calls start says which of them may."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from workflows.crm import arrays
from workflows.engine import clock
from workflows.engine.locks import share_workflows
from workflows.engine.perform.calls import Call
from workflows.engine.perform.rows import release
from workflows.messaging.pacing import LIMITED, Paces, hold_slots, look, take_slots

BACK_AT_THE_GATE_SECONDS = 1.0

START = """
WITH allowed AS MATERIALIZED (
    SELECT dispatch.id, dispatch.log_id, call.data
    FROM ROWS FROM (
        unnest(%(keys)s::uuid[], %(leases)s::uuid[], %(channels)s::text[], %(ends)s::timestamptz[]),
        jsonb_array_elements(%(data)s)
    ) AS call (key, lease, channel, ends_at, data)
    JOIN workflow_dispatches dispatch ON dispatch.id = call.key AND dispatch.lease_id = call.lease
    JOIN workflow_executions execution ON execution.id = dispatch.execution_id
    JOIN workflows_workflow workflow ON workflow.id = execution.workflow_id
    JOIN crm_contact contact ON contact.id = execution.contact_id
    WHERE dispatch.status = 'claimed'
          AND execution.status = 'active' AND execution.waiting_log_id = dispatch.log_id
          AND workflow.status = 'active' AND workflow.deleted_at IS NULL
          AND contact.deleted_at IS NULL
          AND (call.ends_at IS NULL OR call.ends_at > %(now)s)
          AND (call.channel = '' OR NOT EXISTS (
              SELECT FROM crm_consent consent
              WHERE consent.contact_id = contact.id AND consent.channel = call.channel AND consent.state = 'opt_out'
          ))
    ORDER BY dispatch.id
    FOR UPDATE OF dispatch SKIP LOCKED
), started AS (
    UPDATE workflow_dispatches dispatch
    SET status = 'sending', attempts = LEAST(dispatch.attempts + 1, 32767),
        lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
    FROM allowed WHERE dispatch.id = allowed.id
), logged AS (
    UPDATE workflow_action_executions log
    SET status = 'running', started_at = COALESCE(log.started_at, %(now)s), execution_data = allowed.data,
        result_data = '{}'
    FROM allowed WHERE log.id = allowed.log_id
)
SELECT id FROM allowed
"""


@dataclass(slots=True, eq=False)
class Started:
    """What came of calls that were to start; who is in neither goes back to the gate."""

    slots: dict[UUID, list[UUID]] = field(default_factory=dict)
    """The keys of calls that start now, with the slots of their sending limits."""
    waiting: dict[UUID, datetime | None] = field(default_factory=dict)
    """The keys of those that have to wait for a slot, and when one is free, if that is known."""


def start(lane: str, calls: Sequence[Call]) -> Started:
    """Mark calls that start now as `sending`; the others wait for their sending limit, or go back to the gate.

    A call may start when its row is still ours, its execution stands there and is active, its workflow is active, its
    contact is there and has not opted out of the channel it is guarded by, the time for it is not over, and it gets the
    slots of its limits. The workflows are held, so that no call starts after the answer to `pause`; whoever cancels or
    deletes changes the row, and then we leave it alone.
    """
    begun = Started()
    paces = look(lane, {call.account_id for call in calls}, now=clock.now()) if lane in LIMITED else Paces(lane)
    begun.waiting = {call.key: paces.next_free_at(call.circuit) for call in calls if paces.is_used_up(call.circuit)}
    ready = [call for call in calls if call.key not in begun.waiting]
    if ready:
        with transaction.atomic():
            share_workflows({call.workflow_id for call in ready})
            now = clock.now()
            held = hold_slots(paces, [(call.key, call.circuit) for call in ready], now=now)
            begun.waiting |= {call.key: None for call in ready if call.key not in held}
            started = mark([call for call in ready if call.key in held], now)
            begun.slots = {key: held[key] for key in started}
            take_slots(begun.slots, now=now)
    return begun


def mark(calls: Sequence[Call], now: datetime) -> set[UUID]:
    """Mark what may start, give back what may not, and return the keys of the former."""
    with connection.cursor() as cursor:
        cursor.execute(
            START,
            {
                "keys": arrays.ids([call.key for call in calls]),
                "leases": arrays.ids([call.lease_id for call in calls]),
                "channels": arrays.texts([call.guard_channel for call in calls]),
                "ends": arrays.times([call.guard_until for call in calls]),
                "data": "[" + ",".join([call.data for call in calls]) + "]",
                "seconds": settings.ENGINE["lease_seconds"],
                "now": now,
            },
        )
        started = {row[0] for row in cursor.fetchall()}
    refused = [call for call in calls if call.key not in started]
    release(
        [call.key for call in refused],
        [call.lease_id for call in refused],
        delay_seconds=BACK_AT_THE_GATE_SECONDS,
    )
    return started
