from collections.abc import Iterator
from uuid import uuid4

import pytest

from workflows.actions.registry import registry
from workflows.actions.tests.batches import refusals
from workflows.crm.models import Contact
from workflows.crm.tests.factories import ContactFactory
from workflows.engine import clock
from workflows.engine.clock import VirtualClock
from workflows.engine.enroll import enroll
from workflows.engine.tests.conftest import START
from workflows.engine.tests.leading import advance_all
from workflows.models import ActionExecution, Workflow, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory, WorkflowFactory

pytestmark = pytest.mark.django_db

REST = ("wait_time", {"duration": 1, "unit": "days"})
TAG = ("add_tag", {"tag_name": "VIP"})


@pytest.fixture
def virtual_clock() -> Iterator[VirtualClock]:
    virtual = VirtualClock(START)
    with clock.using(virtual):
        yield virtual


@pytest.fixture
def contact(account) -> Contact:
    return ContactFactory(account=account)


@pytest.fixture
def others(account, contact, virtual_clock) -> list[WorkflowExecution]:
    """The contact, and beside it somebody else, rest in two workflows."""
    executions = []
    for workflow in ActiveWorkflowFactory.create_batch(2, account=account, chain=[REST]):
        executions.append(enter(workflow, contact))
        enter(workflow, ContactFactory(account=account))
    advance_all()
    return executions


def enter(workflow: Workflow, contact: Contact) -> WorkflowExecution:
    return enroll(
        account_id=workflow.account_id, workflow_id=workflow.id, contact_id=contact.id, source="api", now=START
    )


def stopper(account, **config: object) -> Workflow:
    return ActiveWorkflowFactory(account=account, chain=[("stop_workflow", config), TAG])


def ends(*executions: WorkflowExecution) -> list[tuple[str, str]]:
    for execution in executions:
        execution.refresh_from_db()
    return [(execution.status, execution.completion_reason) for execution in executions]


def result_of(execution: WorkflowExecution) -> dict[str, object]:
    return ActionExecution.objects.get(workflow_execution=execution, action_key="stop_workflow").result_data


STOPPED = ("cancelled", "stopped_by_workflow")
RESTING = ("waiting", "")
FINISHED = ("completed", "finished")


class TestStopWorkflow:
    def test_stops_the_listed_ones(self, account, contact, others):
        listed = [str(others[0].workflow_id)]
        execution = enter(stopper(account, scope="listed", workflow_ids=listed, reason="Bought"), contact)
        advance_all()

        assert ends(*others, execution) == [STOPPED, RESTING, FINISHED]
        assert result_of(execution) == {"cancelled": 1, "reason": "Bought"}
        assert WorkflowExecution.objects.filter(status="waiting").count() == 3

    def test_stops_all_others(self, account, contact, others):
        execution = enter(stopper(account, scope="all_others"), contact)
        advance_all()

        assert ends(*others, execution) == [STOPPED, STOPPED, FINISHED]
        assert result_of(execution) == {"cancelled": 2}

    def test_stops_this_one(self, account, contact, others):
        execution = enter(stopper(account, scope="this", reason="Enough"), contact)
        advance_all()

        assert ends(*others, execution) == [RESTING, RESTING, STOPPED]
        assert result_of(execution) == {"cancelled": 1, "reason": "Enough"}
        assert [row.action_key for row in ActionExecution.objects.filter(workflow_execution=execution)] == [
            "stop_workflow"
        ]

    def test_goes_on_where_there_is_nothing_to_stop(self, account, contact, virtual_clock):
        idle = WorkflowFactory(account=account)
        execution = enter(stopper(account, scope="listed", workflow_ids=[str(idle.id)]), contact)
        advance_all()

        assert ends(execution) == [FINISHED]
        assert result_of(execution) == {"cancelled": 0}


class TestConfig:
    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ({}, ("required", "scope")),
            ({"scope": "everything"}, ("invalid_choice", "scope")),
            ({"scope": "listed"}, ("required", "workflow_ids")),
            ({"scope": "listed", "workflow_ids": []}, ("min_length", "workflow_ids")),
            ({"scope": "listed", "workflow_ids": ["x"]}, ("invalid", "workflow_ids.0")),
            ({"scope": "listed", "workflow_ids": [str(uuid4())] * 51}, ("max_length", "workflow_ids")),
            ({"scope": "this", "reason": "x" * 201}, ("max_length", "reason")),
            ({"scope": "this", "why": "x"}, ("unknown_field", "why")),
        ],
    )
    def test_refuses(self, account, config, expected):
        assert refusals("stop_workflow", config, account.id) == [expected]

    @pytest.mark.parametrize("scope", ["this", "all_others"])
    def test_takes_a_list_only_with_listed(self, account, scope):
        config = {"scope": scope, "workflow_ids": [str(WorkflowFactory(account=account).id)]}
        assert refusals("stop_workflow", config, account.id) == [("invalid", "workflow_ids")]

    def test_takes_workflows_of_the_account_only(self, account, other_account):
        ours, theirs = WorkflowFactory(account=account), WorkflowFactory(account=other_account)
        config = {"scope": "listed", "workflow_ids": [str(ours.id), str(theirs.id)]}
        assert refusals("stop_workflow", config, account.id) == [("workflow_not_found", "workflow_ids.1")]

    @pytest.mark.parametrize(
        ("config", "line"),
        [
            ({"scope": "this"}, "Stop this workflow"),
            ({"scope": "all_others", "reason": "Bought"}, "Stop all others · Bought"),
            ({"scope": "listed", "workflow_ids": ["a"]}, "Stop 1 workflow"),
            ({"scope": "listed", "workflow_ids": ["a", "b"]}, "Stop 2 workflows"),
        ],
    )
    def test_sums_itself_up(self, config, line):
        assert registry.get("stop_workflow").summary(config) == line
