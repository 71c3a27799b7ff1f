"""Skipping a step by hand, and moving an execution to another step."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from accounts.actors import Actor
from accounts.models import AuditEntry
from accounts.problems import Conflict, Invalid, Missing
from workflows.actions.outcomes import Done
from workflows.actions.outside import OutcomeUnknown
from workflows.engine import steering
from workflows.engine.clock import VirtualClock
from workflows.engine.perform.lanes import perform_due
from workflows.engine.tests.conftest import START
from workflows.engine.tests.kinds import Outside, registered_type
from workflows.engine.tests.leading import advance_all, enrolled, logged
from workflows.models import ActionExecution, WorkflowDispatch, WorkflowExecution, WorkflowStatus
from workflows.tests.factories import ActiveWorkflowFactory, ExecutionFactory, step_ids

pytestmark = pytest.mark.django_db

NOW = START
ACTOR = Actor(label="Ada")
CHAIN = [("rest", {"minutes": 60}), ("sign", {}), ("stop", {})]


def skip(execution: WorkflowExecution, account_id: UUID | None = None) -> WorkflowExecution:
    return steering.skip_step(
        account_id=account_id or execution.account_id, actor=ACTOR, execution_id=execution.id, now=NOW
    )


def move(execution: WorkflowExecution, place: UUID, account_id: UUID | None = None) -> WorkflowExecution:
    return steering.move(
        account_id=account_id or execution.account_id,
        actor=ACTOR,
        execution_id=execution.id,
        action_id=place,
        now=NOW,
    )


def lose_the_reply(payload: Mapping[str, Any], key: UUID) -> Done:
    raise OutcomeUnknown("The connection broke.")


@pytest.fixture
def outside_unknown(virtual_clock: VirtualClock) -> Iterator[WorkflowExecution]:
    """An execution that stands at a step whose outcome nobody knows."""
    with registered_type(Outside(lose_the_reply)):
        execution = enrolled(ActiveWorkflowFactory(chain=[("call_out", {}), ("sign", {})]), virtual_clock)
        advance_all()
        perform_due("http")
        execution.refresh_from_db()
        assert execution.pause_reason == "outcome_unknown"
        yield execution


class TestSkipStep:
    def test_leaves_a_wait_and_goes_on(self, virtual_clock: VirtualClock) -> None:
        execution = enrolled(ActiveWorkflowFactory(chain=CHAIN), virtual_clock)
        advance_all()

        skip(execution)
        advance_all()

        execution.refresh_from_db()
        assert logged(execution) == [("rest", "skipped"), ("sign", "completed"), ("stop", "completed")]
        assert execution.status == "completed"
        assert execution.steps["rest"] == {"reason": "skipped_by_user"}
        entry = AuditEntry.objects.get(verb="execution.step_skipped")
        assert (entry.object_id, entry.before["status"], entry.after["status"]) == (execution.id, "waiting", "active")

    def test_leaves_a_failed_step_and_keeps_its_log_row(self, virtual_clock: VirtualClock) -> None:
        execution = enrolled(ActiveWorkflowFactory(chain=[("break_down", {}), ("sign", {})]), virtual_clock)
        advance_all()

        skip(execution)
        advance_all()

        execution.refresh_from_db()
        assert logged(execution) == [("break_down", "failed"), ("break_down", "skipped"), ("sign", "completed")]
        assert (execution.status, execution.error_message) == ("completed", "")

    def test_completes_behind_the_last_step(self, virtual_clock: VirtualClock) -> None:
        execution = enrolled(ActiveWorkflowFactory(chain=[("break_down", {})]), virtual_clock)
        advance_all()

        skip(execution)

        execution.refresh_from_db()
        assert (execution.status, execution.completion_reason) == ("completed", "finished")
        assert (execution.current_action_id, execution.due_at, execution.reentry_key) == (None, None, None)

    def test_leaves_an_unknown_outcome(self, outside_unknown: WorkflowExecution) -> None:
        skip(outside_unknown)
        advance_all()

        outside_unknown.refresh_from_db()
        assert logged(outside_unknown) == [("call_out", "failed"), ("call_out", "skipped"), ("sign", "completed")]
        assert outside_unknown.status == "completed"
        assert not WorkflowDispatch.objects.exists()

    def test_leaves_a_call_to_come(self, virtual_clock: VirtualClock) -> None:
        kind = Outside()
        with registered_type(kind):
            execution = enrolled(ActiveWorkflowFactory(chain=[("call_out", {}), ("sign", {})]), virtual_clock)
            advance_all()
            skip(execution)
            advance_all()
            perform_due("http")

        assert kind.calls == []
        assert logged(execution) == [("call_out", "skipped"), ("sign", "completed")]

    def test_waits_for_a_paused_workflow(self) -> None:
        execution = ExecutionFactory(
            workflow=ActiveWorkflowFactory(chain=["add_tag", "add_note"]),
            status="paused",
            pause_reason="workflow_paused",
            paused_status="waiting",
            paused_due_at=NOW + timedelta(days=1),
            due_at=None,
        )
        skip(execution)
        execution.refresh_from_db()
        assert (execution.status, execution.due_at) == ("paused", None)
        assert (execution.paused_status, execution.paused_due_at) == ("active", NOW)
        assert execution.current_action_id == step_ids(execution.workflow)[1]

    def test_is_refused_when_it_has_ended(self) -> None:
        done = ExecutionFactory(completed=True)
        cancelled = ExecutionFactory(status="cancelled", due_at=None)
        for execution in (done, cancelled):
            with pytest.raises(Conflict) as refusal:
                skip(execution)
            assert refusal.value.problem.code == "invalid_transition"
        assert not AuditEntry.objects.exists()
        assert not ActionExecution.objects.exists()

    def test_is_refused_while_a_failed_ones_workflow_is_paused(self) -> None:
        execution = ExecutionFactory(workflow=ActiveWorkflowFactory(chain=["add_tag", "add_note"]), failed=True)
        workflow = execution.workflow
        workflow.status = WorkflowStatus.PAUSED
        workflow.save()
        with pytest.raises(Conflict) as refusal:
            skip(execution)
        assert refusal.value.problem.code == "workflow_not_active"
        assert ActionExecution.objects.count() == 1

    def test_is_refused_when_the_contact_is_inside_again(self) -> None:
        workflow = ActiveWorkflowFactory(chain=["add_tag", "add_note"])
        execution = ExecutionFactory(workflow=workflow, failed=True)
        ExecutionFactory(workflow=workflow, contact=execution.contact)
        with pytest.raises(Conflict) as refusal:
            skip(execution)
        assert refusal.value.problem.code == "already_enrolled"

    def test_knows_no_other_accounts_execution(self) -> None:
        execution, other = ExecutionFactory(), ExecutionFactory()
        with pytest.raises(Missing):
            skip(execution, other.account_id)

    def test_takes_the_lease_away(self) -> None:
        workflow = ActiveWorkflowFactory(chain=["add_tag", "add_note"])
        execution = ExecutionFactory(workflow=workflow, status="active", lease_id=uuid4(), lease_until=NOW)
        skip(execution)
        execution.refresh_from_db()
        assert (execution.lease_id, execution.lease_until) == (None, None)


class TestMove:
    def test_goes_on_at_the_step_named(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(chain=[("sign", {}), *CHAIN])
        execution = enrolled(workflow, virtual_clock)
        advance_all()

        move(execution, step_ids(workflow)[0])
        advance_all()

        execution.refresh_from_db()
        assert logged(execution) == [
            ("sign", "completed"),
            ("rest", "skipped"),
            ("sign", "completed"),
            ("rest", "waiting"),
        ]
        rest = ActionExecution.objects.filter(action_key="rest").order_by("visit").first()
        assert rest is not None
        assert rest.result_data["reason"] == "moved_by_user"
        entry = AuditEntry.objects.get(verb="execution.moved")
        assert entry.after["current_action_id"] == str(step_ids(workflow)[0])

    def test_revives_a_failed_execution(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(chain=[("break_down", {}), ("sign", {}), ("stop", {})])
        execution = enrolled(workflow, virtual_clock)
        advance_all()

        move(execution, step_ids(workflow)[2])
        advance_all()

        execution.refresh_from_db()
        assert logged(execution) == [("break_down", "failed"), ("stop", "completed")]
        assert execution.completion_reason == "ended_by_step"

    def test_refuses_a_step_of_another_workflow(self) -> None:
        execution = ExecutionFactory()
        other = step_ids(ActiveWorkflowFactory(account=execution.account))[0]
        for place in (other, uuid4()):
            with pytest.raises(Invalid) as refusal:
                move(execution, place)
            assert [(problem.code, problem.attr) for problem in refusal.value.problems] == [
                ("action_not_found", "action_id")
            ]
        execution.refresh_from_db()
        assert execution.status == "queued"

    def test_is_refused_when_it_has_ended(self) -> None:
        execution = ExecutionFactory(completed=True)
        with pytest.raises(Conflict) as refusal:
            move(execution, step_ids(execution.workflow)[0])
        assert refusal.value.problem.code == "invalid_transition"
