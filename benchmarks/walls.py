"""What row level security costs: the same work with the policies on and off, in turns, in seconds of the processor.

Everything runs in this process on one connection, so that what other programs do to the clock on the wall does not
count: the seconds are this process's and its server process's.
"""

import os
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import connection

from accounts.models import Account
from accounts.services.accounts import MAXIMUM_LIMIT
from accounts.tenancy import account_scope
from benchmarks.editing import CONFIG, LENGTH, make_workflow, target
from benchmarks.engine import completed_steps, enroll_ahead, is_busy
from benchmarks.steps import say
from benchmarks.world import CHAIN, make_contacts
from benchmarks.world import make_workflow as make_ten_steps
from config.database.walls import account_columns
from config.postgres import DURABLE, Server
from workflows.authoring.chain import add_action, list_actions, reorder_actions
from workflows.engine import ticks
from workflows.engine.clock import ShiftedClock
from workflows.models import Workflow

ROUNDS = 5
CONTACTS = 1_500
REORDERS = 25
TICK = os.sysconf("SC_CLK_TCK")
FIGURES = ("steps", "enroll", "add_action", "reorder_50")


def measure(folder: Path) -> dict[str, float]:
    """Return, by kind of work, its cost with policies over that without: 1.1 is a tenth more."""
    clock = ShiftedClock(folder / "clock")
    workflow = make_ten_steps(Account.objects.create(name="Walls"))
    found: dict[bool, dict[str, list[float]]] = {False: defaultdict(list), True: defaultdict(list)}
    work(workflow, clock, "warming up")
    for number in range(ROUNDS):
        for is_walled in (True, False) if number % 2 else (False, True):
            switch(folder, is_on=is_walled)
            state = "with" if is_walled else "without"
            costs = work(workflow, clock, f"{state} {number}")
            for name, seconds in costs.items():
                found[is_walled][name].append(seconds)
            say(f"{state} policies: " + ", ".join(f"{name} {costs[name]:.3f} s" for name in FIGURES))
    switch(folder, is_on=True)
    return {
        f"walls_{name}_ratio": statistics.median(found[True][name]) / statistics.median(found[False][name])
        for name in FIGURES
    }


def work(workflow: Workflow, clock: ShiftedClock, label: str) -> dict[str, float]:
    """Lead contacts through ten steps, fill a workflow and reorder it; return the processor's seconds of each."""
    account = workflow.account
    contact_ids = make_contacts(account, CONTACTS)
    before = completed_steps(workflow)
    with account_scope(account.id):
        costs = {"enroll": cost(lambda: enroll_ahead(workflow, contact_ids, clock))}
    costs["steps"] = cost(lambda: drain(workflow, clock))
    if completed_steps(workflow) - before != CONTACTS * len(CHAIN):
        raise RuntimeError("not every step was taken")
    editing = Account.objects.create(name=f"Editing {label}", request_limit=MAXIMUM_LIMIT)
    with account_scope(editing.id):
        edited = make_workflow(editing, label)
        costs["add_action"] = cost(lambda: fill(edited))
        costs["reorder_50"] = cost(lambda: shuffle(edited))
    return costs


def drain(workflow: Workflow, clock: ShiftedClock) -> None:
    clock.advance(31 * 60)
    while is_busy(workflow):
        ticks.advance_tick()
        ticks.dispatch_tick()
        clock.advance(61)


def fill(workflow: Workflow) -> None:
    for position in range(LENGTH):
        add_action(**target(workflow), action_type="add_tag", action_config=CONFIG, position=position // 2)


def shuffle(workflow: Workflow) -> None:
    chance = random.Random(1)
    for _ in range(REORDERS):
        items = list_actions(account_id=workflow.account_id, workflow_id=workflow.id)
        order = chance.sample([item.action.id for item in items], LENGTH)
        positions = {action_id: place for place, action_id in enumerate(order)}
        reorder_actions(**target(workflow), action_positions=positions)


def cost(call: Callable[[], Any]) -> float:
    """Return the processor's seconds that a call takes, here and in the server."""
    before = spent()
    call()
    return spent() - before


def spent() -> float:
    connection.ensure_connection()
    pid = connection.connection.info.backend_pid
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return time.process_time() + (int(fields[11]) + int(fields[12])) / TICK


def switch(folder: Path, *, is_on: bool) -> None:
    """Switch the policies of all tables on or off, as the owner of the tables."""
    verb = "ENABLE" if is_on else "DISABLE"
    with Server(folder, DURABLE).connect() as control:
        for table in account_columns():
            control.execute(f'ALTER TABLE "{table}" {verb} ROW LEVEL SECURITY')
