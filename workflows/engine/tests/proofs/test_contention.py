"""Many workflows, deletions and cancellations on the same contacts at once: no deadlock surfaces, and all adds up."""

import random
import time
from collections import Counter
from uuid import UUID

import pytest
from django.db import connection, transaction

from accounts.actors import SYSTEM
from accounts.models import Account
from accounts.problems import Conflict
from accounts.tests.factories import AccountFactory
from workflows.crm.models import Contact, ContactTag, CustomField, FieldType, Note
from workflows.crm.services.contacts import delete_contacts
from workflows.engine import operations
from workflows.engine.enroll import enroll_many
from workflows.engine.tests.proofs.installation import Installation, say, wait_until
from workflows.models import ActionExecution, Workflow, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.proof

WORKFLOWS = 50
CONTACTS = 100
INCREMENT = {"field_updates": [{"field": "custom_fields.count", "value": 1, "mode": "increment"}], "update_mode": "set"}


def new_account() -> Account:
    account = AccountFactory()
    CustomField.objects.create(account=account, key="count", label="Count", field_type=FieldType.NUMBER)
    return account


def new_contacts(account: Account, count: int) -> list[UUID]:
    contacts = [Contact(account=account, first_name=f"C{number}", source="") for number in range(count)]
    Contact.objects.bulk_create(contacts)
    return [contact.id for contact in contacts]


def delete(account: Account, contact_id: UUID, installation: Installation) -> None:
    with transaction.atomic():
        delete_contacts(account_id=account.id, actor=SYSTEM, contact_ids=[contact_id], now=installation.clock.now())


def deadlocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def live(account: Account) -> bool:
    return WorkflowExecution.objects.for_account(account.id).filter(completed_at=None).exists()


class TestContention:
    def test_log_and_records_agree(self, installation: Installation) -> None:
        account = new_account()
        contact_ids = new_contacts(account, CONTACTS)
        chains = [
            [
                ("add_tag", {"tag_name": f"Tag {number}"}),
                ("update_contact", INCREMENT),
                ("add_note", {"content": "{{ contact.custom_fields.count }}", "note_type": "general"}),
                ("add_tag", {"tag_name": "Everyone"}),
                ("remove_tag", {"tag_name": f"Tag {number}"}) if number % 2 else ("update_contact", INCREMENT),
            ]
            for number in range(WORKFLOWS)
        ]
        workflows = [ActiveWorkflowFactory(account=account, chain=chain) for chain in chains]
        deadlocks_before = deadlocks()
        installation.start_workers(2)
        doomed = random.sample(contact_ids, 30)
        for workflow in random.sample(workflows, WORKFLOWS):
            enroll_many(
                account_id=account.id,
                workflow_id=workflow.id,
                contacts=contact_ids,
                source="command",
                now=installation.clock.now(),
            )
            if doomed and random.random() < 0.8:
                delete(account, doomed.pop(), installation)
        for contact_id in doomed:
            delete(account, contact_id, installation)
        wait_until(lambda: not live(account), seconds=240)

        executions = WorkflowExecution.objects.for_account(account.id)
        reasons = Counter(executions.values_list("status", "completion_reason"))
        say(f"{dict(reasons)}; {deadlocks() - deadlocks_before} deadlocks inside the engine")
        assert set(reasons) <= {("completed", "finished"), ("cancelled", "contact_deleted")}
        present = set(Contact.objects.for_account(account.id).present().values_list("id", flat=True))
        assert len(present) == CONTACTS - 30
        assert not executions.filter(contact_id__in=present).exclude(status="completed").exists()
        logs = ActionExecution.objects.for_account(account.id).filter(status="completed")
        assert ActionExecution.objects.for_account(account.id).count() == logs.count()
        increments = Counter(logs.filter(action_type="update_contact").values_list("contact_id", flat=True))
        notes = Counter(logs.filter(action_type="add_note").values_list("contact_id", flat=True))
        counts = dict(Contact.objects.for_account(account.id).values_list("id", "custom_fields__count"))
        assert {contact_id: int(count or 0) for contact_id, count in counts.items()} == {
            contact_id: increments[contact_id] for contact_id in contact_ids
        }
        assert Counter(Note.objects.for_account(account.id).values_list("contact_id", flat=True)) == notes
        tags = Counter(ContactTag.objects.filter(contact_id__in=present).values_list("contact_id", flat=True))
        assert tags == dict.fromkeys(present, WORKFLOWS // 2 + 1)

    def test_exactly_those_are_left_out_that_a_cancel_or_a_delete_hits(self, installation: Installation) -> None:
        account = new_account()
        contact_ids = new_contacts(account, 6000)
        chain = [step for _ in range(4) for step in (("update_contact", INCREMENT), ("add_note", {"content": "x"}))]
        workflow: Workflow = ActiveWorkflowFactory(account=account, chain=chain)
        installation.start_workers(2)
        enroll_many(
            account_id=account.id,
            workflow_id=workflow.id,
            contacts=contact_ids,
            source="command",
            now=installation.clock.now(),
        )
        executions = WorkflowExecution.objects.filter(workflow=workflow)
        cancelled: set[UUID] = set()
        deleted: set[UUID] = set()
        wait_until(lambda: executions.filter(completed_at__isnull=False).exists(), seconds=30)
        while live(account):
            leased = executions.filter(completed_at=None).exclude(lease_id=None)
            in_flight = list(leased.values_list("id", "contact_id")[:50])
            if not in_flight:
                time.sleep(0.01)
                continue
            execution_id, _ = random.choice(in_flight)
            _, contact_id = random.choice(in_flight)
            try:
                operations.cancel(
                    account_id=account.id, actor=SYSTEM, execution_id=execution_id, now=installation.clock.now()
                )
                cancelled.add(execution_id)
            except Conflict:
                pass
            delete(account, contact_id, installation)
            deleted.add(contact_id)

        ends = Counter(executions.values_list("status", "completion_reason"))
        say(f"{dict(ends)}; {len(deleted)} contacts deleted")
        assert set(executions.filter(completion_reason="cancelled_by_user").values_list("id", flat=True)) == cancelled
        gone = executions.filter(completion_reason="contact_deleted")
        assert set(gone.values_list("contact_id", flat=True)) <= deleted
        assert ends["cancelled", "cancelled_by_user"] > 0
        assert ends["cancelled", "contact_deleted"] > 0
        assert ends["completed", "finished"] == len(contact_ids) - len(cancelled) - gone.count()
        logs = Counter(ActionExecution.objects.filter(workflow_id=workflow.id).values_list("contact_id", flat=True))
        completed = executions.filter(status="completed").values_list("contact_id", flat=True)
        assert {logs[contact_id] for contact_id in completed} == {len(chain)}
        notes = Counter(Note.objects.for_account(account.id).values_list("contact_id", flat=True))
        written = ActionExecution.objects.filter(workflow_id=workflow.id, action_type="add_note")
        assert notes == Counter(written.values_list("contact_id", flat=True))
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM workflow_action_executions log"
                " JOIN workflow_executions execution ON execution.id = log.workflow_execution_id"
                " WHERE execution.workflow_id = %s AND execution.status = 'cancelled'"
                " AND log.created_at > execution.completed_at",
                [workflow.id],
            )
            assert cursor.fetchone() == (0,)
