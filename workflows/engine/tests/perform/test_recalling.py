"""Opting out and what is held back at that moment: it is skipped then, not when its time would have come."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from accounts.models import Account
from workflows.actions.outcomes import Skipped
from workflows.actions.outside import ErrorClass, HoldUntil, Lane, Retryable
from workflows.crm.models import Consent
from workflows.crm.services.consents import ConsentChange, set_consents
from workflows.crm.services.locking import lock_contacts
from workflows.engine.clock import VirtualClock
from workflows.engine.dispatch import dispatch
from workflows.engine.holding import pause_executions, resume_executions
from workflows.engine.perform.lanes import perform_due
from workflows.engine.perform.recalling import find_messages
from workflows.engine.tests.kinds import Outside, registered_type
from workflows.engine.tests.leading import advance_all, enrolled, logged
from workflows.messaging import breaker
from workflows.messaging.breaker import Circuit
from workflows.models import ActionExecution, Workflow, WorkflowDispatch, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.django_db

LATER = timedelta(hours=10)
CHAIN = [("call_out", {"guard": "sms"}), ("sign", {})]
SKIPPED = [("call_out", "skipped"), ("sign", "completed")]


@pytest.fixture
def texting(virtual_clock: VirtualClock) -> Iterator[Outside]:
    """`call_out` as a message by SMS: skipped for who opted out, else held for ten hours."""
    kind = Outside()
    kind.lane = Lane.SMS  # type: ignore[misc]  # of this one alone
    kind.sends_message = True  # type: ignore[misc]  # of this one alone
    opens_at = virtual_clock.now() + LATER

    def gate(step: Any) -> Any:
        if Consent.objects.filter(contact_id=step.contact.id, channel="sms", state="opt_out").exists():
            return Skipped("opted out")
        return HoldUntil(opens_at, "quiet_hours") if virtual_clock.now() < opens_at else None

    kind.gate = gate
    with registered_type(kind):
        yield kind


@pytest.fixture
def workflow(account: Account) -> Workflow:
    workflow: Workflow = ActiveWorkflowFactory(account=account, chain=CHAIN)
    return workflow


@pytest.fixture
def held(texting: Outside, workflow: Workflow, virtual_clock: VirtualClock) -> WorkflowExecution:
    execution = enrolled(workflow, virtual_clock)
    live()
    assert logged(execution) == [("call_out", "scheduled")]
    return execution


def live() -> None:
    advance_all()
    perform_due("sms")
    advance_all()


def opt_out(execution: WorkflowExecution, clock: VirtualClock, channel: str = "sms") -> None:
    account_id, now = execution.account_id, clock.now()
    lock_contacts(account_id=account_id, contact_ids=[execution.contact_id])
    set_consents(account_id=account_id, changes=[ConsentChange(execution.contact_id, channel, "opt_out", now)], now=now)
    dispatch()


class TestAMessage:
    def test_held_for_its_hour_is_skipped_at_once(
        self, held: WorkflowExecution, texting: Outside, virtual_clock: VirtualClock
    ) -> None:
        opt_out(held, virtual_clock)
        live()
        held.refresh_from_db()
        assert (logged(held), held.status, texting.calls) == (SKIPPED, "completed", [])
        log = ActionExecution.objects.get(action_key="call_out")
        assert (log.result_data, log.scheduled_at, log.retry_count) == ({"reason": "opted out"}, None, 0)
        assert not WorkflowDispatch.objects.exists()

    def test_of_others_stays_held(
        self, held: WorkflowExecution, workflow: Workflow, virtual_clock: VirtualClock
    ) -> None:
        other = enrolled(workflow, virtual_clock)
        live()
        opt_out(held, virtual_clock)
        live()
        assert logged(other) == [("call_out", "scheduled")]

    def test_on_another_channel_stays_held(self, held: WorkflowExecution, virtual_clock: VirtualClock) -> None:
        opt_out(held, virtual_clock, "email")
        assert WorkflowDispatch.objects.get().status == "scheduled"
        assert logged(held) == [("call_out", "scheduled")]

    def test_that_is_none_to_the_contact_stays_held(
        self, held: WorkflowExecution, texting: Outside, virtual_clock: VirtualClock
    ) -> None:
        texting.sends_message = False  # type: ignore[misc]  # of this one alone
        opt_out(held, virtual_clock)
        live()
        assert logged(held) == [("call_out", "scheduled")]

    def test_held_for_another_try_is_skipped_at_once(
        self, texting: Outside, workflow: Workflow, virtual_clock: VirtualClock
    ) -> None:
        def fail(*_: Any) -> None:
            raise Retryable(ErrorClass.RATE_LIMITED, "429", retry_after=timedelta(hours=1))

        gate, texting.gate, texting.call = texting.gate, lambda step: None, fail  # type: ignore[assignment]
        execution = enrolled(workflow, virtual_clock)
        live()
        assert logged(execution) == [("call_out", "scheduled")]

        texting.gate = gate
        opt_out(execution, virtual_clock)
        live()

        assert (logged(execution), len(texting.calls)) == (SKIPPED, 1)

    def test_to_a_host_that_is_left_alone_is_skipped_at_once(
        self, texting: Outside, workflow: Workflow, virtual_clock: VirtualClock
    ) -> None:
        gate, texting.gate = texting.gate, lambda step: None
        circuit = Circuit(workflow.account_id, "example.com")
        breaker.pause({circuit: virtual_clock.now() + LATER}, now=virtual_clock.now())
        execution = enrolled(workflow, virtual_clock)
        live()
        assert logged(execution) == [("call_out", "scheduled")]

        texting.gate = gate
        opt_out(execution, virtual_clock)
        live()

        assert (logged(execution), texting.calls) == (SKIPPED, [])

    def test_behind_a_sending_limit_is_skipped_before_the_others_turn(
        self, texting: Outside, workflow: Workflow, virtual_clock: VirtualClock
    ) -> None:
        workflow.account.sms_per_second = 1
        workflow.account.save()
        texting.gate = lambda step: None
        executions = [enrolled(workflow, virtual_clock) for _ in range(20)]
        for _ in range(3):
            live()
        last = WorkflowExecution.objects.filter(status="waiting").order_by("due_at").last()
        assert last in executions
        assert last.due_at is not None
        assert last.due_at >= virtual_clock.now() + timedelta(seconds=15)

        texting.gate = lambda step: Skipped("opted out") if step.contact.id == last.contact_id else None
        opt_out(last, virtual_clock)
        virtual_clock.advance(seconds=1)
        live()

        assert logged(last) == SKIPPED
        assert len(texting.calls) == 2

    def test_of_a_paused_workflow_is_skipped_once_that_goes_on(
        self, held: WorkflowExecution, workflow: Workflow, virtual_clock: VirtualClock
    ) -> None:
        Workflow.objects.filter(id=workflow.id).update(status="paused")
        pause_executions(workflow.id, virtual_clock.now())
        opt_out(held, virtual_clock)
        live()
        held.refresh_from_db()
        assert (held.status, logged(held)) == ("paused", [("call_out", "scheduled")])

        Workflow.objects.filter(id=workflow.id).update(status="active")
        resume_executions(workflow.id, virtual_clock.now())
        live()
        assert logged(held) == SKIPPED

    def test_goes_out_in_its_time_where_nobody_opted_out(
        self, held: WorkflowExecution, texting: Outside, virtual_clock: VirtualClock
    ) -> None:
        virtual_clock.advance(hours=10)
        live()
        assert (len(texting.calls), logged(held)) == (1, [("call_out", "completed"), ("sign", "completed")])


class TestWhatMovedOn:
    def test_is_left_alone(self, texting: Outside, account: Account, virtual_clock: VirtualClock) -> None:
        """A wait behind the message is no message."""
        texting.gate = lambda step: None
        wait = ("wait_time", {"duration": 1, "unit": "days"})
        workflow = ActiveWorkflowFactory(account=account, chain=[*CHAIN, wait])
        execution = enrolled(workflow, virtual_clock)
        live()
        execution.refresh_from_db()
        due_at = execution.due_at

        opt_out(execution, virtual_clock)
        live()

        execution.refresh_from_db()
        assert (execution.status, execution.due_at) == ("waiting", due_at)


class TestFinding:
    def test_takes_a_constant_number_of_queries(
        self, texting: Outside, workflow: Workflow, virtual_clock: VirtualClock, django_assert_num_queries: Any
    ) -> None:
        contacts = {enrolled(workflow, virtual_clock).contact_id: {"sms"} for _ in range(5)}
        live()
        with django_assert_num_queries(1):  # the plan is known
            assert len(find_messages(contacts)) == 5
