"""Messages whose step is left before they were sent: they end as failed, and say so."""

from collections.abc import Callable

import pytest

from accounts.actors import SYSTEM
from accounts.models import Account
from workflows.authoring.publishing import activate_workflow, pause_workflow
from workflows.crm.models import Channel
from workflows.engine.clock import VirtualClock
from workflows.engine.holding import cancel_executions
from workflows.engine.operations import cancel
from workflows.engine.perform.handover import CANCELLED, NOT_KNOWN
from workflows.engine.perform.lanes import LaneRunner
from workflows.engine.steering import move, skip_step
from workflows.engine.tests.kinds import Outside
from workflows.engine.tests.leading import advance_all, enrolled
from workflows.engine.tests.perform.conftest import Later
from workflows.engine.tests.perform.test_gate import delete_contact
from workflows.messaging.models import Message
from workflows.messaging.services.messages import NewMessage, queue_messages
from workflows.models import Action, Workflow, WorkflowDispatch, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.django_db

Deed = Callable[[WorkflowExecution, VirtualClock], None]


def queue(execution: WorkflowExecution, clock: VirtualClock) -> Message:
    """Write the message that the execution's step is about to send."""
    key = WorkflowDispatch.objects.get(execution=execution).id
    message = NewMessage(
        id=key,
        contact_id=execution.contact_id,
        channel=Channel.SMS,
        purpose="marketing",
        connection_id=key,
        provider_message_id="",
        sender="+14155550100",
        recipient="+14155550123",
        subject="",
        execution_id=execution.id,
        action_execution_id=key,
    )
    queue_messages(account_id=execution.account_id, messages=[message], now=clock.now())
    return Message.objects.get(id=key)


@pytest.fixture
def workflow(outside: Outside, account: Account) -> Workflow:
    workflow: Workflow = ActiveWorkflowFactory(account=account, chain=[("call_out", {}), ("sign", {})])
    return workflow


@pytest.fixture
def execution(workflow: Workflow, virtual_clock: VirtualClock) -> WorkflowExecution:
    execution = enrolled(workflow, virtual_clock)
    advance_all()
    return execution


def cancel_it(execution: WorkflowExecution, clock: VirtualClock) -> None:
    cancel(account_id=execution.account_id, actor=SYSTEM, execution_id=execution.id, now=clock.now())


def skip_it(execution: WorkflowExecution, clock: VirtualClock) -> None:
    skip_step(account_id=execution.account_id, actor=SYSTEM, execution_id=execution.id, now=clock.now())


def move_it(execution: WorkflowExecution, clock: VirtualClock) -> None:
    target = Action.objects.get(workflow_id=execution.workflow_id, key="sign")
    move(
        account_id=execution.account_id,
        actor=SYSTEM,
        execution_id=execution.id,
        action_id=target.id,
        now=clock.now(),
    )


def archive(execution: WorkflowExecution, clock: VirtualClock) -> None:
    Workflow.objects.filter(id=execution.workflow_id).update(status="archived")
    cancel_executions(execution.workflow_id, "workflow_archived", clock.now())


@pytest.mark.parametrize("deed", [cancel_it, skip_it, move_it, archive, delete_contact])
class TestAMessage:
    def test_that_was_not_sent_is_given_up(
        self, workflow: Workflow, execution: WorkflowExecution, virtual_clock: VirtualClock, deed: Deed
    ) -> None:
        other = enrolled(workflow, virtual_clock)
        advance_all()
        message, others = queue(execution, virtual_clock), queue(other, virtual_clock)
        if deed is archive:
            WorkflowExecution.objects.filter(id=other.id).update(status="completed")

        deed(execution, virtual_clock)

        message.refresh_from_db()
        others.refresh_from_db()
        assert (message.status, message.error_message) == ("failed", CANCELLED)
        assert (others.status, others.error_message) == ("queued", "")

    def test_that_is_being_sent_is_left_to_its_call(
        self, execution: WorkflowExecution, virtual_clock: VirtualClock, later: Later, runner: LaneRunner, deed: Deed
    ) -> None:
        message = queue(execution, virtual_clock)
        runner.turn()

        deed(execution, virtual_clock)

        message.refresh_from_db()
        assert (message.status, message.error_message) == ("queued", "")

    def test_that_was_sent_stays_so(
        self, execution: WorkflowExecution, virtual_clock: VirtualClock, deed: Deed
    ) -> None:
        message = queue(execution, virtual_clock)
        Message.objects.update(status="delivered")

        deed(execution, virtual_clock)

        message.refresh_from_db()
        assert (message.status, message.error_message) == ("delivered", "")


class TestAMessageOfUnknownOutcome:
    def test_says_that_it_may_have_been_sent(self, execution: WorkflowExecution, virtual_clock: VirtualClock) -> None:
        message = queue(execution, virtual_clock)
        WorkflowDispatch.objects.update(status="unknown")
        WorkflowExecution.objects.update(status="paused", pause_reason="outcome_unknown")

        cancel_it(execution, virtual_clock)

        message.refresh_from_db()
        assert (message.status, message.error_message) == ("failed", NOT_KNOWN)


class TestPausing:
    def test_gives_nothing_up(
        self, workflow: Workflow, execution: WorkflowExecution, virtual_clock: VirtualClock
    ) -> None:
        message = queue(execution, virtual_clock)
        pause_workflow(account_id=workflow.account_id, actor=SYSTEM, workflow_id=workflow.id)
        activate_workflow(account_id=workflow.account_id, actor=SYSTEM, workflow_id=workflow.id)
        message.refresh_from_db()
        assert message.status == "queued"
