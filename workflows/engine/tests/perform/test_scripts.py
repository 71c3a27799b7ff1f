"""Customers' code through the engine, in a lane of its own."""

from typing import Any

import pytest

from accounts.models import Account
from workflows.engine.clock import VirtualClock
from workflows.engine.perform.lanes import perform_due
from workflows.engine.perform.trial import try_step
from workflows.engine.tests.leading import advance_all, enrolled, logged
from workflows.messaging.models import CircuitBreaker
from workflows.models import Action, ActionExecution, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def led(account: Account, virtual_clock: VirtualClock) -> Any:
    """Lead a contact through a script and a note that shows what came of it."""

    def lead(code: str, *, note: str = "{{ steps.custom_code.score }}", **config: Any) -> WorkflowExecution:
        chain = [("custom_code", {"code": code, **config}), ("add_note", {"content": note})]
        execution = enrolled(ActiveWorkflowFactory(account=account, chain=chain), virtual_clock)
        advance_all()
        perform_due("code")
        advance_all()
        execution.refresh_from_db()
        return execution

    return lead


def log() -> ActionExecution:
    return ActionExecution.objects.get(action_key="custom_code")


class TestAScript:
    def test_hands_its_outputs_to_the_steps_behind_it(self, led: Any) -> None:
        execution = led("console.log('hi'); return {score: 7};", outputs=["score"], inputs={"x": "1"})
        assert logged(execution) == [("custom_code", "completed"), ("add_note", "completed")]
        assert (log().result_data, log().execution_data) == (
            {"output": {"score": 7}, "logs": ["hi"]},
            {"inputs": {"x": "1"}},
        )
        assert execution.steps["custom_code"] == {"output": {"score": 7}, "logs": ["hi"], "score": 7}
        assert execution.contact.notes.get().content == "7"

    def test_hands_what_it_does_not_declare_over_below_output(self, led: Any) -> None:
        execution = led("return {score: 7};", note="{{ steps.custom_code.output.score }}")
        assert execution.contact.notes.get().content == "7"

    def test_that_throws_fails_its_step_with_its_log(self, led: Any) -> None:
        execution = led("console.log('hi');\nthrow new Error('no');")
        assert (execution.status, execution.completion_reason) == ("failed", "step_failed")
        assert (log().status, log().error_class, log().error_message) == ("failed", "rejected", "Line 2: Error: no")
        assert log().result_data == {"output": None, "logs": ["hi"]}

    def test_that_does_not_end_fails_once_and_spoils_no_circuit(self, led: Any) -> None:
        execution = led("for (;;);", timeout_ms=50)
        assert (execution.status, log().error_class, log().retry_count) == ("failed", "timeout", 0)
        assert log().error_message == "The code was still running after 50 ms."
        assert not CircuitBreaker.objects.exists()


class TestTryingAScript:
    def test_shows_value_log_and_time(self, led: Any, virtual_clock: VirtualClock) -> None:
        execution = led("console.log(contact.first_name); return {score: 7};")
        action = Action.objects.get(action_type="custom_code")
        result = try_step(
            account_id=action.account_id,
            workflow_id=action.workflow_id,
            action_id=action.id,
            contact_id=execution.contact_id,
            now=virtual_clock.now(),
        )
        assert (result.status, result.result) == (
            "completed",
            {"output": {"score": 7}, "logs": [execution.contact.first_name]},
        )
        assert result.duration_ms > 0
