"""Results that come later: the callback or the time-out, whichever comes first."""

from datetime import timedelta

import pytest

from accounts.tests.factories import AccountFactory
from workflows.actions.outcomes import AwaitCallback, Done, Failed
from workflows.engine.clock import VirtualClock
from workflows.engine.holding import pause_executions, resume_executions
from workflows.engine.perform.callbacks import call_back
from workflows.engine.perform.lanes import perform_due
from workflows.engine.tests.conftest import START
from workflows.engine.tests.kinds import Outside
from workflows.engine.tests.leading import advance_all, enrolled, logged
from workflows.engine.tests.perform.test_gate import cancel_it
from workflows.models import ActionExecution, Workflow, WorkflowDispatch, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.django_db

CHAIN = [("call_out", {}), ("sign", {})]
PATIENCE = timedelta(minutes=10)


@pytest.fixture
def awaiting(outside: Outside, virtual_clock: VirtualClock) -> WorkflowExecution:
    outside.call = lambda payload, key: AwaitCallback(PATIENCE, {"sid": "CA1"})
    execution = enrolled(ActiveWorkflowFactory(chain=CHAIN), virtual_clock)
    advance_all()
    perform_due("http")
    execution.refresh_from_db()
    return execution


def answer(execution: WorkflowExecution, clock: VirtualClock, outcome: Done | Failed | None = None) -> bool:
    key = WorkflowDispatch.objects.values_list("id", flat=True).first()
    return key is not None and call_back(
        account_id=execution.account_id, key=key, outcome=outcome or Done({"answered_by": "human"}), now=clock.now()
    )


class TestAwaiting:
    def test_waits_until_the_time_out_at_the_latest(self, awaiting: WorkflowExecution) -> None:
        log = ActionExecution.objects.get()
        row = WorkflowDispatch.objects.get()
        assert (awaiting.status, awaiting.due_at) == ("waiting", START + PATIENCE)
        assert (log.status, log.scheduled_at, log.result_data) == ("waiting", START + PATIENCE, {"sid": "CA1"})
        assert (row.status, row.request, row.lease_id) == ("awaiting", None, None)

    def test_is_concluded_by_the_callback_once(self, awaiting: WorkflowExecution, virtual_clock: VirtualClock) -> None:
        key = WorkflowDispatch.objects.get().id
        assert answer(awaiting, virtual_clock)
        assert not call_back(account_id=awaiting.account_id, key=key, outcome=Done(), now=virtual_clock.now())
        advance_all()

        awaiting.refresh_from_db()
        assert awaiting.status == "completed"
        assert logged(awaiting) == [("call_out", "completed"), ("sign", "completed")]
        assert awaiting.steps["call_out"] == {"answered_by": "human"}

    def test_may_be_told_that_it_failed(self, awaiting: WorkflowExecution, virtual_clock: VirtualClock) -> None:
        answer(awaiting, virtual_clock, Failed("rejected", "Busy."))

        awaiting.refresh_from_db()
        assert (awaiting.status, awaiting.completion_reason) == ("failed", "step_failed")

    def test_fails_when_nothing_comes(self, awaiting: WorkflowExecution, virtual_clock: VirtualClock) -> None:
        virtual_clock.advance(minutes=11)
        advance_all()

        awaiting.refresh_from_db()
        assert awaiting.status == "failed"
        assert ActionExecution.objects.get().error_class == "timeout"
        assert not answer(awaiting, virtual_clock)

    def test_is_no_other_accounts_business(self, awaiting: WorkflowExecution, virtual_clock: VirtualClock) -> None:
        key = WorkflowDispatch.objects.get().id
        assert not call_back(account_id=AccountFactory().id, key=key, outcome=Done(), now=virtual_clock.now())
        assert logged(awaiting) == [("call_out", "waiting")]

    def test_ends_with_its_execution(self, awaiting: WorkflowExecution, virtual_clock: VirtualClock) -> None:
        cancel_it(awaiting, virtual_clock)
        assert logged(awaiting) == [("call_out", "skipped")]
        assert not answer(awaiting, virtual_clock)

    def test_takes_the_callback_while_its_workflow_is_paused(
        self, awaiting: WorkflowExecution, virtual_clock: VirtualClock
    ) -> None:
        Workflow.objects.update(status="paused")
        pause_executions(awaiting.workflow_id, virtual_clock.now())
        assert answer(awaiting, virtual_clock)
        advance_all()
        awaiting.refresh_from_db()
        assert (awaiting.status, awaiting.pause_reason) == ("paused", "workflow_paused")
        assert logged(awaiting) == [("call_out", "completed")]

        Workflow.objects.update(status="active")
        resume_executions(awaiting.workflow_id, virtual_clock.now())
        advance_all()
        awaiting.refresh_from_db()
        assert awaiting.status == "completed"
