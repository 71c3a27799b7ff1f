"""From a step that wants the outside to the step behind it."""

import pytest

from workflows.actions.outcomes import Done, Failed, Skipped
from workflows.engine.clock import VirtualClock
from workflows.engine.perform.lanes import perform_due
from workflows.engine.pulse import due_lanes
from workflows.engine.tests.kinds import Outside
from workflows.engine.tests.leading import advance_all, enrolled, logged
from workflows.models import ActionExecution, WorkflowDispatch
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.django_db

CHAIN = [("sign", {}), ("call_out", {}), ("sign", {})]


class TestPerforming:
    def test_waits_for_its_lane(self, outside: Outside, virtual_clock: VirtualClock) -> None:
        execution = enrolled(ActiveWorkflowFactory(chain=CHAIN), virtual_clock)

        advance_all()

        execution.refresh_from_db()
        row = WorkflowDispatch.objects.get()
        log = ActionExecution.objects.get(action_key="call_out")
        assert logged(execution) == [("sign", "completed"), ("call_out", "pending")]
        assert (execution.status, execution.due_at, execution.waiting_log_id) == ("active", None, log.id)
        assert (row.status, row.lane, row.log_id, row.visit) == ("ready", "http", log.id, 1)
        assert (log.started_at, log.completed_at) == (None, None)
        assert outside.calls == []
        assert due_lanes() == ["http"]

    def test_calls_once_and_moves_on(self, outside: Outside, virtual_clock: VirtualClock) -> None:
        execution = enrolled(ActiveWorkflowFactory(chain=CHAIN), virtual_clock, first_name="Ada")
        advance_all()
        key = WorkflowDispatch.objects.get().id

        perform_due("http")
        advance_all()

        execution.refresh_from_db()
        log = ActionExecution.objects.get(action_key="call_out")
        assert execution.status == "completed"
        assert logged(execution) == [("sign", "completed"), ("call_out", "completed"), ("sign_2", "completed")]
        assert outside.calls == [key]
        assert (log.execution_data, log.result_data, log.attempts) == ({"to": "Ada"}, {"answer": "ok"}, [])
        assert execution.steps["call_out"] == {"answer": "ok"}
        assert not WorkflowDispatch.objects.exists()
        assert due_lanes() == []
        (recorded,) = outside.recorded
        assert (recorded.payload, recorded.outcome, recorded.is_final) == ({"to": "Ada"}, Done({"answer": "ok"}), True)

    @pytest.mark.parametrize("answer", [Skipped("opted_out"), Failed("rejected", "No."), Done({"nothing": "to do"})])
    def test_may_end_at_the_gate(
        self, outside: Outside, virtual_clock: VirtualClock, answer: Skipped | Failed | Done
    ) -> None:
        outside.gate = lambda step: answer
        execution = enrolled(ActiveWorkflowFactory(chain=CHAIN), virtual_clock)
        advance_all()

        perform_due("http")
        advance_all()

        execution.refresh_from_db()
        assert execution.status == ("failed" if isinstance(answer, Failed) else "completed")
        assert outside.calls == []
        assert not WorkflowDispatch.objects.exists()
