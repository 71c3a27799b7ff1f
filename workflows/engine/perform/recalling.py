"""What an opt-out finds held: messages that wait for their hour, their turn or another try go to the gate at once.

Registered as a consumer of events when the app starts. The gate skips them, as it would have later; until then the
contact would be seen to wait for a message that never comes. A message that is being held while its contact opts out
misses nothing: holding it and opting out both lock the contact, so that the event is dispatched after it was held.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from workflows.crm import arrays
from workflows.engine.dispatch import DispatchedEvent
from workflows.engine.locks import share_workflows
from workflows.engine.perform.handover import wake_lanes
from workflows.engine.plans import plans_of

AHEAD_OF_OTHERS = timedelta(minutes=1)

FIND = """
SELECT dispatch.id, execution.id, execution.workflow_id, execution.version_id, dispatch.action_id,
       execution.contact_id, dispatch.lane
FROM workflow_executions execution
JOIN workflow_dispatches dispatch
     ON dispatch.execution_id = execution.id AND dispatch.log_id = execution.waiting_log_id
WHERE execution.contact_id = ANY(%s::uuid[]) AND execution.status IN ('active', 'waiting', 'paused')
      AND dispatch.status IN ('ready', 'scheduled')
"""
RECALL = """
WITH standing AS MATERIALIZED (
    SELECT id, status FROM workflow_executions
    WHERE id = ANY(%(executions)s::uuid[]) AND lease_id IS NULL ORDER BY id FOR NO KEY UPDATE
), held AS MATERIALIZED (
    SELECT dispatch.id, dispatch.execution_id, dispatch.log_id, dispatch.lane, standing.status
    FROM workflow_dispatches dispatch JOIN standing ON standing.id = dispatch.execution_id
    WHERE dispatch.id = ANY(%(keys)s::uuid[])
          AND (standing.status, dispatch.status)
              IN (('active', 'ready'), ('waiting', 'scheduled'), ('paused', 'scheduled'))
    ORDER BY dispatch.id FOR UPDATE OF dispatch
), dispatches AS (
    UPDATE workflow_dispatches dispatch SET status = 'ready', host = '', due_at = %(due_at)s
    FROM held WHERE dispatch.id = held.id AND held.status <> 'paused'
), logs AS (
    UPDATE workflow_action_executions log SET status = 'pending', scheduled_at = NULL
    FROM held WHERE log.id = held.log_id AND held.status = 'waiting'
), executions AS (
    UPDATE workflow_executions execution
    SET status = CASE held.status WHEN 'waiting' THEN 'active' ELSE held.status END,
        due_at = NULL,
        paused_due_at = CASE held.status WHEN 'paused' THEN %(now)s ELSE execution.paused_due_at END
    FROM held WHERE execution.id = held.execution_id AND held.status <> 'active'
)
SELECT DISTINCT lane FROM held WHERE status <> 'paused'
"""
"""Rows lose their host: what is known of it, such as that it has had enough, must not keep them from the gate."""


def recall_held(events: Sequence[DispatchedEvent], *, now: datetime) -> None:
    """Bring held messages of contacts that opted out (`unsubscribed`) back to the front of their lanes.

    Those of a paused workflow come once that goes on.
    """
    silenced: dict[UUID, set[str]] = defaultdict(set)
    for event in events:
        silenced[event.contact_id].add(event.data.get("channel", ""))
    found = find_messages(silenced)
    if not found:
        return
    share_workflows(workflow_id for _, _, workflow_id in found)
    with connection.cursor() as cursor:
        cursor.execute(
            RECALL,
            {
                "keys": arrays.ids([key for key, _, _ in found]),
                "executions": arrays.ids([execution_id for _, execution_id, _ in found]),
                "due_at": now - AHEAD_OF_OTHERS,
                "now": now,
            },
        )
        wake_lanes(row[0] for row in cursor.fetchall())


def find_messages(silenced: Mapping[UUID, Collection[str]]) -> list[tuple[UUID, UUID, UUID]]:
    """Return the dispatch rows, executions and workflows of messages to the contacts on their channels."""
    with connection.cursor() as cursor:
        cursor.execute(FIND, [arrays.ids(silenced)])
        rows = cursor.fetchall()
    plans = plans_of([row[3] for row in rows])
    found = []
    for key, execution_id, workflow_id, version_id, action_id, contact_id, lane in rows:
        step = plans[version_id].by_action.get(action_id)
        if lane in silenced[contact_id] and step is not None and step.kind is not None and step.kind.sends_message:
            found.append((key, execution_id, workflow_id))
    return found
