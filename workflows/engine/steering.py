"""Leaving the step at which an execution stands by hand: for the next one, or for any other of its version."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts.actors import Actor
from accounts.problems import Conflict, Invalid, Problem
from workflows.engine.locks import share_workflow
from workflows.engine.operations import (
    audited_facts,
    close_open_step,
    go_on,
    lock_execution,
    record_operation,
    require_active_workflow,
    require_contact,
    save,
    workflow_of,
)
from workflows.engine.perform.handover import drop_dispatches
from workflows.engine.plans import PlanStep, plan_of
from workflows.models import (
    ActionExecution,
    ActionExecutionStatus,
    CompletionReason,
    ExecutionStatus,
    PauseReason,
    WorkflowExecution,
)

LEFT_FOR_GOOD = (ExecutionStatus.COMPLETED, ExecutionStatus.CANCELLED)
SKIPPED = "skipped_by_user"
MOVED = "moved_by_user"


@transaction.atomic
def skip_step(*, account_id: UUID, actor: Actor, execution_id: UUID, now: datetime) -> WorkflowExecution:
    """Leave the step at which an execution stands behind, logged as skipped, and go on with the next one.

    Behind the last step the execution is completed. A call that is being made is not called back. An execution whose
    workflow is paused goes on when that does.

    409 `invalid_transition` when it was completed or cancelled or its contact is gone, `workflow_not_active` and
    `already_enrolled` as for a retry; 404 when the account has no such execution.
    """
    execution = _lock(account_id, execution_id)
    plan = plan_of(execution.version_id)
    step = plan.by_action[_place_of(execution)]
    before = audited_facts(execution)
    drop_dispatches([execution.id], now)
    if not close_open_step(execution, now, reason=SKIPPED):
        _log_as_skipped(execution, step, now)
    steps = {**execution.steps, step.key: {"reason": SKIPPED}}
    following = plan.after(step)
    if following is None:
        _complete(execution, now, steps)
    else:
        _stand_at(execution, following, now, steps=steps, visits=execution.visits)
    record_operation(execution, actor, "execution.step_skipped", before)
    return execution


@transaction.atomic
def move(*, account_id: UUID, actor: Actor, execution_id: UUID, action_id: UUID, now: datetime) -> WorkflowExecution:
    """Let an execution go on at another step of its version; a wait or call to come is logged as skipped.

    400 `action_not_found` when its version has no such step; 409 and 404 as for `skip_step`.
    """
    execution = _lock(account_id, execution_id)
    _place_of(execution)
    target = plan_of(execution.version_id).by_action.get(action_id)
    if target is None:
        detail = "action_id names no step of the version that the execution runs."
        raise Invalid(Problem("action_not_found", detail, "action_id"))
    before = audited_facts(execution)
    drop_dispatches([execution.id], now)
    close_open_step(execution, now, reason=MOVED)
    _stand_at(execution, target, now)
    record_operation(execution, actor, "execution.moved", before)
    return execution


def _lock(account_id: UUID, execution_id: UUID) -> WorkflowExecution:
    """Lock workflow, execution and contact, in this order."""
    share_workflow(workflow_of(account_id, execution_id))
    execution = lock_execution(account_id, execution_id)
    if execution.status in LEFT_FOR_GOOD:
        raise Conflict("invalid_transition", f"The execution is {execution.status}; it stands at no step any more.")
    require_contact(execution)
    return execution


def _place_of(execution: WorkflowExecution) -> UUID:
    if execution.current_action_id is None:
        raise Conflict("invalid_transition", "The execution stands at no step.")
    return execution.current_action_id


def _log_as_skipped(execution: WorkflowExecution, step: PlanStep, now: datetime) -> None:
    """Log a visit of the step that is left behind; the failed one of a failed execution stays what it is."""
    ActionExecution.objects.create(
        account_id=execution.account_id,
        workflow_execution=execution,
        workflow_id=execution.workflow_id,
        action_id=step.action_id,
        contact_id=execution.contact_id,
        action_type=step.action_type,
        action_key=step.key,
        visit=execution.visits,
        status=ActionExecutionStatus.SKIPPED,
        result_data={"reason": SKIPPED},
        started_at=now,
        completed_at=now,
        duration_ms=0,
    )
    execution.visits += 1


def _stand_at(execution: WorkflowExecution, step: PlanStep, now: datetime, **fields: object) -> None:
    fields |= {
        "current_action_id": step.action_id,
        "waiting_log_id": None,
        "started_at": execution.started_at or now,
    }
    if execution.pause_reason == PauseReason.WORKFLOW_PAUSED:
        save(execution, paused_status=ExecutionStatus.ACTIVE, paused_due_at=now, updated_at=now, **fields)
        return
    workflow = require_active_workflow(execution.account_id, execution.workflow_id)
    go_on(execution, workflow, now, paused_status="", paused_due_at=None, **fields)


def _complete(execution: WorkflowExecution, now: datetime, steps: dict[str, object]) -> None:
    save(
        execution,
        status=ExecutionStatus.COMPLETED,
        completion_reason=CompletionReason.FINISHED,
        pause_reason="",
        error_message="",
        current_action_id=None,
        waiting_log_id=None,
        due_at=None,
        paused_status="",
        paused_due_at=None,
        reentry_key=None,
        steps=steps,
        visits=execution.visits,
        lost_leases=0,
        started_at=execution.started_at or now,
        completed_at=now,
        updated_at=now,
    )
