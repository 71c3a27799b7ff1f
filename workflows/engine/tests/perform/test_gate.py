"""What stops a call between the claim and its start, and what happens to one in flight."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from accounts.actors import SYSTEM
from workflows.actions.outcomes import Done, Skipped
from workflows.actions.outside import HoldUntil, Request
from workflows.crm.models import Channel, Consent
from workflows.crm.services.contacts import delete_contacts
from workflows.engine.clock import VirtualClock
from workflows.engine.holding import cancel_executions, pause_executions, resume_executions
from workflows.engine.operations import cancel
from workflows.engine.perform.lanes import LaneRunner, perform_due
from workflows.engine.tests.kinds import Outside
from workflows.engine.tests.leading import advance_all, enrolled, logged
from workflows.engine.tests.perform.conftest import Later
from workflows.messaging.gate.words import ConsentWord
from workflows.messaging.services.consent_words import apply_consent_word
from workflows.models import ActionExecution, Workflow, WorkflowDispatch, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
CHAIN = [("call_out", {"guard": "email"}), ("sign", {})]


@pytest.fixture
def execution(outside: Outside, virtual_clock: VirtualClock) -> WorkflowExecution:
    execution = enrolled(ActiveWorkflowFactory(chain=CHAIN), virtual_clock)
    advance_all()
    return execution


def delete_contact(execution: WorkflowExecution, clock: VirtualClock) -> None:
    with transaction.atomic():
        delete_contacts(
            account_id=execution.account_id, actor=SYSTEM, contact_ids=[execution.contact_id], now=clock.now()
        )


def cancel_it(execution: WorkflowExecution, clock: VirtualClock) -> None:
    cancel(account_id=execution.account_id, actor=SYSTEM, execution_id=execution.id, now=clock.now())


def archive(execution: WorkflowExecution, clock: VirtualClock) -> None:
    Workflow.objects.filter(id=execution.workflow_id).update(status="archived")
    cancel_executions(execution.workflow_id, "workflow_archived", clock.now())


def pause(execution: WorkflowExecution, clock: VirtualClock) -> None:
    Workflow.objects.filter(id=execution.workflow_id).update(status="paused")
    pause_executions(execution.workflow_id, clock.now())


def resume(execution: WorkflowExecution, clock: VirtualClock) -> None:
    Workflow.objects.filter(id=execution.workflow_id).update(status="active")
    resume_executions(execution.workflow_id, clock.now())


def opt_out(execution: WorkflowExecution, clock: VirtualClock) -> None:
    Consent.objects.create(
        account_id=execution.account_id,
        contact_id=execution.contact_id,
        channel="email",
        state="opt_out",
        recorded_at=clock.now(),
    )


Deed = Callable[[WorkflowExecution, VirtualClock], None]


@pytest.mark.parametrize("deed", [delete_contact, cancel_it, archive])
class TestWhatEnds:
    def test_is_not_sent_before_the_claim(
        self, outside: Outside, execution: WorkflowExecution, virtual_clock: VirtualClock, deed: Deed
    ) -> None:
        deed(execution, virtual_clock)

        perform_due("http")

        execution.refresh_from_db()
        assert outside.calls == []
        assert execution.status == "cancelled"
        assert logged(execution) == [("call_out", "skipped")]
        assert ActionExecution.objects.get().result_data == {"reason": "cancelled"}
        assert not WorkflowDispatch.objects.exists()

    def test_is_not_sent_between_claim_and_start(
        self,
        outside: Outside,
        execution: WorkflowExecution,
        virtual_clock: VirtualClock,
        deed: Deed,
        runner: LaneRunner,
    ) -> None:
        runner.claim_more()
        assert WorkflowDispatch.objects.get().status == "claimed"
        deed(execution, virtual_clock)

        runner.turn()

        assert outside.calls == []
        assert runner.is_empty
        assert logged(execution) == [("call_out", "skipped")]
        assert not WorkflowDispatch.objects.exists()

    def test_lets_a_call_in_flight_end_and_logs_it(
        self,
        outside: Outside,
        execution: WorkflowExecution,
        virtual_clock: VirtualClock,
        deed: Deed,
        runner: LaneRunner,
        later: Later,
    ) -> None:
        runner.turn()
        assert WorkflowDispatch.objects.get().status == "sending"
        deed(execution, virtual_clock)
        assert logged(execution) == [("call_out", "running")]

        later.let_go()
        runner.turn()
        advance_all()

        execution.refresh_from_db()
        assert execution.status == "cancelled"
        assert logged(execution) == [("call_out", "completed")]
        assert len(outside.recorded) == 1
        assert not WorkflowDispatch.objects.exists()


class TestPause:
    def test_keeps_the_step_waiting_until_the_workflow_goes_on(
        self, outside: Outside, execution: WorkflowExecution, virtual_clock: VirtualClock
    ) -> None:
        pause(execution, virtual_clock)
        perform_due("http")
        assert outside.calls == []
        assert logged(execution) == [("call_out", "pending")]
        assert WorkflowDispatch.objects.get().status == "parked"

        resume(execution, virtual_clock)
        perform_due("http")
        advance_all()

        execution.refresh_from_db()
        assert execution.status == "completed"

    def test_stops_a_call_between_claim_and_start(
        self, outside: Outside, execution: WorkflowExecution, virtual_clock: VirtualClock, runner: LaneRunner
    ) -> None:
        runner.claim_more()
        Workflow.objects.filter(id=execution.workflow_id).update(status="paused")  # its executions not yet parked

        runner.turn()
        runner.turn()

        assert outside.calls == []
        assert logged(execution) == [("call_out", "pending")]

    def test_lets_a_call_in_flight_end_and_moves_on_afterwards(
        self,
        outside: Outside,
        execution: WorkflowExecution,
        virtual_clock: VirtualClock,
        runner: LaneRunner,
        later: Later,
    ) -> None:
        runner.turn()
        pause(execution, virtual_clock)
        later.let_go()
        runner.turn()
        advance_all()

        execution.refresh_from_db()
        assert (execution.status, execution.pause_reason, execution.paused_status) == (
            "paused", "workflow_paused", "active",
        )  # fmt: skip
        assert logged(execution) == [("call_out", "completed")]

        resume(execution, virtual_clock)
        advance_all()
        execution.refresh_from_db()
        assert execution.status == "completed"


class TestOptOut:
    def test_stops_a_call_between_claim_and_start(
        self, outside: Outside, execution: WorkflowExecution, virtual_clock: VirtualClock, runner: LaneRunner
    ) -> None:
        runner.claim_more()
        opt_out(execution, virtual_clock)
        outside.gate = lambda step: Skipped("opted_out")  # what the type will say when it is asked again

        runner.turn()
        assert outside.calls == []
        virtual_clock.advance(seconds=2)
        perform_due("http")

        assert outside.calls == []
        assert logged(execution) == [("call_out", "skipped")]

    def test_by_a_word_stops_a_text_that_was_about_to_go(
        self, outside: Outside, virtual_clock: VirtualClock, runner: LaneRunner
    ) -> None:
        execution = enrolled(ActiveWorkflowFactory(chain=[("call_out", {"guard": "sms"})]), virtual_clock)
        advance_all()
        runner.claim_more()
        outside.gate = lambda step: Skipped("opted_out")
        apply_consent_word(
            account_id=execution.account_id,
            contact_ids=[execution.contact_id],
            channel=Channel.SMS,
            word=ConsentWord.STOP,
            said_at=virtual_clock.now(),
            evidence="SMS reply",
            now=virtual_clock.now(),
        )

        runner.turn()
        virtual_clock.advance(seconds=2)
        perform_due("http")

        assert outside.calls == []
        assert logged(execution) == [("call_out", "skipped")]

    def test_does_not_stop_what_is_not_guarded(self, outside: Outside, virtual_clock: VirtualClock) -> None:
        execution = enrolled(ActiveWorkflowFactory(chain=[("call_out", {})]), virtual_clock)
        opt_out(execution, virtual_clock)
        advance_all()

        perform_due("http")

        assert len(outside.calls) == 1


class TestTime:
    @pytest.fixture(autouse=True)
    def closing(self, outside: Outside, execution: WorkflowExecution, virtual_clock: VirtualClock) -> None:
        closes_at = virtual_clock.now() + MINUTE
        outside.gate = lambda step: (
            Request({}, host="example.com", guard_until=closes_at)
            if virtual_clock.now() < closes_at
            else HoldUntil(closes_at + 60 * MINUTE, "quiet_hours", {"gate": {"verdict": "held"}})
        )

    def test_that_is_over_stops_a_call_between_claim_and_start(
        self, outside: Outside, execution: WorkflowExecution, virtual_clock: VirtualClock, runner: LaneRunner
    ) -> None:
        runner.claim_more()
        virtual_clock.advance(seconds=60)

        runner.turn()
        assert outside.calls == []
        virtual_clock.advance(seconds=2)
        perform_due("http")

        assert outside.calls == []
        assert logged(execution) == [("call_out", "scheduled")]
        log = ActionExecution.objects.get()
        assert (log.result_data, log.execution_data) == ({"reason": "quiet_hours"}, {"gate": {"verdict": "held"}})

    def test_that_is_not_over_lets_it_start(
        self, execution: WorkflowExecution, virtual_clock: VirtualClock, runner: LaneRunner, later: Later
    ) -> None:
        runner.claim_more()
        virtual_clock.advance(seconds=59)

        runner.turn()

        assert len(later.jobs) == 1


class TestLease:
    def test_is_needed_to_start(self, outside: Outside, execution: WorkflowExecution, runner: LaneRunner) -> None:
        runner.claim_more()
        WorkflowDispatch.objects.update(lease_id=UUID(int=1))

        runner.turn()

        assert outside.calls == []
        assert WorkflowDispatch.objects.get().status == "claimed"

    def test_is_needed_to_write_a_result(
        self, outside: Outside, execution: WorkflowExecution, runner: LaneRunner, later: Later
    ) -> None:
        runner.turn()
        WorkflowDispatch.objects.update(lease_id=UUID(int=1))
        later.let_go()
        runner.turn()

        execution.refresh_from_db()
        assert execution.status == "active"
        assert logged(execution) == [("call_out", "running")]
        assert outside.recorded == []


class TestWhatGoesWrong:
    def test_a_step_that_cannot_be_prepared_fails_alone(self, outside: Outside, virtual_clock: VirtualClock) -> None:
        def gate(step: Any) -> None:
            if step.contact.first_name == "Bad":
                raise ValueError("cannot stand Bad")

        outside.gate = gate
        workflow = ActiveWorkflowFactory(chain=CHAIN)
        good = [enrolled(workflow, virtual_clock) for _ in range(5)]
        bad = enrolled(workflow, virtual_clock, first_name="Bad")
        advance_all()
        perform_due("http")
        advance_all()

        bad.refresh_from_db()
        assert bad.status == "failed"
        assert ActionExecution.objects.get(workflow_execution=bad).error_class == "internal"
        assert {WorkflowExecution.objects.get(id=each.id).status for each in good} == {"completed"}

    def test_what_a_type_cannot_record_does_not_undo_the_outcome(
        self, outside: Outside, execution: WorkflowExecution, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def record_many(*args: Any, **kwargs: Any) -> None:
            raise ValueError("cannot record")

        monkeypatch.setattr(outside, "record_many", record_many)
        perform_due("http")
        assert logged(execution) == [("call_out", "completed")]

    def test_a_call_that_raises_leaves_its_outcome_unknown(
        self, outside: Outside, execution: WorkflowExecution
    ) -> None:
        def call(payload: Mapping[str, Any], key: UUID) -> Done:
            raise ValueError("what a mess")

        outside.call = call
        perform_due("http")

        execution.refresh_from_db()
        assert (execution.status, execution.pause_reason) == ("paused", "outcome_unknown")
