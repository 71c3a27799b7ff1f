"""The factories themselves: what they build passes the database's constraints and hangs together."""

import pytest

from workflows.crm.models import Event
from workflows.crm.tests.factories import ConsentFactory, ContactFactory, EventFactory, NoteFactory, TaskFactory
from workflows.models import ActionExecution, WorkflowStatus
from workflows.tests.factories import (
    ActionFactory,
    ActiveWorkflowFactory,
    ExecutionFactory,
    WorkflowFactory,
    in_order,
    latest_version,
    step_ids,
)

pytestmark = pytest.mark.django_db


class TestContactFactory:
    def test_gives_a_contact_its_identities_and_tags(self):
        contact = ContactFactory(
            email="Ada@Example.com", phone="+14155550123", tags=["VIP"], external_ids={"shop": "7"}
        )
        assert set(contact.identities.values_list("kind", "source", "value")) == {
            ("email", "", "ada@example.com"),
            ("phone", "", "+14155550123"),
            ("external", "shop", "7"),
        }
        assert [link.tag.name for link in contact.contact_tags.all()] == ["VIP"]

    def test_shares_a_tag_of_one_account(self):
        first = ContactFactory(tags=["VIP"])
        second = ContactFactory(account=first.account, tags=["vip"])
        assert first.contact_tags.get().tag == second.contact_tags.get().tag

    @pytest.mark.parametrize("factory", [NoteFactory, TaskFactory, ConsentFactory])
    def test_hangs_records_below_a_contact_of_the_same_account(self, factory):
        record = factory()
        assert record.account_id == record.contact.account_id

    def test_makes_events_of_a_contact(self):
        contact = ContactFactory()
        event = EventFactory(contact=contact)
        assert Event.objects.for_account(contact.account_id).get() == event


class TestWorkflowFactory:
    def test_links_the_chain(self):
        workflow = WorkflowFactory(chain=["add_tag", ("wait_time", {"duration": 2, "unit": "days"}), "add_tag"])
        actions = in_order(workflow)
        assert [action.key for action in actions] == ["add_tag", "wait_time", "add_tag_2"]
        assert [action.previous_action for action in actions] == [None, actions[0], actions[1]]
        assert actions[1].action_config == {"duration": 2, "unit": "days"}
        assert workflow.status == WorkflowStatus.DRAFT
        assert all(action.account_id == workflow.account_id for action in actions)

    def test_is_empty_without_a_chain(self):
        assert WorkflowFactory().actions.count() == 0


class TestActiveWorkflowFactory:
    def test_publishes_a_version(self):
        workflow = ActiveWorkflowFactory(chain=["add_tag", "add_note"])
        assert (workflow.status, workflow.version) == (WorkflowStatus.ACTIVE, 1)
        assert [step["key"] for step in latest_version(workflow).definition["actions"]] == ["add_tag", "add_note"]
        assert step_ids(workflow) == [action.id for action in in_order(workflow)]

    def test_has_one_step_unless_told(self):
        assert len(step_ids(ActiveWorkflowFactory())) == 1


class TestExecutionFactory:
    def test_stands_at_the_first_step_of_the_workflow_in_its_account(self):
        execution = ExecutionFactory()
        assert execution.account_id == execution.workflow.account_id == execution.contact.account_id
        assert execution.version == latest_version(execution.workflow)
        assert execution.current_action_id == step_ids(execution.workflow)[0]
        assert (execution.status, execution.reentry_key) == ("queued", "inside")

    def test_waits_with_its_log_row(self):
        execution = ExecutionFactory(waiting=True)
        row = ActionExecution.objects.for_account(execution.account_id).get()
        assert (row.id, row.status, row.action_id) == (execution.waiting_log_id, "waiting", execution.current_action_id)

    def test_failed_with_its_log_row(self):
        execution = ExecutionFactory(failed=True)
        row = ActionExecution.objects.for_account(execution.account_id).get()
        assert (execution.status, execution.reentry_key, execution.due_at) == ("failed", None, None)
        assert (row.status, row.error_message) == ("failed", execution.error_message)

    def test_completes(self):
        execution = ExecutionFactory(completed=True)
        assert (execution.status, execution.current_action_id) == ("completed", None)


class TestActionFactory:
    def test_stands_alone_in_a_draft(self):
        action = ActionFactory()
        assert in_order(action.workflow) == [action]
