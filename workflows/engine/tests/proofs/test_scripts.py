"""Customers' code that never ends delays nobody else: it has a lane of its own, behind everything."""

import statistics
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest

from accounts.actors import SYSTEM
from accounts.models import Account
from accounts.tests.factories import AccountFactory
from workflows.authoring.publishing import pause_workflow
from workflows.crm.models import Contact
from workflows.engine import clock
from workflows.engine.enroll import enroll_many
from workflows.engine.tests.proofs.installation import Installation, say, wait_until
from workflows.messaging.postbox.testing import postbox_in_process
from workflows.models import ActionExecution, Workflow, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.proof

CALLS = 500
LOOPS = 200
ROUNDS = 7
KEPT = 0.75
"""Of the rate without loops, which is 1 but for the noise of the machine."""
LIMIT_SECONDS = 240.0


def new_contacts(account: Account, count: int) -> list[UUID]:
    contacts = [Contact(account=account, first_name=f"C{number}") for number in range(count)]
    Contact.objects.bulk_create(contacts)
    return [contact.id for contact in contacts]


def enroll(workflow: Workflow, count: int) -> None:
    contact_ids = new_contacts(workflow.account, count)
    enroll_many(
        account_id=workflow.account_id,
        workflow_id=workflow.id,
        contacts=contact_ids,
        source="command",
        now=clock.now(),
    )


def calls_per_second(workflow: Workflow) -> float:
    done = WorkflowExecution.objects.filter(workflow=workflow, status="completed")
    before = done.count()
    started = time.monotonic()
    enroll(workflow, CALLS)
    wait_until(lambda: done.count() == before + CALLS, seconds=LIMIT_SECONDS)
    return CALLS / (time.monotonic() - started)


def test_a_lane_full_of_loops_leaves_webhooks_their_rate(installation: Installation, tmp_path: Path) -> None:
    with postbox_in_process(tmp_path / "postbox") as postbox:
        call = ("webhook_call", {"url": postbox.url(), "method": "POST"})
        webhooks = ActiveWorkflowFactory(account=AccountFactory(), chain=[call])
        running = ActionExecution.objects.filter(action_type="custom_code", status="running")
        installation.start_workers()
        calls_per_second(webhooks)
        alone, beside = [calls_per_second(webhooks)], []
        for _ in range(ROUNDS):
            loops = ActiveWorkflowFactory(account=AccountFactory(), chain=[("custom_code", {"code": "for (;;);"})])
            enroll(loops, LOOPS)
            wait_until(running.exists, seconds=30)
            beside.append(calls_per_second(webhooks))
            assert running.exists()
            pause_workflow(account_id=loops.account_id, actor=SYSTEM, workflow_id=loops.id)
            wait_until(lambda: not running.exists(), seconds=30)
            alone.append(calls_per_second(webhooks))
        kept = statistics.median(
            rate / statistics.mean(around) for rate, around in zip(beside, pairwise(alone), strict=True)
        )
        say(f"webhooks a second: {rounded(alone)} alone, {rounded(beside)} beside scripts that never end: {kept:.0%}")
        assert kept >= KEPT


def rounded(rates: Sequence[float]) -> str:
    return ", ".join(f"{rate:.0f}" for rate in rates)
