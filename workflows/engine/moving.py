"""Taking the contacts inside a workflow over to its new version."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from workflows.crm import arrays
from workflows.engine.perform.handover import drop_dispatches
from workflows.engine.plans import Plan, plan_of, plans_of
from workflows.models import Workflow, WorkflowVersion


@dataclass(frozen=True, slots=True)
class Moves:
    """How many executions go on in the new version, and how many were complete since no step was left for them."""

    moved: int
    completed: int


def move_executions(workflow: Workflow, version: WorkflowVersion, now: datetime) -> Moves:
    """Let everyone inside go on in `version`, within the caller's transaction, which holds the workflow alone.

    Each goes on at the step with the same id, where a wait keeps its time. Whose step is gone goes on at once at the
    next step behind it that is still there; when there is none, the execution is completed. Who stands at a step that
    is gone and whose outcome is unknown stays in its version until that is settled.
    """
    target = plan_of(version.id)
    moved = completed = 0
    for version_id, action_id in places_inside(workflow.id, version.id):
        new_place = successor(plans_of([version_id])[version_id], action_id, target)
        stays = new_place == action_id
        count = move_place(workflow.id, version_id, action_id, version.id, new_place, stays, now)
        if new_place is None:
            completed += count
        else:
            moved += count
    return Moves(moved, completed)


def places_inside(workflow_id: UUID, version_id: UUID) -> Sequence[tuple[UUID, UUID]]:
    """Return every (version, action) at which somebody stands who is not in the version yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT version_id, current_action_id FROM workflow_executions
            WHERE workflow_id = %s AND version_id <> %s AND status IN ('queued', 'active', 'waiting', 'paused')
            """,
            [workflow_id, version_id],
        )
        return cursor.fetchall()


def successor(old: Plan, action_id: UUID, new: Plan) -> UUID | None:
    """Return the first step from `action_id` on in the old plan that the new plan has as well."""
    step = old.by_action.get(action_id)
    while step is not None and step.action_id not in new.by_action:
        step = old.after(step)
    return step.action_id if step else None


def move_place(
    workflow_id: UUID,
    old_version_id: UUID,
    old_place: UUID,
    version_id: UUID,
    new_place: UUID | None,
    stays: bool,
    now: datetime,
) -> int:
    """Move all who stand at one place and return their number."""
    parameters: dict[str, UUID | datetime | str | bool | None] = {
        "stays": stays,
        "workflow": workflow_id,
        "old_version": old_version_id,
        "old_place": old_place,
        "version": version_id,
        "place": new_place,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id FROM workflow_executions
            WHERE workflow_id = %(workflow)s AND version_id = %(old_version)s AND current_action_id = %(old_place)s
                  AND status IN ('queued', 'active', 'waiting', 'paused')
                  AND (%(stays)s OR pause_reason <> 'outcome_unknown')
            ORDER BY id FOR NO KEY UPDATE
            """,
            parameters,
        )
        execution_ids = [row[0] for row in cursor.fetchall()]
        parameters["ids"] = arrays.ids(execution_ids)
        if not stays:
            drop_dispatches(execution_ids, now)
            cursor.execute(CUT_WAITS, parameters)
        cursor.execute(STAY if stays else COMPLETE if new_place is None else GO_ON, parameters)
        return cursor.rowcount


CUT_WAITS = """
UPDATE workflow_action_executions log
SET status = 'skipped', completed_at = %(now)s, result_data = log.result_data || '{"reason": "step_removed"}',
    duration_ms = LEAST(2147483647, GREATEST(0, extract(epoch FROM %(now)s - log.started_at) * 1000))
FROM workflow_executions execution
WHERE execution.id = ANY(%(ids)s::uuid[]) AND log.id = execution.waiting_log_id
      AND log.status IN ('pending', 'scheduled', 'waiting')
"""
STAY = """
UPDATE workflow_executions SET version_id = %(version)s, updated_at = %(now)s WHERE id = ANY(%(ids)s::uuid[])
"""
GO_ON = """
UPDATE workflow_executions
SET version_id = %(version)s, current_action_id = %(place)s, waiting_log_id = NULL, lease_id = NULL,
    lease_until = NULL, updated_at = %(now)s,
    status = CASE status WHEN 'waiting' THEN 'active' ELSE status END,
    due_at = CASE status WHEN 'paused' THEN NULL WHEN 'waiting' THEN %(now)s ELSE COALESCE(due_at, %(now)s) END,
    paused_status = CASE paused_status WHEN 'waiting' THEN 'active' ELSE paused_status END,
    paused_due_at = CASE paused_status
        WHEN '' THEN NULL WHEN 'waiting' THEN %(now)s ELSE COALESCE(paused_due_at, %(now)s)
    END
WHERE id = ANY(%(ids)s::uuid[])
"""
COMPLETE = """
UPDATE workflow_executions
SET version_id = %(version)s, current_action_id = NULL, status = 'completed', completion_reason = 'finished',
    pause_reason = '', paused_status = '', paused_due_at = NULL, due_at = NULL, lease_id = NULL, lease_until = NULL,
    waiting_log_id = NULL, reentry_key = NULL, completed_at = %(now)s, updated_at = %(now)s
WHERE id = ANY(%(ids)s::uuid[])
"""
