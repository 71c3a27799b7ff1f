"""Waking contacts whose wait depends on a field of theirs that changed: their step is asked again what holds now.

Registered as a consumer of events when the app starts. A wait that begins while the field changes misses nothing: the
change waits for the contact's lock, so that its event is dispatched after the wait was written.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection

from workflows.crm import arrays
from workflows.engine.dispatch import DispatchedEvent
from workflows.engine.locks import share_workflows
from workflows.engine.plans import plans_of
from workflows.engine.wake import Tick, wake


def wake_waiting(events: Sequence[DispatchedEvent], *, now: datetime) -> None:
    """Make due, by `contact_updated` events, what waits at a step that watches one of the changed fields."""
    changed: dict[UUID, set[str]] = defaultdict(set)
    for event in events:
        changed[event.contact_id].update(event.data.get("fields", ()))
    if waiting := affected(changed):
        share_workflows(waiting.values())
        make_due(list(waiting), now)
        wake(Tick.ADVANCE)


def affected(changed: Mapping[UUID, set[str]]) -> dict[UUID, UUID]:
    """Return the executions, with their workflows, that wait for something that depends on the changed fields."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id, workflow_id, version_id, current_action_id, contact_id FROM workflow_executions
            WHERE contact_id = ANY(%s::uuid[]) AND waiting_log_id IS NOT NULL
                  AND (status = 'waiting' OR (status = 'paused' AND paused_status = 'waiting'))
            """,
            [arrays.ids(changed)],
        )
        rows = cursor.fetchall()
    plans = plans_of([row[2] for row in rows])
    found = {}
    for execution_id, workflow_id, version_id, action_id, contact_id in rows:
        step = plans[version_id].by_action.get(action_id)
        if step is None or step.kind is None or not step.asks_again:
            continue
        if not changed[contact_id].isdisjoint(step.kind.watched_fields(step.config)):
            found[execution_id] = workflow_id
    return found


def make_due(execution_ids: Sequence[UUID], now: datetime) -> None:
    """Let the waits be over; of a paused workflow once it goes on. Who moved on meanwhile is left alone."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE workflow_executions execution
            SET due_at = CASE execution.status WHEN 'waiting' THEN %(now)s ELSE execution.due_at END,
                paused_due_at = CASE execution.status WHEN 'paused' THEN %(now)s ELSE execution.paused_due_at END
            FROM (
                SELECT id FROM workflow_executions WHERE id = ANY(%(ids)s::uuid[])
                ORDER BY id FOR NO KEY UPDATE
            ) AS held
            WHERE execution.id = held.id AND execution.waiting_log_id IS NOT NULL
                  AND (execution.status = 'waiting'
                       OR (execution.status = 'paused' AND execution.paused_status = 'waiting'))
            """,
            {"now": now, "ids": arrays.ids(execution_ids)},
        )
