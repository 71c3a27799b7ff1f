"""Calls whose result comes later, by callback: whichever comes first, the callback or the time-out, decides."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from workflows.actions.outcomes import Done, Failed
from workflows.actions.outside import ErrorClass, OutsideType, Retryable
from workflows.crm import arrays
from workflows.engine.locks import share_workflow
from workflows.engine.outcomes import texts_of
from workflows.engine.perform.finishing import Finishing
from workflows.engine.perform.rows import lock_of_logs
from workflows.engine.perform.turns import LaneLedger, LaneTurn
from workflows.engine.runs import Run, load_runs
from workflows.engine.turns import Facts
from workflows.models import DispatchStatus, ExecutionStatus, PauseReason, WorkflowDispatch

TIMED_OUT = Failed(ErrorClass.TIMEOUT, "No result came in time.")


MAY_HEAR = (DispatchStatus.SENDING, DispatchStatus.AWAITING, DispatchStatus.UNKNOWN)
"""A call whose outcome is not written back yet is waited for: it may await the result by then."""


@transaction.atomic
def call_back(*, account_id: UUID, key: UUID, outcome: Done | Failed | Retryable, now: datetime) -> bool:
    """Conclude a step that awaits its result; False when it does not (any more). `key` is its idempotency key.

    A step of which nobody knew whether it was sent is concluded as well: the result shows that it was. Retryable: the
    step is tried again as its type and its action say, or ends with what it reports in the end.
    """
    dispatches = WorkflowDispatch.objects.for_account(account_id).filter(id=key, status__in=MAY_HEAR)
    place = dispatches.values_list("execution_id", "workflow_id", "action_id", "log_id").first()
    if place is None:
        return False
    execution_id, workflow_id, action_id, log_id = place
    share_workflow(workflow_id)
    runs = {run.id: run for run in load_runs([execution_id])}
    rows = [
        *lock_of_logs([log_id], [execution_id], DispatchStatus.AWAITING),
        *lock_of_logs([log_id], [execution_id], DispatchStatus.UNKNOWN),
    ]
    if not rows:
        return False
    finishing = Finishing(Facts([workflow_id]), runs, now)
    run, (row,) = runs[execution_id], rows
    step = run.plan.by_action.get(action_id)
    if step is not None and waits_for_result(run) and run.waiting_log_id == log_id:
        run.status, run.pause_reason, run.due_at = ExecutionStatus.ACTIVE, "", None
        kind = step.kind if isinstance(step.kind, OutsideType) else None
        finishing.conclude_standing(run, step, row, kind, outcome)
    else:
        finishing.over.append(key)
    finishing.write()
    return True


def waits_for_result(run: Run) -> bool:
    """Tell whether a run rests at its step, if only paused: with its workflow, or since the outcome is unknown."""
    return run.status == ExecutionStatus.WAITING or (
        run.status == ExecutionStatus.PAUSED
        and run.pause_reason in {PauseReason.WORKFLOW_PAUSED, PauseReason.OUTCOME_UNKNOWN}
    )


def time_out(runs: Sequence[Run], ledger: LaneLedger, now: datetime) -> None:
    """Fail the steps of due runs whose result did not come; the runs are locked."""
    waiting = {run.id: run for run in runs if run.waiting_log_id and not run.is_in_lane}
    if not waiting:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM workflow_dispatches WHERE execution_id = ANY(%s::uuid[]) AND status = 'awaiting'
            RETURNING execution_id, log_id
            """,
            [arrays.ids(waiting)],
        )
        for execution_id, log_id in cursor.fetchall():
            run = waiting[execution_id]
            if run.step is not None and run.waiting_log_id == log_id:
                LaneTurn(run.step, ledger, now).take(run, log_id, TIMED_OUT, texts_of(TIMED_OUT))
                run.due_at = None  # it goes on in this batch
