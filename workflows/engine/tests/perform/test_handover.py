"""What the rest of the engine does to effects that wait for their lane."""

import pytest
from django.db import transaction

from accounts.actors import SYSTEM
from workflows.engine.clock import VirtualClock
from workflows.engine.holding import move_executions
from workflows.engine.perform.handover import Handover
from workflows.engine.perform.lanes import LaneRunner, perform_due
from workflows.engine.steering import skip_step
from workflows.engine.tests.kinds import Outside
from workflows.engine.tests.leading import advance_all, enrolled, logged
from workflows.engine.tests.perform.conftest import Later
from workflows.models import Action, Workflow, WorkflowDispatch, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory, publish

pytestmark = pytest.mark.django_db

CHAIN = [("call_out", {"host": "old.example"}), ("sign", {})]


@pytest.fixture
def execution(outside: Outside, virtual_clock: VirtualClock) -> WorkflowExecution:
    execution = enrolled(ActiveWorkflowFactory(chain=CHAIN), virtual_clock)
    advance_all()
    return execution


def remove_call(workflow: Workflow) -> None:
    call = Action.objects.get(workflow=workflow, key="call_out")
    with transaction.atomic():
        Action.objects.filter(previous_action=call).update(previous_action=None)
        call.delete()


def move_to_new_version(workflow: Workflow, clock: VirtualClock) -> None:
    move_executions(workflow, publish(workflow), clock.now())


class TestKey:
    def test_is_that_of_the_visit(self, execution: WorkflowExecution) -> None:
        row = WorkflowDispatch.objects.get()
        place = (execution.id, execution.account_id, execution.workflow_id, row.action_id)
        assert Handover(*place, 0, row.log_id, "http").key == row.id
        assert Handover(*place, 1, row.log_id, "http").key != row.id


class TestMoving:
    def test_calls_as_the_new_version_says(
        self, outside: Outside, execution: WorkflowExecution, virtual_clock: VirtualClock
    ) -> None:
        Action.objects.filter(key="call_out").update(action_config={"host": "new.example"})
        move_to_new_version(execution.workflow, virtual_clock)
        hosts: list[str] = []
        outside.gate = lambda step: hosts.append(step.batch.config["host"])  # type: ignore[func-returns-value,union-attr]
        perform_due("http")
        advance_all()

        assert hosts == ["new.example"]
        assert logged(execution) == [("call_out", "completed"), ("sign", "completed")]

    def test_drops_a_call_whose_step_is_gone(
        self, outside: Outside, execution: WorkflowExecution, virtual_clock: VirtualClock
    ) -> None:
        remove_call(execution.workflow)
        move_to_new_version(execution.workflow, virtual_clock)
        perform_due("http")
        advance_all()

        execution.refresh_from_db()
        assert outside.calls == []
        assert execution.status == "completed"
        assert logged(execution) == [("call_out", "skipped"), ("sign", "completed")]
        assert not WorkflowDispatch.objects.exists()

    def test_goes_on_behind_a_call_in_flight_whose_step_is_gone(
        self,
        outside: Outside,
        execution: WorkflowExecution,
        virtual_clock: VirtualClock,
        runner: LaneRunner,
        later: Later,
    ) -> None:
        runner.turn()
        remove_call(execution.workflow)
        move_to_new_version(execution.workflow, virtual_clock)
        later.let_go()
        runner.turn()
        advance_all()

        execution.refresh_from_db()
        assert execution.status == "completed"
        assert logged(execution) == [("call_out", "completed"), ("sign", "completed")]
        assert not WorkflowDispatch.objects.exists()

    def test_is_not_moved_on_by_a_call_of_the_step_it_left(
        self, outside: Outside, virtual_clock: VirtualClock, runner: LaneRunner, later: Later
    ) -> None:
        execution = enrolled(ActiveWorkflowFactory(chain=[("call_out", {}), ("call_out", {})]), virtual_clock)
        advance_all()
        runner.turn()
        skip_step(account_id=execution.account_id, actor=SYSTEM, execution_id=execution.id, now=virtual_clock.now())
        advance_all()
        later.let_go()
        runner.turn(claims=False)

        execution.refresh_from_db()
        assert execution.status == "active"
        assert ("call_out_2", "pending") in logged(execution)
        perform_due("http")
        execution.refresh_from_db()
        assert execution.status == "completed"
        assert len(outside.calls) == 2
