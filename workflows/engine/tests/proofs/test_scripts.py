"""Customers' code that never ends delays nobody else: it has a lane of its own, behind everything."""

import time
from pathlib import Path
from uuid import UUID

import pytest

from accounts.models import Account
from accounts.tests.factories import AccountFactory
from workflows.crm.models import Contact
from workflows.engine import clock
from workflows.engine.enroll import enroll_many
from workflows.engine.tests.proofs.installation import Installation, say, wait_until
from workflows.messaging.postbox.testing import postbox_in_process
from workflows.models import ActionExecution, Workflow, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.proof

CALLS = 800
LOOPS = 200
KEPT = 0.5
"""Of the rate without loops: scripts take what the processor has left, and a little more."""
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
        loops = ActiveWorkflowFactory(account=AccountFactory(), chain=[("custom_code", {"code": "for (;;);"})])
        installation.start_workers()
        calls_per_second(webhooks)
        alone = calls_per_second(webhooks)
        enroll(loops, LOOPS)
        wait_until(lambda: ActionExecution.objects.filter(status="running").exists(), seconds=30)
        beside = calls_per_second(webhooks)
        say(f"webhooks: {alone:.0f}/s alone, {beside:.0f}/s beside {LOOPS} scripts that never end")
        assert WorkflowExecution.objects.filter(workflow=loops, status__in=("queued", "active", "waiting")).exists()
        assert beside >= KEPT * alone
