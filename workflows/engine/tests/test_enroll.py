"""Letting contacts in."""

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection, transaction
from uuid_utils.compat import uuid7

from accounts.actors import SYSTEM
from accounts.problems import Conflict, Missing
from accounts.tests.factories import AccountFactory
from workflows.crm.models import Channel, Consent, ConsentState, Contact
from workflows.crm.services.contacts import delete_contacts
from workflows.crm.tests.factories import ContactFactory
from workflows.engine.clock import VirtualClock
from workflows.engine.enroll import EnrollmentCounts, enroll, enroll_many
from workflows.engine.tests.conftest import START
from workflows.engine.tests.leading import advance_all
from workflows.models import SingleEnrollment, Workflow, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory, step_ids

pytestmark = pytest.mark.django_db


def admit(workflow: Workflow, contact: Contact, **fields: object) -> WorkflowExecution:
    return enroll(
        account_id=workflow.account_id,
        workflow_id=workflow.id,
        contact_id=contact.id,
        source="api",
        now=START,
        **fields,
    )


def opt_out(contact: Contact, *channels: Channel) -> None:
    for channel in channels:
        Consent.objects.create(
            account_id=contact.account_id,
            contact=contact,
            channel=channel,
            state=ConsentState.OPT_OUT,
            recorded_at=START,
        )


def refused_as(code: str, call: Callable[[], object]) -> None:
    before = WorkflowExecution.objects.count()
    with pytest.raises(Conflict) as refusal:
        call()
    assert refusal.value.problem.code == code
    assert WorkflowExecution.objects.count() == before


class TestEnroll:
    def test_queues_the_contact_at_the_first_step_due_now(self) -> None:
        workflow = ActiveWorkflowFactory(chain=[("sign", {}), ("sign", {})])
        contact = ContactFactory(account=workflow.account)

        execution = admit(workflow, contact, data={"plan": "gold"}, depth=3)

        assert (execution.status, execution.due_at, execution.depth) == ("queued", START, 3)
        assert execution.current_action_id == step_ids(workflow)[0]
        assert (execution.trigger_data, execution.steps) == ({"plan": "gold"}, {})
        assert (execution.enrollment_source, execution.reentry_key) == ("api", "inside")
        assert execution.created_at == START

    @pytest.mark.parametrize("status", ["draft", "paused", "archived"])
    def test_refuses_workflows_that_are_not_active(self, status: str) -> None:
        workflow = ActiveWorkflowFactory(chain=[("sign", {})])
        Workflow.objects.update(status=status)

        refused_as("workflow_not_active", lambda: admit(workflow, ContactFactory(account=workflow.account)))

    def test_refuses_who_opted_out_of_everything(self) -> None:
        workflow = ActiveWorkflowFactory(chain=[("sign", {})])
        contact = ContactFactory(account=workflow.account)
        opt_out(contact, *Channel)

        refused_as("contact_opted_out", lambda: admit(workflow, contact))

    def test_admits_who_opted_out_of_one_channel(self) -> None:
        workflow = ActiveWorkflowFactory(chain=[("sign", {})])
        contact = ContactFactory(account=workflow.account)
        opt_out(contact, Channel.SMS)

        assert admit(workflow, contact).status == "queued"

    def test_refuses_more_than_25_workflows_in_a_row(self) -> None:
        workflow = ActiveWorkflowFactory(chain=[("sign", {})])
        contact = ContactFactory(account=workflow.account)

        refused_as("loop_guard", lambda: admit(workflow, contact, depth=26))
        assert admit(workflow, contact, depth=25).depth == 25

    def test_knows_no_foreign_or_deleted_contact(self) -> None:
        workflow = ActiveWorkflowFactory(chain=[("sign", {})])
        deleted = ContactFactory(account=workflow.account, deleted_at=START)

        for contact in (ContactFactory(), deleted):
            with pytest.raises(Missing):
                admit(workflow, contact)
        assert not WorkflowExecution.objects.exists()

    def test_knows_no_foreign_or_deleted_workflow(self) -> None:
        workflow = ActiveWorkflowFactory(chain=[("sign", {})])
        stranger = AccountFactory()
        with pytest.raises(Missing):
            enroll(
                account_id=stranger.id,
                workflow_id=workflow.id,
                contact_id=ContactFactory(account=stranger).id,
                source="api",
                now=START,
            )
        Workflow.objects.update(deleted_at=START)
        with pytest.raises(Missing):
            admit(workflow, ContactFactory(account=workflow.account))
        assert not WorkflowExecution.objects.exists()

    @pytest.mark.django_db(transaction=True)
    def test_waits_for_a_deletion_under_way(self) -> None:
        workflow = ActiveWorkflowFactory(chain=[("sign", {})])
        contact = ContactFactory(account=workflow.account)
        outcomes: list[str] = []

        def try_it() -> None:
            try:
                admit(workflow, contact)
                outcomes.append("enrolled")
            except Missing:
                outcomes.append("missing")
            finally:
                connection.close()

        thread = Thread(target=try_it)
        with transaction.atomic():
            delete_contacts(account_id=contact.account_id, actor=SYSTEM, contact_ids=[contact.id], now=START)
            thread.start()
            thread.join(timeout=1)
            assert outcomes == []
        thread.join()

        assert outcomes == ["missing"]
        assert not WorkflowExecution.objects.exists()


class TestReentry:
    def test_after_exit_admits_again_once_the_contact_left(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(chain=[("sign", {})])
        contact = ContactFactory(account=workflow.account)
        admit(workflow, contact)

        refused_as("already_enrolled", lambda: admit(workflow, contact))
        advance_all()

        assert admit(workflow, contact).status == "queued"

    def test_single_admits_once_ever(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(reentry="single", chain=[("sign", {})])
        contact = ContactFactory(account=workflow.account)
        admit(workflow, contact)
        advance_all()

        refused_as("already_enrolled", lambda: admit(workflow, contact))
        assert SingleEnrollment.objects.count() == 1

    def test_single_remembers_runs_from_before_the_setting(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(reentry="multiple", chain=[("sign", {})])
        contact = ContactFactory(account=workflow.account)
        admit(workflow, contact)
        advance_all()
        Workflow.objects.update(reentry="single")

        refused_as("already_enrolled", lambda: admit(workflow, contact))

    def test_after_exit_sees_runs_from_before_the_setting(self) -> None:
        workflow = ActiveWorkflowFactory(reentry="multiple", chain=[("sign", {})])
        contact = ContactFactory(account=workflow.account)
        admit(workflow, contact)
        Workflow.objects.update(reentry="after_exit")

        refused_as("already_enrolled", lambda: admit(workflow, contact))

    def test_multiple_admits_any_number(self) -> None:
        workflow = ActiveWorkflowFactory(reentry="multiple", chain=[("sign", {})])
        contact = ContactFactory(account=workflow.account)

        assert len({admit(workflow, contact).id for _ in range(3)}) == 3

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("reentry", ["single", "after_exit"])
    def test_admits_one_of_many_at_once(self, reentry: str) -> None:
        workflow = ActiveWorkflowFactory(reentry=reentry, chain=[("sign", {})])
        contact = ContactFactory(account=workflow.account)
        barrier = Barrier(8)
        outcomes: list[str] = []

        def try_it() -> None:
            barrier.wait()
            try:
                admit(workflow, contact)
                outcomes.append("enrolled")
            except Conflict as refusal:
                outcomes.append(refusal.problem.code)
            finally:
                connection.close()

        threads = [Thread(target=try_it) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(outcomes) == ["already_enrolled"] * 7 + ["enrolled"]
        assert WorkflowExecution.objects.count() == 1


class TestEnrollMany:
    def test_counts_what_became_of_each(self) -> None:
        workflow = ActiveWorkflowFactory(chain=[("sign", {})])
        fresh = [ContactFactory(account=workflow.account) for _ in range(3)]
        inside, silent = ContactFactory(account=workflow.account), ContactFactory(account=workflow.account)
        admit(workflow, inside)
        opt_out(silent, *Channel)
        ids = [*(contact.id for contact in (*fresh, inside, silent, ContactFactory())), uuid7(), fresh[0].id]

        counts = enroll_many(
            account_id=workflow.account_id, workflow_id=workflow.id, contacts=ids, source="command", now=START
        )

        assert counts == EnrollmentCounts(enrolled=3, already_enrolled=1, opted_out=1, missing=2)
        assert WorkflowExecution.objects.count() == 4

    def test_takes_a_query_page_by_page(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("workflows.engine.enroll.PAGE_SIZE", 2)
        workflow = ActiveWorkflowFactory(chain=[("sign", {})])
        tagged = [ContactFactory(account=workflow.account, tags=["Lead", "VIP"]) for _ in range(5)]
        ContactFactory(account=workflow.account)
        ContactFactory(tags=["Lead"])
        Contact.objects.filter(id=tagged[0].id).update(deleted_at=START)

        counts = enroll_many(
            account_id=workflow.account_id,
            workflow_id=workflow.id,
            contacts=Contact.objects.filter(contact_tags__tag__name__in=["Lead", "VIP"]),
            source="command",
            now=START,
        )

        assert counts == EnrollmentCounts(enrolled=4)
        assert set(WorkflowExecution.objects.values_list("contact_id", flat=True)) == {
            contact.id for contact in tagged[1:]
        }

    @pytest.mark.parametrize(("reentry", "second"), [("single", 0), ("after_exit", 0), ("multiple", 3)])
    def test_honours_the_reentry_setting(self, reentry: str, second: int) -> None:
        workflow = ActiveWorkflowFactory(reentry=reentry, chain=[("sign", {})])
        ids = [ContactFactory(account=workflow.account).id for _ in range(3)]

        def enroll_them() -> int:
            return enroll_many(
                account_id=workflow.account_id,
                workflow_id=workflow.id,
                contacts=ids,
                source="command",
                now=START + timedelta(hours=1),
            ).enrolled

        assert (enroll_them(), enroll_them()) == (3, second)
