"""What row level security costs: the same work with the policies on and off, in turns, as ratios of the medians."""

import random
import statistics
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from accounts.models import Account
from accounts.services.accounts import MAXIMUM_LIMIT
from benchmarks.editing import at_the_function
from benchmarks.engine import completed_steps, drain, enroll_ahead
from benchmarks.server import workers
from benchmarks.steps import say
from benchmarks.world import make_contacts, make_workflow
from config.database.walls import account_columns
from config.postgres import DURABLE, Server
from workflows.engine.clock import ShiftedClock
from workflows.models import Workflow

ROUNDS = 5
CONTACTS = 4_000
PROCESSES = 2
SHARES = ("steps_per_second", "enrolled_per_second", "add_action_p95_ms", "reorder_50_p95_ms")


def measure(folder: Path) -> dict[str, float]:
    """Return, by figure, how it is with policies over how it is without: 1.1 is a tenth more."""
    clock = ShiftedClock(folder / "clock")
    workflow = make_workflow(Account.objects.create(name="Walls"))
    found: dict[bool, dict[str, list[float]]] = {False: defaultdict(list), True: defaultdict(list)}
    with workers(PROCESSES):
        run(workflow, clock)
        for number in range(ROUNDS):
            for is_walled in (True, False) if number % 2 else (False, True):
                switch(folder, is_on=is_walled)
                figures = run(workflow, clock)
                for name in SHARES:
                    found[is_walled][name].append(figures[name])
                told = ", ".join(f"{name} {figures[name]:,.1f}" for name in SHARES)
                say(f"{'with' if is_walled else 'without'} policies: {told}")
    switch(folder, is_on=True)
    return {
        f"walls_{name}_ratio": statistics.median(found[True][name]) / statistics.median(found[False][name])
        for name in SHARES
    }


def run(workflow: Workflow, clock: ShiftedClock) -> Mapping[str, float]:
    contact_ids = make_contacts(workflow.account, CONTACTS)
    rate = enroll_ahead(workflow, contact_ids, clock)
    measured = drain(workflow, clock, before=completed_steps(workflow))
    editing = Account.objects.create(name="Editing", workflow_limit=1000, request_limit=MAXIMUM_LIMIT)
    return at_the_function(editing, random.Random(1)) | {
        "steps_per_second": measured.steps_per_second,
        "enrolled_per_second": rate,
    }


def switch(folder: Path, *, is_on: bool) -> None:
    """Switch the policies of all tables on or off, as the owner of the tables."""
    verb = "ENABLE" if is_on else "DISABLE"
    with Server(folder, DURABLE).connect() as control:
        for table in account_columns():
            control.execute(f'ALTER TABLE "{table}" {verb} ROW LEVEL SECURITY')
