"""Effects whose worker died or is about to end: claimed ones are claimed again, begun ones repeated only by key."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from workflows.actions.outcomes import Failed
from workflows.actions.outside import OutcomeUnknown, OutsideType
from workflows.crm import arrays
from workflows.engine import clock
from workflows.engine.ledger import NOTHING
from workflows.engine.locks import share_workflows
from workflows.engine.perform.finishing import Finishing, attempt_of, stands
from workflows.engine.perform.handover import wake_lanes
from workflows.engine.perform.rows import Dispatched, lock_expired, lock_leased, write_rows
from workflows.engine.perform.turns import Change, LaneTurn
from workflows.engine.runs import Run, load_runs
from workflows.engine.turns import Facts
from workflows.models import ActionExecutionStatus, CompletionReason, DispatchStatus, ExecutionStatus

PAGE_SIZE = 200
QUARANTINED = "quarantined"
DEATHS_IN_COMPANY = 2
"""Deaths that say nothing of the call: the first in a crowd, the second among eight. From then on it is taken alone."""
DIED = OutcomeUnknown("The worker died while the call was made.")


def recover_dispatches(*, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Take over every expired lease and return the number of rows taken over."""
    recovered = 0
    while not is_stopping():
        count = recover_page()
        recovered += count
        if count < PAGE_SIZE:
            break
    return recovered


def recover_page() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id, execution_id, workflow_id FROM workflow_dispatches
            WHERE lease_id IS NOT NULL AND lease_until < clock_timestamp() ORDER BY lease_until LIMIT %s
            """,
            [PAGE_SIZE],
        )
        found = cursor.fetchall()
    if found:
        take_back(found, lambda: lock_expired([key for key, _, _ in found]), is_death=True)
    return len(found)


def abandon(keys: Sequence[UUID], lease_ids: Sequence[UUID]) -> None:
    """Leave calls in flight to their fate, as this process ends: repeated by key elsewhere, or unknown."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, execution_id, workflow_id FROM workflow_dispatches WHERE id = ANY(%s::uuid[])",
            [arrays.ids(keys)],
        )
        found = cursor.fetchall()
    take_back(found, lambda: lock_leased(keys, lease_ids, DispatchStatus.SENDING), is_death=False)


def take_back(
    found: Sequence[tuple[UUID, UUID, UUID]], lock: Callable[[], Sequence[Dispatched]], *, is_death: bool
) -> None:
    """Decide about rows that nobody works on any more, in one transaction."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [settings.ENGINE["lock_timeout"]])
        workflow_ids = {workflow_id for _, _, workflow_id in found}
        share_workflows(workflow_ids)
        runs = {run.id: run for run in load_runs(sorted({execution_id for _, execution_id, _ in found}))}
        now = clock.now()
        TakingBack(Facts(list(workflow_ids)), runs, now, is_death).decide(lock())


class TakingBack:
    """One transaction's work."""

    def __init__(self, facts: Facts, runs: dict[UUID, Run], now: datetime, is_death: bool) -> None:
        self.runs = runs
        self.now = now
        self.is_death = is_death
        self.finishing = Finishing(facts, runs, now)

    def decide(self, rows: Sequence[Dispatched]) -> None:
        again: list[Dispatched] = []
        unknown: list[tuple[Dispatched, Any, OutcomeUnknown]] = []
        for row in rows:
            run = self.runs.get(row.execution_id)
            step = run.plan.by_action.get(row.action_id) if run else None
            kind = step.kind if step is not None and isinstance(step.kind, OutsideType) else None
            row.lost_leases = min(row.lost_leases + self.is_death, 32767)
            was_begun = row.status == DispatchStatus.SENDING
            if run is None or step is None or not stands(run, row):
                if was_begun:
                    unknown.append((row, kind, DIED))
                else:
                    self.finishing.over.append(row.key)
            elif row.lost_leases >= DEATHS_IN_COMPANY + settings.ENGINE["maximum_worker_deaths"]:
                self.quarantine(run, row)
            elif was_begun and not (kind is not None and kind.honours_keys):
                unknown.append((row, kind, DIED))
            else:
                change = Change(row.log_id, ActionExecutionStatus.PENDING)
                if was_begun:
                    row.history = replace(row.history, is_ambiguous=True)
                    change.attempts = [attempt_of(DIED, self.now)]
                self.finishing.ledger.changes.append(change)
                is_parked = run.status == ExecutionStatus.PAUSED
                row.leave(DispatchStatus.PARKED if is_parked else DispatchStatus.READY)
                again.append(row)
        write_rows(again)
        self.finishing.conclude(unknown)
        wake_lanes(row.lane for row in again)

    def quarantine(self, run: Run, row: Dispatched) -> None:
        """Fail an execution whose call outlived too many workers."""
        step = run.plan.by_action[row.action_id]
        message = f"The step, taken alone, stopped its worker {settings.ENGINE['maximum_worker_deaths']} times."
        turn = LaneTurn(step, self.finishing.ledger, self.now)
        turn.fail(run, row.log_id, Failed(QUARANTINED, message), NOTHING)
        run.step = step
        run.end(ExecutionStatus.FAILED, CompletionReason.QUARANTINED, self.now, message)
        self.finishing.changed_runs[run.id] = run
        self.finishing.over.append(row.key)
