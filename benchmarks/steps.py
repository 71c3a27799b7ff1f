"""The engine's figures: steps per second beside two baselines, with a million sleepers, enrolling, draining waits."""

import os
import statistics
import time
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

from django.db import connection, connections

from accounts.models import Account
from benchmarks import baselines
from benchmarks.engine import AHEAD, Measured, completed_steps, drain, enroll_ahead, is_busy
from benchmarks.server import workers
from benchmarks.world import CHAIN, add_sleepers, make_contacts, make_workflow
from config.postgres import DURABLE, Layout, Server
from config.postgres.layout import NAME
from workflows.engine.clock import ShiftedClock
from workflows.models import Workflow, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

PROCESSES = 2
CONTACTS = 20_000
SLEEPERS = 1_000_000
SLEEPER_ROUNDS = 3
SLEEPER_CONTACTS = 5_000
SAMPLE = 100
WAITS = 100_000
SLEEPERS_DATABASE = "sleepers"


def measure(folder: Path) -> dict[str, float]:
    """Return every figure by its name; prints what happens on the way."""
    clock = ShiftedClock(folder / "clock")
    account = Account.objects.create(name="Benchmark")
    workflow = make_workflow(account)
    figures: dict[str, float] = {}
    figures |= baseline_figures(account, clock)
    with workers(PROCESSES):
        say("warming up")
        run(workflow, 1000, clock)
        figures |= throughput(workflow, clock)
        figures["waits_drained_seconds"] = waits(account, clock)
    figures["sleepers_ratio"] = sleepers(folder, workflow, clock)
    return figures


def throughput(workflow: Workflow, clock: ShiftedClock) -> dict[str, float]:
    """Lead 20 000 contacts through the ten steps, three times; the medians count."""
    rates, speeds = [], []
    for _ in range(3):
        contact_ids = make_contacts(workflow.account, CONTACTS)
        rates.append(enroll_ahead(workflow, contact_ids, clock))
        measured = drain(workflow, clock, before=completed_steps(workflow))
        if measured.steps != CONTACTS * len(CHAIN):
            raise RuntimeError(f"{measured.steps} steps were completed, not {CONTACTS * len(CHAIN)}")
        speeds.append(measured.steps_per_second)
        say(f"{measured.steps} steps in {measured.seconds:.1f} s: {measured.steps_per_second:,.0f} steps/s")
    return {"steps_per_second": statistics.median(speeds), "enrolled_per_second": statistics.median(rates)}


def run(workflow: Workflow, contacts: int, clock: ShiftedClock) -> Measured:
    enroll_ahead(workflow, make_contacts(workflow.account, contacts), clock)
    return drain(workflow, clock, before=completed_steps(workflow))


def baseline_figures(account: Account, clock: ShiftedClock) -> dict[str, float]:
    """Let both baselines take the same steps for a sample of contacts."""
    figures = {}
    for kind, name in (("orm", "steps_per_second_orm"), ("jobs", "steps_per_second_job_per_step")):
        workflow = make_workflow(account)
        enroll_ahead(workflow, make_contacts(account, SAMPLE), clock)
        executions = WorkflowExecution.objects.filter(workflow=workflow)
        execution_ids = [str(key) for key in executions.values_list("id", flat=True)]
        figures[name] = baselines.measure(kind, execution_ids, steps=SAMPLE * len(CHAIN))
        if completed_steps(workflow) != SAMPLE * len(CHAIN) or is_busy(workflow):
            raise RuntimeError(f"the baseline {kind} did not take every step")
        say(f"baseline {kind}: {figures[name]:,.0f} steps/s")
    return figures


def waits(account: Account, clock: ShiftedClock) -> float:
    """Let 100 000 waits end at one instant and return the seconds until all have gone on and ended."""
    workflow = ActiveWorkflowFactory(
        account=account, chain=[("wait_time", {"duration": 1, "unit": "hours"}), ("add_tag", {"tag_name": "Awake"})]
    )
    enroll_ahead(workflow, make_contacts(account, WAITS), clock)
    clock.advance(AHEAD.total_seconds() + 1)
    executions = WorkflowExecution.objects.filter(workflow=workflow)
    while executions.filter(status="waiting").count() < WAITS:
        time.sleep(0.5)
    executions.update(due_at=clock.now() + AHEAD)
    say(f"{WAITS} contacts wait")
    measured = drain(workflow, clock, before=completed_steps(workflow))
    say(f"drained in {measured.seconds:.1f} s")
    return measured.seconds


def sleepers(folder: Path, workflow: Workflow, clock: ShiftedClock) -> float:
    """Return the time per step with a million sleeping executions over that without, in alternating runs."""
    copy_database(folder)
    use_database(folder, SLEEPERS_DATABASE)
    sleeping = ActiveWorkflowFactory(account=workflow.account, chain=CHAIN)
    add_sleepers(sleeping, contacts_of(workflow.account), SLEEPERS)
    say(f"{SLEEPERS} executions sleep in a copy of the database")
    speeds: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(SLEEPER_ROUNDS):
        for is_crowded in (False, True):
            use_database(folder, SLEEPERS_DATABASE if is_crowded else NAME)
            with workers(PROCESSES):
                measured = run(workflow, SLEEPER_CONTACTS, clock)
            speeds[is_crowded].append(measured.steps_per_second)
            say(f"{'with' if is_crowded else 'without'} sleepers: {measured.steps_per_second:,.0f} steps/s")
    use_database(folder, NAME)
    return statistics.median(speeds[False]) / statistics.median(speeds[True])


def contacts_of(account: Account) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM crm_contact WHERE account_id = %s LIMIT 20000", [account.id])
        return [row[0] for row in cursor.fetchall()]


def copy_database(folder: Path) -> None:
    connections.close_all()
    with Server(folder, DURABLE).connect("postgres") as control:
        control.execute(f'CREATE DATABASE {SLEEPERS_DATABASE} TEMPLATE "{NAME}"')


def use_database(folder: Path, name: str) -> None:
    """Point this process, and the workers that it will start, at one of the server's databases."""
    settings = connection.settings_dict
    os.environ["DATABASE_URL"] = f"postgres://{settings['USER']}@/{name}?host={quote(str(Layout(folder).socket_dir))}"
    connections.close_all()
    settings["NAME"] = name


def say(text: str) -> None:
    print(text, flush=True)
