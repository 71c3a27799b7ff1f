"""Workers killed with -9 and a database that loses its power: nothing is lost, nothing happens twice."""

import random
import time
from collections import Counter
from uuid import UUID

import pytest
from django.db import connection

from accounts.tests.factories import AccountFactory
from workflows.crm.models import Contact, CustomField, Event, FieldType, Note, Task
from workflows.engine.enroll import enroll_many
from workflows.engine.tests.proofs.installation import Installation, say, wait_until
from workflows.models import ActionExecution, Workflow, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.proof

KILLS = 20
CONTACTS = 5000
INCREMENT = {"field_updates": [{"field": "custom_fields.count", "value": 1, "mode": "increment"}], "update_mode": "set"}
CHAIN = [
    ("update_contact", INCREMENT),
    ("add_note", {"content": "{{ contact.first_name }}", "note_type": "general"}),
    ("wait_time", {"duration": 1, "unit": "minutes"}),
    ("update_contact", INCREMENT),
    ("create_task", {"title": "Call {{ contact.first_name }}", "priority": "low"}),
]


def world() -> tuple[Workflow, list[UUID]]:
    account = AccountFactory()
    CustomField.objects.create(account=account, key="count", label="Count", field_type=FieldType.NUMBER)
    contacts = [Contact(account=account, first_name=f"C{number}") for number in range(CONTACTS)]
    Contact.objects.bulk_create(contacts, batch_size=1000)
    return ActiveWorkflowFactory(account=account, chain=CHAIN), [contact.id for contact in contacts]


def leased() -> int:
    return WorkflowExecution.objects.exclude(lease_id=None).count()


def is_over(workflow: Workflow, expected: int) -> bool:
    ended = WorkflowExecution.objects.filter(workflow=workflow, completed_at__isnull=False).count()
    return ended == expected and not Event.objects.filter(dispatched_at=None).exists()


class TestCrashes:
    def test_lose_nothing_and_double_nothing(self, installation: Installation) -> None:
        workflow, contact_ids = world()
        installation.start_workers(2)
        page = CONTACTS // KILLS
        hits = 0
        for number in range(KILLS):
            ids = contact_ids[number * page : (number + 1) * page]
            counts = enroll_many(
                account_id=workflow.account_id,
                workflow_id=workflow.id,
                contacts=ids,
                source="command",
                now=installation.clock.now(),
            )
            assert counts.enrolled == page
            installation.clock.advance(30)
            wait_until(lambda: leased() > 0, seconds=60)
            time.sleep(random.uniform(0, 0.2))
            hits += leased() > 0
            installation.kill_a_worker()
            if number in (6, 13):
                installation.crash_database()
            time.sleep(random.uniform(0.3, 1.5))

        last_blow = time.monotonic()
        wait_until(lambda: leased() == 0 or resumed(last_blow), seconds=30)
        wait_until(lambda: is_over(workflow, CONTACTS), seconds=300, meanwhile=lambda: installation.clock.advance(10))

        say(
            f"{hits} of {KILLS} kills hit leased work; all was over {time.monotonic() - last_blow:.1f} s after the last"
        )
        assert hits > KILLS // 2
        executions = WorkflowExecution.objects.filter(workflow=workflow)
        assert Counter(executions.values_list("status", "completion_reason")) == {("completed", "finished"): CONTACTS}
        assert not executions.exclude(visits=len(CHAIN)).exists()
        logs = ActionExecution.objects.filter(workflow_id=workflow.id)
        assert Counter(logs.values_list("visit", "status")) == {
            (visit, "completed"): CONTACTS for visit in range(len(CHAIN))
        }
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(DISTINCT (workflow_execution_id, visit)) FROM workflow_action_executions"
                " WHERE workflow_id = %s",
                [workflow.id],
            )
            assert cursor.fetchone() == (CONTACTS * len(CHAIN),)
        counted = Contact.objects.for_account(workflow.account_id).values_list("custom_fields__count", flat=True)
        assert Counter(counted) == {2: CONTACTS}
        for model in (Note, Task):
            per_contact = Counter(model.objects.for_account(workflow.account_id).values_list("contact_id", flat=True))
            assert Counter(per_contact.values()) == {1: CONTACTS}
        events = Counter(Event.objects.for_account(workflow.account_id).values_list("event_type", flat=True))
        assert (events["note_added"], events["task_created"]) == (CONTACTS, CONTACTS)
        assert events["custom_field_changed"] == 2 * CONTACTS


def resumed(since: float) -> bool:
    """Say whether no lease is left that was already running out at that time."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT NOT EXISTS (SELECT FROM workflow_executions WHERE lease_id IS NOT NULL AND lease_until"
            " < clock_timestamp() + make_interval(secs => 20 - %s))",
            [time.monotonic() - since],
        )
        return bool(cursor.fetchone()[0])
