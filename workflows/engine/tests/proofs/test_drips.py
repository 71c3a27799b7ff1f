"""Drips under four workers: in each interval as many as may pass, never one more, in the order in which they came."""

import time
from collections import Counter
from datetime import timedelta

import pytest

from accounts.tests.factories import AccountFactory
from workflows.crm.models import Contact, Drip
from workflows.engine.enroll import enroll_many
from workflows.engine.tests.proofs.installation import Installation, say, wait_until
from workflows.models import ActionExecution, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.proof

CONTACTS = 3000
BATCH = 401
HOUR = timedelta(hours=1)


class TestDrip:
    def test_never_lets_one_too_many_through(self, installation: Installation) -> None:
        account = AccountFactory()
        contacts = [Contact(account=account, first_name=f"C{number}", source="") for number in range(CONTACTS)]
        Contact.objects.bulk_create(contacts)
        chain = [
            ("drip", {"batch_size": BATCH, "interval": 1, "unit": "hours"}),
            ("add_note", {"content": "Passed"}),
        ]
        workflow = ActiveWorkflowFactory(account=account, chain=chain)
        installation.start_workers(4)
        enroll_many(
            account_id=account.id,
            workflow_id=workflow.id,
            contacts=[contact.id for contact in contacts],
            source="command",
            now=installation.clock.now(),
        )
        runs = WorkflowExecution.objects.for_account(account.id)
        wait_until(lambda: not runs.filter(status__in=["queued", "active"]).exists(), seconds=120)
        drip = Drip.objects.get(workflow_id=workflow.id)
        expected = BATCH
        hours = 0
        while expected < CONTACTS:
            assert runs.filter(status="completed").count() == expected
            is_downtime = hours == 2  # nobody works for four hours and a half; what was missed is not made up for
            if is_downtime:
                installation.stop_workers()
            installation.clock.advance((4.5 if is_downtime else 1) * 3600)
            if is_downtime:
                installation.start_workers(4)
            expected = min(CONTACTS, expected + BATCH)
            wait_until(lambda expected=expected: runs.filter(status="completed").count() >= expected, seconds=120)
            time.sleep(2)  # whoever would pass wrongly has the time to
            hours += 1

        passes = ActionExecution.objects.for_account(account.id).filter(action_type="add_note").order_by("started_at")
        start = drip.window_started_at
        by_interval = Counter((row.started_at - start) // HOUR for row in passes)
        say(f"passed by interval: {dict(sorted(by_interval.items()))}")
        assert max(by_interval.values()) <= BATCH
        assert sum(by_interval.values()) == CONTACTS
        numbers = ActionExecution.objects.for_account(account.id).filter(action_type="drip")
        by_number = {row.contact_id: row.result_data["number"] for row in numbers}
        assert sorted(by_number.values()) == list(range(1, CONTACTS + 1))
        interval_of = {row.contact_id: (row.started_at - start) // HOUR for row in passes}
        in_order = [interval_of[contact_id] for contact_id in sorted(by_number, key=by_number.__getitem__)]
        assert in_order == sorted(in_order)
