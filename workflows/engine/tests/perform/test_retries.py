"""Failed calls: tried again, given up, or shown to a person."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from accounts.actors import SYSTEM
from workflows.actions.outcomes import Done
from workflows.actions.outside import CallFailed, ErrorClass, HoldUntil, OutcomeUnknown, Permanent, Retryable
from workflows.crm.models import Contact
from workflows.engine.clock import VirtualClock
from workflows.engine.operations import retry
from workflows.engine.perform.lanes import perform_due
from workflows.engine.tests.conftest import START
from workflows.engine.tests.kinds import Outside
from workflows.engine.tests.leading import advance_all, enrolled, logged
from workflows.models import Action, ActionExecution, WorkflowDispatch
from workflows.tests.factories import ActiveWorkflowFactory, WorkflowFactory, publish

pytestmark = pytest.mark.django_db

CHAIN = [("call_out", {}), ("sign", {})]


def fail_with(outside: Outside, *failures: CallFailed | None) -> None:
    """Let the calls fail in this order; None succeeds, and so do all that follow."""
    coming: Iterator[CallFailed | None] = iter(failures)

    def call(payload: Mapping[str, Any], key: UUID) -> Done:
        failure = next(coming, None)
        if failure is not None:
            raise failure
        return Done({"answer": "ok"})

    outside.call = call


def go_on() -> None:
    advance_all()
    perform_due("http")
    advance_all()


class TestRetry:
    def test_waits_and_prepares_anew(self, outside: Outside, virtual_clock: VirtualClock) -> None:
        fail_with(outside, Retryable(ErrorClass.UNAVAILABLE, "503"))
        execution = enrolled(ActiveWorkflowFactory(chain=CHAIN), virtual_clock, first_name="Ada")
        go_on()

        execution.refresh_from_db()
        row = WorkflowDispatch.objects.get()
        log = ActionExecution.objects.get(action_key="call_out")
        assert execution.status == "waiting"
        assert execution.due_at is not None
        assert timedelta(seconds=54) <= execution.due_at - START <= timedelta(seconds=66)
        assert (log.status, log.scheduled_at, log.retry_count) == ("scheduled", execution.due_at, 1)
        assert log.attempts == [{"at": START.isoformat(), "error_class": "unavailable", "message": "503"}]
        assert (row.status, row.attempts, row.failures, row.request) == ("scheduled", 1, 1, None)
        assert not outside.recorded[0].is_final

        Contact.objects.filter(id=execution.contact_id).update(first_name="Grace")
        virtual_clock.advance(seconds=30)
        go_on()
        assert len(outside.calls) == 1
        virtual_clock.advance(seconds=40)
        go_on()

        assert outside.prepared == [("Ada", 0), ("Grace", 1)]
        assert len(set(outside.calls)) == 1
        log.refresh_from_db()
        assert logged(execution) == [("call_out", "completed"), ("sign", "completed")]
        assert (log.execution_data, log.retry_count, len(log.attempts)) == ({"to": "Grace"}, 1, 1)

    def test_gives_up_after_three(self, outside: Outside, virtual_clock: VirtualClock) -> None:
        fail_with(outside, *[Retryable(ErrorClass.TIMEOUT, f"time-out {number}") for number in range(9)])
        execution = enrolled(ActiveWorkflowFactory(chain=CHAIN), virtual_clock)
        for _ in range(6):
            go_on()
            virtual_clock.advance(hours=1)

        execution.refresh_from_db()
        log = ActionExecution.objects.get()
        assert len(outside.calls) == 4
        assert (execution.status, execution.completion_reason) == ("failed", "step_failed")
        assert (log.status, log.error_class, log.error_message, log.retry_count) == (
            "failed", "timeout", "time-out 3", 3,
        )  # fmt: skip
        assert [attempt["message"] for attempt in log.attempts] == [f"time-out {number}" for number in range(4)]
        assert not WorkflowDispatch.objects.exists()

    def test_goes_on_after_a_failure_where_the_action_says_so(
        self, outside: Outside, virtual_clock: VirtualClock
    ) -> None:
        fail_with(outside, Permanent(ErrorClass.REJECTED, "404", result={"status_code": 404}))
        workflow = WorkflowFactory(chain=CHAIN)
        Action.objects.filter(workflow=workflow, key="call_out").update(on_error="continue")
        publish(workflow)
        execution = enrolled(workflow, virtual_clock)
        go_on()

        log = ActionExecution.objects.get(action_key="call_out")
        assert logged(execution) == [("call_out", "failed"), ("sign", "completed")]
        assert (log.error_class, log.result_data) == ("rejected", {"status_code": 404})

    def test_follows_the_actions_own_rule(self, outside: Outside, virtual_clock: VirtualClock) -> None:
        fail_with(outside, Retryable(ErrorClass.UNAVAILABLE, "503"))
        workflow = WorkflowFactory(chain=CHAIN)
        Action.objects.filter(workflow=workflow, key="call_out").update(retry={"max_retries": 0})
        publish(workflow)
        execution = enrolled(workflow, virtual_clock)
        go_on()

        execution.refresh_from_db()
        assert execution.status == "failed"
        assert len(outside.calls) == 1

    def test_repeats_an_unknown_outcome_only_by_key(self, outside: Outside, virtual_clock: VirtualClock) -> None:
        type(outside).honours_keys = True
        try:
            fail_with(outside, OutcomeUnknown("The reply was lost.", error_class=ErrorClass.NETWORK))
            execution = enrolled(ActiveWorkflowFactory(chain=CHAIN), virtual_clock)
            go_on()
            assert WorkflowDispatch.objects.get().is_ambiguous
            virtual_clock.advance(minutes=2)
            go_on()
        finally:
            type(outside).honours_keys = False

        execution.refresh_from_db()
        assert execution.status == "completed"
        assert len(outside.calls) == 2
        assert len(set(outside.calls)) == 1


class TestAuthentication:
    def test_pauses_until_it_is_retried(self, outside: Outside, virtual_clock: VirtualClock) -> None:
        fail_with(outside, Permanent(ErrorClass.AUTHENTICATION, "401"))
        execution = enrolled(ActiveWorkflowFactory(chain=CHAIN), virtual_clock)
        go_on()

        execution.refresh_from_db()
        assert (execution.status, execution.pause_reason, execution.due_at) == ("paused", "authentication", None)
        assert logged(execution) == [("call_out", "failed")]
        assert not WorkflowDispatch.objects.exists()

        retry(account_id=execution.account_id, actor=SYSTEM, execution_id=execution.id, now=virtual_clock.now())
        go_on()

        execution.refresh_from_db()
        assert (execution.status, execution.pause_reason) == ("completed", "")
        assert logged(execution) == [("call_out", "failed"), ("call_out", "completed"), ("sign", "completed")]
        assert len(set(outside.calls)) == 2


class TestHolding:
    def test_holds_a_step_back_without_counting_an_attempt(self, outside: Outside, virtual_clock: VirtualClock) -> None:
        until = START + timedelta(hours=8)
        outside.gate = lambda step: None if virtual_clock.now() >= until else HoldUntil(until, "quiet_hours")
        execution = enrolled(ActiveWorkflowFactory(chain=CHAIN), virtual_clock)
        go_on()

        execution.refresh_from_db()
        log = ActionExecution.objects.get()
        assert (execution.status, execution.due_at) == ("waiting", until)
        assert (log.status, log.scheduled_at, log.result_data) == ("scheduled", until, {"reason": "quiet_hours"})

        virtual_clock.advance(hours=8)
        go_on()

        execution.refresh_from_db()
        log.refresh_from_db()
        assert execution.status == "completed"
        assert (log.retry_count, log.attempts, log.result_data) == (0, [], {"answer": "ok"})
