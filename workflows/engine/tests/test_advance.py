"""Leading contacts from step to step."""

from datetime import timedelta

import pytest

from workflows.crm.tests.factories import ContactFactory
from workflows.engine.advance import advance
from workflows.engine.clock import VirtualClock
from workflows.engine.enroll import enroll
from workflows.models import ActionExecution, Workflow, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.django_db


def enrolled(workflow: Workflow, virtual_clock: VirtualClock, **contact: object) -> WorkflowExecution:
    return enroll(
        account_id=workflow.account_id,
        workflow_id=workflow.id,
        contact_id=ContactFactory(account=workflow.account, **contact).id,
        source="api",
        now=virtual_clock.now(),
    )


def logged(execution: WorkflowExecution) -> list[tuple[str, str]]:
    rows = ActionExecution.objects.filter(workflow_execution=execution).order_by("visit")
    return [(row.action_key, row.status) for row in rows]


class TestAdvance:
    def test_takes_all_steps_of_the_database_in_one_pass(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(chain=[("sign", {}), ("pass_by", {}), ("sign", {})])
        execution = enrolled(workflow, virtual_clock, source="")

        taken = advance()

        execution.refresh_from_db()
        execution.contact.refresh_from_db()
        assert (taken.executions, taken.steps) == (1, 3)
        assert logged(execution) == [("sign", "completed"), ("pass_by", "skipped"), ("sign_2", "completed")]
        assert execution.contact.source == "sign sign_2 "
        assert (execution.status, execution.completion_reason) == ("completed", "finished")
        assert execution.steps == {
            "sign": {"signed": "sign "},
            "pass_by": {"reason": "no reason to"},
            "sign_2": {"signed": "sign sign_2 "},
        }
        assert (execution.due_at, execution.lease_id, execution.reentry_key) == (None, None, None)
        assert (execution.current_action_id, execution.visits) == (None, 3)

    def test_rests_at_a_wait_and_goes_on_when_it_is_over(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(chain=[("sign", {}), ("rest", {"minutes": 5}), ("sign", {})])
        execution = enrolled(workflow, virtual_clock)

        advance()
        execution.refresh_from_db()
        assert execution.status == "waiting"
        assert execution.due_at == virtual_clock.now() + timedelta(minutes=5)
        assert logged(execution) == [("sign", "completed"), ("rest", "waiting")]

        virtual_clock.advance(minutes=4, seconds=59.999)
        assert advance().executions == 0
        virtual_clock.advance(seconds=0.001)
        assert advance().executions == 1

        execution.refresh_from_db()
        wait = ActionExecution.objects.get(workflow_execution=execution, action_key="rest")
        assert execution.status == "completed"
        assert logged(execution) == [("sign", "completed"), ("rest", "completed"), ("sign_2", "completed")]
        assert (wait.completed_at - wait.started_at, wait.duration_ms) == (timedelta(minutes=5), 300_000)
