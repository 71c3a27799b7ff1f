"""One transaction of the engine: a batch of executions is locked, led from step to step, and written back."""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from workflows.crm.services.locking import lock_contacts
from workflows.engine import clock
from workflows.engine.finishing import write_runs
from workflows.engine.holding import park
from workflows.engine.ledger import Ledger
from workflows.engine.locks import is_wanted, share_workflows
from workflows.engine.measuring import BATCH_SECONDS, count_work
from workflows.engine.outcomes import Turn
from workflows.engine.perform.callbacks import time_out
from workflows.engine.perform.handover import return_to_lanes
from workflows.engine.perform.turns import LaneLedger, LaneTurn
from workflows.engine.plans import PlanStep
from workflows.engine.runs import Run, load_survivors
from workflows.engine.turns import Facts, take_turn
from workflows.models import CompletionReason, ExecutionStatus


@dataclass(frozen=True, slots=True)
class Taken:
    """What one batch came to."""

    executions: int = 0
    steps: int = 0


def take_batch(*, lease_id: UUID, execution_ids: Sequence[UUID], workflow_ids: frozenset[UUID]) -> Taken:
    """Lead the executions of a claim as far as they come without resting, in one transaction.

    Locks in the one order: workflows, executions, contacts. Executions that were taken from us meanwhile are left out;
    those of workflows that are not active any more are parked. A batch that took long enough is written back where it
    stands, and is due again at once.
    """
    with BATCH_SECONDS.time(), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [settings.ENGINE["lock_timeout"]])
        share_workflows(workflow_ids)
        now = clock.now()
        facts = Facts(list(workflow_ids))
        survivors = load_survivors(lease_id=lease_id, execution_ids=execution_ids)
        held = [run.id for run in survivors if run.workflow_id not in facts.active]
        if held:
            park(execution_ids=held, now=now)
        runs = [run for run in survivors if run.workflow_id in facts.active]
        ledger = LaneLedger()
        return_to_lanes(runs, now)
        time_out(runs, ledger, now)
        lead(with_contacts(runs, now), facts, ledger, now)
        write_runs(runs, now)
        ledger.write(now)
        ledger.cut(now)
    count_work(runs, ledger)
    return Taken(len(runs), ledger.steps_taken)


def with_contacts(runs: Sequence[Run], now: datetime) -> list[Run]:
    """Lock the contacts and give each run its copy; a run whose contact is gone is cancelled."""
    present = []
    for account_id, group in groupby(sorted(runs, key=lambda run: run.account_id), key=lambda run: run.account_id):
        members = list(group)
        contacts = lock_contacts(account_id=account_id, contact_ids=[run.contact_id for run in members])
        for run in members:
            if run.contact_id in contacts:
                run.contact = contacts[run.contact_id]
                present.append(run)
            else:
                run.end(ExecutionStatus.CANCELLED, CompletionReason.CONTACT_DELETED, now)
    return present


def lead(runs: Sequence[Run], facts: Facts, ledger: LaneLedger, now: datetime) -> None:
    """Take step after step until every run rests or has ended, or the time for one transaction is over.

    Runs that stand at the same step of the same version take it together; those behind catch up first. Ends early when
    somebody wants to pause or change one of the workflows: they shall not wait.
    """
    running_clock = clock.current().running(now)
    in_hand = {run.id: run for run in runs}
    give_up_at = time.monotonic() + settings.ENGINE["batch_seconds"]
    standing: dict[tuple[UUID, int], list[Run]] = defaultdict(list)
    for run in runs:
        run.started_at = run.started_at or now
        if not run.is_in_lane:
            end_wait(run, ledger, now)
            place(run, standing, now)
    while standing:
        if time.monotonic() > give_up_at or is_wanted(facts.active):
            break
        key = min(standing, key=lambda key: (key[1], key[0]))
        group = standing.pop(key)
        step: PlanStep = group[0].plan.steps[key[1]]
        for crowd in without_duplicates(group):
            going = [run for run in crowd if run.status == ExecutionStatus.ACTIVE]  # others were cancelled meanwhile
            fresh = [run for run in going if run.waiting_log_id is None]
            resumed = [run for run in going if run.waiting_log_id is not None]
            for turn_class, members in ((Turn, fresh), (LaneTurn, resumed)):
                if members:
                    turn = turn_class(step, ledger, running_clock())
                    take_turn(turn, members, facts=facts, in_hand=in_hand, now=now, clock=running_clock)
        for run in group:
            place(run, standing, now)
    for group in standing.values():
        for run in group:
            if run.status == ExecutionStatus.ACTIVE:
                run.due_at = run.was_due_at or now


def place(run: Run, standing: dict[tuple[UUID, int], list[Run]], now: datetime) -> None:
    """Queue a run at its step, unless it rests or has ended; one without a step is complete."""
    if run.status != ExecutionStatus.ACTIVE or run.is_in_lane:
        return
    if run.step is None:
        run.end(ExecutionStatus.COMPLETED, CompletionReason.FINISHED, now)
        return
    standing[run.plan.version_id, run.step.index].append(run)


def end_wait(run: Run, ledger: Ledger, now: datetime) -> None:
    """Complete the wait that a due run stood in and move it on, unless its step wants to be asked what comes now."""
    if run.waiting_log_id is None or (run.step is not None and run.step.asks_again):
        return
    ledger.ended_waits[run.waiting_log_id] = run.step.action_type if run.step is not None else ""
    run.waiting_log_id = None
    if run.step is not None:
        run.step = run.plan.after(run.step)


def without_duplicates(runs: Sequence[Run]) -> list[list[Run]]:
    """Split into groups in which no contact appears twice, keeping the order of each contact's runs."""
    crowds: list[list[Run]] = []
    seen: dict[UUID, int] = defaultdict(int)
    for run in runs:
        number = seen[run.contact_id]
        seen[run.contact_id] += 1
        if number == len(crowds):
            crowds.append([])
        crowds[number].append(run)
    return crowds
