"""Results that come later: the callback or the time-out, whichever comes first."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from accounts.tests.factories import AccountFactory
from workflows.actions.outcomes import AwaitCallback, Done, Failed
from workflows.actions.outside import ErrorClass, OutcomeUnknown, Retryable, RetryPolicy
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
BUSY = Retryable(ErrorClass.UNAVAILABLE, "The line is busy.", in_the_end=Done({"outcome": "busy"}))


@pytest.fixture
def awaiting(outside: Outside, virtual_clock: VirtualClock) -> WorkflowExecution:
    outside.call = lambda payload, key: AwaitCallback(PATIENCE, {"sid": "CA1"})
    return sent_out(virtual_clock)


def sent_out(clock: VirtualClock) -> WorkflowExecution:
    execution = enrolled(ActiveWorkflowFactory(chain=CHAIN), clock)
    advance_all()
    perform_due("http")
    execution.refresh_from_db()
    return execution


def answer(execution: WorkflowExecution, clock: VirtualClock, outcome: Done | Failed | Retryable | None = None) -> bool:
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

    def test_is_concluded_by_a_result_though_nobody_knew_whether_it_was_sent(
        self, outside: Outside, virtual_clock: VirtualClock
    ) -> None:
        def lose_the_answer(payload: Mapping[str, Any], key: UUID) -> AwaitCallback:
            raise OutcomeUnknown("The answer was lost.")

        outside.call = lose_the_answer
        execution = sent_out(virtual_clock)
        assert (execution.status, execution.pause_reason) == ("paused", "outcome_unknown")

        assert answer(execution, virtual_clock)
        advance_all()

        execution.refresh_from_db()
        assert execution.status == "completed"
        assert execution.steps["call_out"] == {"answered_by": "human"}
        assert not WorkflowDispatch.objects.exists()


class TestBusy:
    """A result that asks for another attempt, and says what the step reports when there is none left."""

    @pytest.mark.parametrize("comes_early", [False, True])
    def test_is_tried_again_and_then_reported(
        self, outside: Outside, virtual_clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, comes_early: bool
    ) -> None:
        outside.call = lambda payload, key: AwaitCallback(PATIENCE, {"sid": "CA1"})
        outside.policy = RetryPolicy(maximum=1)
        if comes_early:
            monkeypatch.setattr(Outside, "results_so_far", lambda kind, keys, account_id: dict.fromkeys(keys, BUSY))
        execution = sent_out(virtual_clock)
        assert comes_early or answer(execution, virtual_clock, BUSY)
        execution.refresh_from_db()
        log = ActionExecution.objects.get()
        assert (execution.status, log.status, log.retry_count) == ("waiting", "scheduled", 1)
        assert not answer(execution, virtual_clock, BUSY), "the same call, told again"

        virtual_clock.advance(minutes=2)
        advance_all()
        perform_due("http")
        assert comes_early or answer(execution, virtual_clock, BUSY)
        advance_all()

        execution.refresh_from_db()
        assert execution.status == "completed"
        assert execution.steps["call_out"] == {"outcome": "busy"}
        assert logged(execution) == [("call_out", "completed"), ("sign", "completed")]


def test_a_result_that_came_before_the_call_was_written_back_counts(
    outside: Outside, virtual_clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside.call = lambda payload, key: AwaitCallback(PATIENCE, {"sid": "CA1"})
    asked = []

    def results(kind: Outside, keys: list[UUID], *, account_id: UUID) -> dict[UUID, Done]:
        asked.append((account_id, *keys))
        return dict.fromkeys(keys, Done({"answered_by": "fax"}))

    monkeypatch.setattr(Outside, "results_so_far", results)
    execution = sent_out(virtual_clock)
    advance_all()
    execution.refresh_from_db()
    assert execution.status == "completed"
    assert execution.steps["call_out"] == {"answered_by": "fax"}
    assert [found[0] for found in asked] == [execution.account_id]
