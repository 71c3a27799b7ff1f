"""What a person knows of an effect whose outcome the engine does not: it happened, or it did not."""

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts import audit
from accounts.actors import Actor
from workflows.actions.outcomes import Done
from workflows.actions.outside import OutsideType
from workflows.engine.locks import share_workflows
from workflows.engine.perform.finishing import Finishing
from workflows.engine.perform.handover import wake_lanes
from workflows.engine.perform.rows import Dispatched, lock_of_logs
from workflows.engine.perform.turns import Change
from workflows.engine.runs import Run, load_runs
from workflows.engine.turns import Facts
from workflows.models import ActionExecution, ActionExecutionStatus, DispatchStatus, ExecutionStatus, PauseReason

PAGE_SIZE = 500


class Settlement(enum.StrEnum):
    """A person's word."""

    SENT = "sent"
    NOT_SENT = "not_sent"


@dataclass(slots=True)
class Settled:
    """What became of the log rows named: settled, not of an unknown outcome (any more), or not of the account."""

    settled: list[UUID] = field(default_factory=list)
    not_unknown: list[UUID] = field(default_factory=list)
    missing: list[UUID] = field(default_factory=list)


def settle_many(
    *, account_id: UUID, actor: Actor, log_ids: Sequence[UUID], outcome: Settlement | str, now: datetime
) -> Settled:
    """Settle steps whose outcome is unknown, page by page: `sent` lets the contact go on, `not_sent` sends again.

    A step sent again keeps its idempotency key. While the workflow is paused its executions are so as well, and go on
    with it. Concurrent calls settle each step once.
    """
    answer = Settled()
    for page in _pages(list(dict.fromkeys(log_ids))):
        with transaction.atomic():
            _settle_page(account_id, actor, page, Settlement(outcome), now, answer)
    return answer


def _settle_page(
    account_id: UUID, actor: Actor, log_ids: Sequence[UUID], outcome: Settlement, now: datetime, answer: Settled
) -> None:
    logs = ActionExecution.objects.for_account(account_id).filter(id__in=log_ids)
    places = {
        log_id: (execution_id, workflow_id)
        for log_id, execution_id, workflow_id in logs.values_list("id", "workflow_execution_id", "workflow_id")
    }
    workflow_ids = {workflow_id for _, workflow_id in places.values()}
    share_workflows(workflow_ids)
    execution_ids = sorted({execution_id for execution_id, _ in places.values()})
    runs = {run.id: run for run in load_runs(execution_ids) if _waits_for_a_word(run)}
    rows = [
        row
        for row in lock_of_logs(log_ids, execution_ids, DispatchStatus.UNKNOWN)
        if row.execution_id in runs and runs[row.execution_id].waiting_log_id == row.log_id
    ]
    chosen = {row.execution_id: runs[row.execution_id] for row in rows}
    settling = Finishing(Facts(list(workflow_ids)), chosen, now)
    for run in chosen.values():
        run.status, run.pause_reason = ExecutionStatus.ACTIVE, ""
    if outcome is Settlement.SENT:
        kinds = [(row, _kind(chosen, row)) for row in rows]
        settling.conclude([(row, kind, _sent(row, kind)) for row, kind in kinds])
    else:
        _send_again(settling, chosen, rows)
    _audit(account_id, actor, rows, outcome, now)
    settled = {row.log_id for row in rows}
    for log_id in log_ids:
        if log_id in settled:
            answer.settled.append(log_id)
        elif log_id in places:
            answer.not_unknown.append(log_id)
        else:
            answer.missing.append(log_id)


def _sent(row: Dispatched, kind: OutsideType | None) -> Done:
    """Return the result of a step that a person settled as sent; what else it would tell, its message tells."""
    result = {"settled": Settlement.SENT.value}
    return Done({**result, "message_id": str(row.key)} if kind is not None and kind.sends_message else result)


def _send_again(settling: Finishing, runs: dict[UUID, Run], rows: Sequence[Dispatched]) -> None:
    for row in rows:
        run = runs[row.execution_id]
        row.history = replace(row.history, failures=0, is_ambiguous=False)
        row.leave(DispatchStatus.READY)
        row.due_at = settling.now
        settling.changed_rows.append(row)
        settling.changed_runs[run.id] = run
        settling.ledger.changes.append(Change(row.log_id, ActionExecutionStatus.PENDING))
    settling.write()
    wake_lanes(row.lane for row in rows)


def _waits_for_a_word(run: Run) -> bool:
    return run.status == ExecutionStatus.PAUSED and run.pause_reason == PauseReason.OUTCOME_UNKNOWN


def _kind(runs: dict[UUID, Run], row: Dispatched) -> OutsideType | None:
    step = runs[row.execution_id].plan.by_action.get(row.action_id)
    return step.kind if step is not None and isinstance(step.kind, OutsideType) else None


def _audit(account_id: UUID, actor: Actor, rows: Sequence[Dispatched], outcome: Settlement, now: datetime) -> None:
    entries = [
        audit.AuditRecord(
            verb="execution.settled",
            object_type="execution",
            object_id=row.execution_id,
            before={"pause_reason": PauseReason.OUTCOME_UNKNOWN.value},
            after={"outcome": outcome.value, "action_execution_id": str(row.log_id)},
        )
        for row in rows
    ]
    audit.record_many(account_id=account_id, actor=actor, entries=entries, now=now)


def _pages(log_ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    for start in range(0, len(log_ids), PAGE_SIZE):
        yield log_ids[start : start + PAGE_SIZE]
