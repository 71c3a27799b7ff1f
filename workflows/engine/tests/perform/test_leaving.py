"""Leaving a step by hand while its call is in flight: the call ends by itself, and the contact is elsewhere."""

from collections.abc import Callable

import pytest

from accounts.actors import SYSTEM
from workflows.engine import steering
from workflows.engine.clock import VirtualClock
from workflows.engine.perform.lanes import LaneRunner
from workflows.engine.tests.kinds import Outside
from workflows.engine.tests.leading import advance_all, enrolled, logged
from workflows.engine.tests.perform.conftest import Later
from workflows.models import WorkflowDispatch, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory, step_ids

pytestmark = pytest.mark.django_db


def skip(execution: WorkflowExecution, clock: VirtualClock) -> None:
    steering.skip_step(account_id=execution.account_id, actor=SYSTEM, execution_id=execution.id, now=clock.now())


def move(execution: WorkflowExecution, clock: VirtualClock) -> None:
    steering.move(
        account_id=execution.account_id,
        actor=SYSTEM,
        execution_id=execution.id,
        action_id=step_ids(execution.workflow)[1],
        now=clock.now(),
    )


@pytest.mark.parametrize("leave", [skip, move])
def test_a_call_in_flight_ends_by_itself(
    outside: Outside,
    later: Later,
    runner: LaneRunner,
    virtual_clock: VirtualClock,
    leave: Callable[[WorkflowExecution, VirtualClock], None],
) -> None:
    execution = enrolled(ActiveWorkflowFactory(chain=[("call_out", {}), ("sign", {})]), virtual_clock)
    advance_all()
    runner.turn()
    assert WorkflowDispatch.objects.get().status == "sending"

    leave(execution, virtual_clock)
    advance_all()
    execution.refresh_from_db()
    assert execution.status == "completed"

    later.let_go()
    runner.turn()

    assert ("call_out", "completed") in logged(execution)
    assert logged(execution).count(("sign", "completed")) == 1
    assert len(outside.calls) == 1
    assert not WorkflowDispatch.objects.exists()
    execution.refresh_from_db()
    assert execution.status == "completed"
