"""Pausing, resuming, cancelling and moving what is inside a workflow."""

from datetime import timedelta

import pytest
from django.db import transaction

from accounts.actors import SYSTEM
from workflows.crm.services.contacts import delete_contacts
from workflows.engine.claim import claim_due
from workflows.engine.clock import VirtualClock
from workflows.engine.holding import (
    cancel_all,
    cancel_executions,
    move_executions,
    pause_executions,
    resume_executions,
    settle_workflow,
)
from workflows.engine.moving import Moves
from workflows.engine.tests.conftest import START
from workflows.engine.tests.leading import advance_all, enrolled, logged
from workflows.models import ActionExecution, Workflow, WorkflowExecution
from workflows.tests.factories import ActionFactory, ActiveWorkflowFactory, in_order, publish, step_ids

pytestmark = pytest.mark.django_db


def set_status(workflow: Workflow, status: str) -> None:
    Workflow.objects.filter(id=workflow.id).update(status=status)


class TestPauseAndResume:
    def test_keeps_the_time_of_waits_and_restores_every_status(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(chain=[("rest", {"minutes": 60}), ("sign", {})])
        waiting = enrolled(workflow, virtual_clock)
        advance_all()
        queued = enrolled(workflow, virtual_clock)
        claimed = enrolled(workflow, virtual_clock)
        WorkflowExecution.objects.filter(id=queued.id).update(due_at=START + timedelta(minutes=1))
        claim_due(now=START)

        set_status(workflow, "paused")
        pause_executions(workflow.id, START)

        for execution in (waiting, queued, claimed):
            execution.refresh_from_db()
            assert (execution.status, execution.pause_reason) == ("paused", "workflow_paused")
            assert (execution.due_at, execution.lease_id) == (None, None)
        virtual_clock.advance(minutes=30)

        set_status(workflow, "active")
        resume_executions(workflow.id, virtual_clock.now())

        for execution, status, due_at in (
            (waiting, "waiting", START + timedelta(minutes=60)),
            (queued, "queued", START + timedelta(minutes=1)),
            (claimed, "active", START),
        ):
            execution.refresh_from_db()
            assert (execution.status, execution.due_at) == (status, due_at)
            assert (execution.pause_reason, execution.paused_status, execution.paused_due_at) == ("", "", None)

    def test_goes_on_at_once_with_what_is_overdue(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(chain=[("rest", {"minutes": 5}), ("sign", {})])
        execution = enrolled(workflow, virtual_clock)
        advance_all()
        set_status(workflow, "paused")
        pause_executions(workflow.id, START)
        virtual_clock.advance(hours=1)
        assert advance_all().executions == 0

        set_status(workflow, "active")
        resume_executions(workflow.id, virtual_clock.now())
        advance_all()

        assert logged(execution) == [("rest", "completed"), ("sign", "completed")]

    def test_settles_the_rest_page_by_page(self, virtual_clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("workflows.engine.holding.PAGE_SIZE", 2)
        monkeypatch.setattr("workflows.engine.holding.FIRST_PAGE_SIZE", 2)
        workflow = ActiveWorkflowFactory(chain=[("rest", {"minutes": 5})])
        for _ in range(7):
            enrolled(workflow, virtual_clock)
        inside = WorkflowExecution.objects.filter(workflow=workflow)

        set_status(workflow, "paused")
        pause_executions(workflow.id, START)
        assert inside.filter(status="paused").count() == 2
        settle_workflow(workflow.id, START)
        assert inside.filter(status="paused").count() == 7

        set_status(workflow, "active")
        resume_executions(workflow.id, START)
        assert inside.filter(status="paused").count() == 5
        settle_workflow(workflow.id, START)
        assert inside.filter(status="queued").count() == 7

    def test_leaves_executions_that_wait_for_a_person(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(chain=[("sign", {})])
        execution = enrolled(workflow, virtual_clock)
        WorkflowExecution.objects.update(status="paused", pause_reason="outcome_unknown", due_at=None)

        settle_workflow(workflow.id, START)

        execution.refresh_from_db()
        assert (execution.status, execution.pause_reason) == ("paused", "outcome_unknown")


class TestCancel:
    def test_ends_what_is_inside_with_the_reason(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(chain=[("rest", {"minutes": 5}), ("sign", {})])
        execution = enrolled(workflow, virtual_clock)
        advance_all()
        virtual_clock.advance(minutes=1)

        set_status(workflow, "archived")
        cancel_executions(workflow.id, "workflow_archived", virtual_clock.now())

        execution.refresh_from_db()
        wait = ActionExecution.objects.get(workflow_execution=execution)
        assert (execution.status, execution.completion_reason) == ("cancelled", "workflow_archived")
        assert (execution.completed_at, execution.due_at) == (virtual_clock.now(), None)
        assert (execution.reentry_key, execution.waiting_log_id) == (None, None)
        assert (wait.status, wait.duration_ms) == ("skipped", 60_000)
        assert wait.result_data == {"rested": True, "reason": "cancelled"}

    def test_leaves_those_alone_who_came_later(
        self, virtual_clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("workflows.engine.holding.PAGE_SIZE", 1)
        workflow = ActiveWorkflowFactory(chain=[("rest", {"minutes": 5})])
        early = [enrolled(workflow, virtual_clock) for _ in range(3)]
        virtual_clock.advance(seconds=1)
        late = enrolled(workflow, virtual_clock)

        cancel_all(workflow.id, "workflow_archived", START)

        late.refresh_from_db()
        assert late.status == "queued"
        assert {WorkflowExecution.objects.get(id=execution.id).status for execution in early} == {"cancelled"}


class TestMove:
    def test_goes_on_at_the_same_step_where_it_survived(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(chain=[("rest", {"minutes": 5}), ("sign", {})])
        execution = enrolled(workflow, virtual_clock)
        advance_all()
        last = in_order(workflow)[-1]
        ActionFactory(workflow=workflow, action_type="sign", key="added", action_config={}, previous_action=last)
        version = publish(workflow)

        assert move_executions(workflow, version, START) == Moves(moved=1, completed=0)

        execution.refresh_from_db()
        assert (execution.version_id, execution.status) == (version.id, "waiting")
        virtual_clock.advance(minutes=5)
        advance_all()
        assert logged(execution) == [("rest", "completed"), ("sign", "completed"), ("added", "completed")]

    def test_goes_on_at_the_next_surviving_step(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(chain=[("rest", {"minutes": 5}), ("pass_by", {}), ("sign", {})])
        execution = enrolled(workflow, virtual_clock)
        advance_all()
        rest, pass_by, sign = in_order(workflow)
        sign.previous_action = None
        sign.save()
        pass_by.delete()
        rest.delete()
        version = publish(workflow)

        assert move_executions(workflow, version, START) == Moves(moved=1, completed=0)

        execution.refresh_from_db()
        assert (execution.status, execution.current_action_id) == ("active", step_ids(workflow)[0])
        advance_all()
        assert logged(execution) == [("rest", "skipped"), ("sign", "completed")]

    def test_completes_those_for_whom_nothing_is_left(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(chain=[("sign", {}), ("rest", {"minutes": 5})])
        execution = enrolled(workflow, virtual_clock)
        advance_all()
        in_order(workflow)[-1].delete()
        version = publish(workflow)
        set_status(workflow, "paused")
        pause_executions(workflow.id, START)

        assert move_executions(workflow, version, START) == Moves(moved=0, completed=1)

        execution.refresh_from_db()
        assert (execution.status, execution.completion_reason) == ("completed", "finished")
        assert (execution.pause_reason, execution.reentry_key) == ("", None)


class TestDeletingContacts:
    def test_ends_their_executions_in_the_same_transaction(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(chain=[("rest", {"minutes": 5})])
        going, staying = enrolled(workflow, virtual_clock), enrolled(workflow, virtual_clock)
        advance_all()

        with transaction.atomic():
            delete_contacts(account_id=going.account_id, actor=SYSTEM, contact_ids=[going.contact_id], now=START)
            going.refresh_from_db()
            assert (going.status, going.completion_reason) == ("cancelled", "contact_deleted")

        staying.refresh_from_db()
        assert staying.status == "waiting"
        assert logged(going) == [("rest", "skipped")]

    def test_leaves_ended_executions_as_they_ended(self, virtual_clock: VirtualClock) -> None:
        execution = enrolled(ActiveWorkflowFactory(chain=[("sign", {})]), virtual_clock)
        advance_all()

        delete_contacts(account_id=execution.account_id, actor=SYSTEM, contact_ids=[execution.contact_id], now=START)

        execution.refresh_from_db()
        assert (execution.status, execution.completion_reason) == ("completed", "finished")
