from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from workflows.actions.outcomes import Done, Enroll, Failed, Skipped, Verdict
from workflows.actions.registry import registry
from workflows.actions.tests.batches import batch_of, refusals
from workflows.crm.tests.factories import ContactFactory
from workflows.engine import clock
from workflows.engine.clock import VirtualClock
from workflows.engine.enroll import enroll
from workflows.engine.tests.conftest import START
from workflows.engine.tests.leading import advance_all, enrolled, logged
from workflows.models import ActionExecution, Workflow, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory, WorkflowFactory

pytestmark = pytest.mark.django_db

TAG = ("add_tag", {"tag_name": "VIP"})


@pytest.fixture
def virtual_clock() -> Iterator[VirtualClock]:
    virtual = VirtualClock(START)
    with clock.using(virtual):
        yield virtual


@pytest.fixture
def target(account) -> Workflow:
    return ActiveWorkflowFactory(account=account, chain=[("wait_time", {"duration": 1, "unit": "days"}), TAG])


def starter_of(target: Workflow, **config: object) -> Workflow:
    """A workflow that starts the target, and then tags."""
    config = {"workflow_id": str(target.id), **config}
    return ActiveWorkflowFactory(account=target.account, chain=[("start_workflow", config), TAG])


def inside(target: Workflow) -> list[WorkflowExecution]:
    return list(WorkflowExecution.objects.filter(workflow=target).order_by("id"))


def row_of(execution: WorkflowExecution) -> ActionExecution:
    return ActionExecution.objects.get(workflow_execution=execution, action_key="start_workflow")


class TestStartWorkflow:
    def test_enrolls_and_goes_on(self, target, virtual_clock):
        starter = starter_of(target)
        contact = ContactFactory(account=target.account)
        execution = enroll(
            account_id=target.account_id,
            workflow_id=starter.id,
            contact_id=contact.id,
            source="api",
            data={"form": "A1"},
            depth=2,
            now=virtual_clock.now(),
        )
        advance_all()

        (begun,) = inside(target)
        assert (begun.contact_id, begun.enrollment_source, begun.depth) == (contact.id, "start_workflow", 3)
        assert (begun.trigger_data, begun.status) == ({"form": "A1"}, "waiting")
        assert row_of(execution).result_data == {"workflow_id": str(target.id), "execution_id": str(begun.id)}
        assert logged(execution) == [("start_workflow", "completed"), ("add_tag", "completed")]

    def test_keeps_its_data_when_told(self, target, virtual_clock):
        starter = starter_of(target, pass_data=False)
        contact = ContactFactory(account=target.account)
        enroll(
            account_id=target.account_id,
            workflow_id=starter.id,
            contact_id=contact.id,
            source="api",
            data={"form": "A1"},
            now=virtual_clock.now(),
        )
        advance_all()
        assert [begun.trigger_data for begun in inside(target)] == [{}]

    @pytest.mark.parametrize(("skip_if_inside", "expected"), [(True, 1), (False, 2)])
    def test_lets_nobody_in_twice_unless_told(self, account, virtual_clock, skip_if_inside, expected):
        target = ActiveWorkflowFactory(
            account=account, reentry="multiple", chain=[("wait_time", {"duration": 1, "unit": "days"})]
        )
        starter = starter_of(target, skip_if_inside=skip_if_inside)
        contact = ContactFactory(account=account)
        for workflow in (target, starter):
            execution = enroll(
                account_id=account.id,
                workflow_id=workflow.id,
                contact_id=contact.id,
                source="api",
                now=virtual_clock.now(),
            )
        advance_all()

        assert len(inside(target)) == expected
        row = row_of(execution)
        assert (row.status, row.result_data.get("reason")) == (
            ("skipped", "already_enrolled") if skip_if_inside else ("completed", None)
        )

    def test_passes_by_a_workflow_that_is_not_active(self, account, virtual_clock):
        target = WorkflowFactory(account=account)
        execution = enrolled(starter_of(target), virtual_clock)
        advance_all()

        assert inside(target) == []
        row = row_of(execution)
        assert (row.status, row.result_data["reason"]) == ("skipped", "workflow_not_active")
        assert logged(execution)[1] == ("add_tag", "completed")

    def test_fails_when_the_workflow_is_gone(self, target, virtual_clock):
        execution = enrolled(starter_of(target), virtual_clock)
        Workflow.objects.filter(id=target.id).update(deleted_at=START)
        advance_all()

        assert inside(target) == []
        row = row_of(execution)
        assert (row.status, row.error_class) == ("failed", "invalid_config")

    def test_a_circle_ends_at_the_limit_of_depth(self, account, virtual_clock, settings):
        settings.ENGINE = {**settings.ENGINE, "maximum_depth": 3}
        workflow = WorkflowFactory(account=account, reentry="multiple")
        config = {"workflow_id": str(workflow.id), "skip_if_inside": False}
        from workflows.tests.factories import ActionFactory, publish

        ActionFactory(workflow=workflow, action_type="start_workflow", key="start_workflow", action_config=config)
        publish(workflow)
        enrolled(workflow, virtual_clock)
        advance_all()

        assert [execution.depth for execution in inside(workflow)] == [0, 1, 2, 3]
        assert row_of(inside(workflow)[-1]).result_data["reason"] == "loop_guard"


class TestItsOutcomes:
    @pytest.mark.parametrize(
        ("verdict", "expected"),
        [
            (Verdict(refusal="contact_opted_out"), Skipped),
            (Verdict(refusal="workflow_not_found"), Failed),
            (Verdict(execution_id=UUID(int=7)), Done),
        ],
    )
    def test_follow_from_the_verdicts(self, account, verdict, expected):
        kind = registry.get("start_workflow")
        batch = batch_of([ContactFactory(account=account)], {"workflow_id": str(uuid4())})
        (outcome,) = kind.conclude_many(batch, [verdict])
        assert isinstance(outcome, expected)

    def test_wish_for_the_workflow(self, account):
        workflow_id = uuid4()
        config = {"workflow_id": str(workflow_id), "pass_data": True, "skip_if_inside": True}
        kind = registry.get("start_workflow")
        batch = batch_of([ContactFactory(account=account)], config, trigger={"a": 1})
        assert kind.run_many(batch) == [Enroll(workflow_id, "start_workflow", data={"a": 1}, unless_inside=True)]
        assert kind.started_workflow(config, account_id=account.id) == workflow_id


class TestConfig:
    def test_needs_a_workflow_of_the_account(self, account, other_account):
        theirs = WorkflowFactory(account=other_account)
        deleted = WorkflowFactory(account=account, deleted_at=START)
        for workflow_id in (theirs.id, deleted.id, uuid4()):
            config = {"workflow_id": str(workflow_id)}
            assert refusals("start_workflow", config, account.id) == [("workflow_not_found", "workflow_id")]
        assert refusals("start_workflow", {"workflow_id": str(WorkflowFactory(account=account).id)}, account.id) == []

    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ({}, ("required", "workflow_id")),
            ({"workflow_id": "x"}, ("invalid", "workflow_id")),
            ({"workflow_id": None}, ("null", "workflow_id")),
        ],
    )
    def test_refuses(self, account, config, expected):
        assert refusals("start_workflow", config, account.id) == [expected]

    @pytest.mark.parametrize("name", ["pass_data", "skip_if_inside"])
    def test_takes_true_and_false_only(self, account, name):
        config = {"workflow_id": str(WorkflowFactory(account=account).id), name: "yes"}
        assert refusals("start_workflow", config, account.id) == [("invalid", name)]
