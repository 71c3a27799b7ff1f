"""What people do to single executions: each function locks, checks, changes and audits in one transaction.

Taking the lease away is what leaves an execution out of a batch in flight: the batch writes only what it still holds.
Locks are taken in the one order: workflow, execution, contact.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from accounts import audit
from accounts.actors import Actor
from accounts.problems import Conflict, Missing
from workflows.engine.enroll import enroll
from workflows.engine.locks import share_workflow
from workflows.engine.perform.handover import drop_dispatches
from workflows.engine.wake import Tick, wake
from workflows.models import (
    ENDED_STATUSES,
    ActionExecution,
    ActionExecutionStatus,
    CompletionReason,
    ExecutionStatus,
    PauseReason,
    Reentry,
    Workflow,
    WorkflowExecution,
    WorkflowStatus,
)

REENTRY_KEY = "inside"
REENTRY_CONSTRAINT = "execution_reentry_once"
UNFINISHED = (ActionExecutionStatus.PENDING, ActionExecutionStatus.SCHEDULED, ActionExecutionStatus.WAITING)
LONGEST_DURATION_MS = 2**31 - 1
AUDITED_FIELDS = ("status", "completion_reason", "current_action_id")


@transaction.atomic
def enroll_by_hand(
    *,
    account_id: UUID,
    actor: Actor,
    workflow_id: UUID,
    contact_id: UUID,
    source: str,
    data: Mapping[str, Any] | None = None,
    now: datetime,
) -> WorkflowExecution:
    """Enroll a contact for a person or program, as `enroll` does, and audit it."""
    execution = enroll(
        account_id=account_id, workflow_id=workflow_id, contact_id=contact_id, source=source, data=data, now=now
    )
    record_operation(execution, actor, "execution.started", None)
    return execution


@transaction.atomic
def cancel(*, account_id: UUID, actor: Actor, execution_id: UUID, now: datetime) -> WorkflowExecution:
    """End an execution as `cancelled_by_user`; the wait it stands in is logged as skipped, reason `cancelled`.

    A call that is being made is not called back: its outcome will be logged when it is known.

    409 `invalid_transition` when it has ended already, 404 when the account has no such execution.
    """
    execution = lock_execution(account_id, execution_id)
    if execution.status in ENDED_STATUSES:
        raise Conflict(
            "invalid_transition", f"The execution is {execution.status}; only one that has not ended can be cancelled."
        )
    before = audited_facts(execution)
    drop_dispatches([execution.id], now)
    close_open_step(execution, now, reason="cancelled")
    save(
        execution,
        status=ExecutionStatus.CANCELLED,
        completion_reason=CompletionReason.CANCELLED_BY_USER,
        pause_reason="",
        completed_at=now,
        due_at=None,
        paused_status="",
        paused_due_at=None,
        waiting_log_id=None,
        reentry_key=None,
        updated_at=now,
    )
    record_operation(execution, actor, "execution.cancelled", before)
    return execution


@transaction.atomic
def retry(*, account_id: UUID, actor: Actor, execution_id: UUID, now: datetime) -> WorkflowExecution:
    """Send a failed execution on from the step that failed: a new visit, its count of tries at zero.

    An execution paused since credentials were refused goes on in the same way. 409 `invalid_transition` unless it
    failed or paused so and its contact is there, `workflow_not_active` unless its workflow is
    active, `already_enrolled` when the contact is inside again and the workflow's re-entry setting forbids a second
    time; 404 when the account has no such execution.
    """
    workflow_id = workflow_of(account_id, execution_id)
    share_workflow(workflow_id)
    execution = lock_execution(account_id, execution_id)
    if not _can_be_retried(execution):
        raise Conflict("invalid_transition", _why_not_retried(execution))
    workflow = require_active_workflow(account_id, workflow_id)
    require_contact(execution)
    before = audited_facts(execution)
    go_on(execution, workflow, now, window_visits=0, visit_window_started_at=None)
    record_operation(execution, actor, "execution.retried", before)
    return execution


def require_active_workflow(account_id: UUID, workflow_id: UUID) -> Workflow:
    """Return the workflow; 409 `workflow_not_active` unless its executions may go on."""
    workflow = Workflow.objects.for_account(account_id).get(id=workflow_id)
    if workflow.status != WorkflowStatus.ACTIVE or workflow.deleted_at:
        state = "deleted" if workflow.deleted_at else workflow.status
        raise Conflict("workflow_not_active", f"The workflow is {state}; only executions of active ones go on.")
    return workflow


def go_on(execution: WorkflowExecution, workflow: Workflow, now: datetime, **fields: object) -> None:
    """Make a locked execution due now, whether it failed or rests, and write `fields` with it.

    409 `already_enrolled` when it failed, the contact is inside again and the workflow forbids a second time.
    """
    is_exclusive = workflow.reentry != Reentry.MULTIPLE
    if is_exclusive and execution.status == ExecutionStatus.FAILED and _is_inside_again(execution):
        raise already_enrolled()
    going_on: dict[str, object] = {
        "status": ExecutionStatus.ACTIVE,
        "pause_reason": "",
        "completion_reason": "",
        "error_message": "",
        "completed_at": None,
        "due_at": now,
        "lost_leases": 0,
        "reentry_key": REENTRY_KEY if is_exclusive else None,
        "updated_at": now,
    }
    try:
        with transaction.atomic():
            save(execution, **going_on, **fields)
    except IntegrityError as error:
        if REENTRY_CONSTRAINT not in str(error):
            raise
        raise already_enrolled() from error
    wake(Tick.ADVANCE)


def _can_be_retried(execution: WorkflowExecution) -> bool:
    has_failed = execution.status == ExecutionStatus.FAILED
    lacks_access = execution.status == ExecutionStatus.PAUSED and execution.pause_reason == PauseReason.AUTHENTICATION
    return execution.current_action_id is not None and (has_failed or lacks_access)


def _why_not_retried(execution: WorkflowExecution) -> str:
    if execution.pause_reason == PauseReason.OUTCOME_UNKNOWN:
        return "Nobody knows whether the step had its effect; settle it as `sent` or `not_sent` instead."
    return f"The execution is {execution.status}; only one that failed can be retried."


def workflow_of(account_id: UUID, execution_id: UUID) -> UUID:
    executions = WorkflowExecution.objects.for_account(account_id).filter(id=execution_id)
    workflow_id = executions.values_list("workflow_id", flat=True).first()
    if workflow_id is None:
        raise Missing
    return workflow_id


def lock_execution(account_id: UUID, execution_id: UUID) -> WorkflowExecution:
    execution = WorkflowExecution.objects.for_account(account_id).select_for_update().filter(id=execution_id).first()
    if execution is None:
        raise Missing
    return execution


def require_contact(execution: WorkflowExecution) -> None:
    """Keep the contact from being deleted until this transaction ends; 409 when it is gone already."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT deleted_at FROM crm_contact WHERE id = %s FOR SHARE", [execution.contact_id])
        row = cursor.fetchone()
    if row is None or row[0] is not None:
        raise Conflict("invalid_transition", "The contact was deleted, so its execution cannot go on.")


def _is_inside_again(execution: WorkflowExecution) -> bool:
    """Tell whether another execution of the contact has not ended, also one from when the setting allowed many.

    The unique index decides between a retry and an enrollment at the same moment.
    """
    return (
        WorkflowExecution.objects.for_account(execution.account_id)
        .filter(workflow_id=execution.workflow_id, contact_id=execution.contact_id)
        .exclude(status__in=ENDED_STATUSES)
        .exists()
    )


def already_enrolled() -> Conflict:
    return Conflict(
        "already_enrolled", "The contact has entered this workflow again; cancel the newer execution first."
    )


def close_open_step(execution: WorkflowExecution, now: datetime, *, reason: str) -> bool:
    """Log the wait or the call to come in which the execution stands as skipped; False when it stands in none."""
    if execution.waiting_log_id is None:
        return False
    logs = ActionExecution.objects.for_account(execution.account_id)
    row = logs.filter(id=execution.waiting_log_id, status__in=UNFINISHED).first()
    if row is None:
        return False
    logs.filter(id=row.id).update(
        status=ActionExecutionStatus.SKIPPED,
        completed_at=now,
        duration_ms=min(LONGEST_DURATION_MS, max(0, int((now - (row.started_at or now)).total_seconds() * 1000))),
        result_data={**row.result_data, "reason": reason},
    )
    return True


def save(execution: WorkflowExecution, **fields: object) -> None:
    """Write the fields and take the lease away, so that a batch in flight leaves this execution out."""
    fields |= {"lease_id": None, "lease_until": None}
    WorkflowExecution.objects.for_account(execution.account_id).filter(id=execution.id).update(**fields)
    for name, value in fields.items():
        setattr(execution, name, value)


def audited_facts(execution: WorkflowExecution) -> dict[str, object]:
    facts = {name: getattr(execution, name) for name in AUDITED_FIELDS}
    return {name: str(value) if isinstance(value, UUID) else value for name, value in facts.items()}


def record_operation(execution: WorkflowExecution, actor: Actor, verb: str, before: dict[str, object] | None) -> None:
    audit.record(
        account_id=execution.account_id,
        actor=actor,
        verb=verb,
        object_type="execution",
        object_id=execution.id,
        before=before,
        after=audited_facts(execution),
    )
