"""Cancelling and retrying single executions."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.utils import timezone

from accounts.actors import Actor
from accounts.models import AuditEntry
from accounts.problems import Conflict, Missing
from workflows.crm.models import Contact
from workflows.engine import clock, operations
from workflows.engine.advance import advance, take_claim
from workflows.engine.claim import claim_due
from workflows.engine.enroll import enroll
from workflows.models import ActionExecution, Reentry, WorkflowExecution, WorkflowStatus
from workflows.tests.factories import ActiveWorkflowFactory, ExecutionFactory, step_ids

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
ACTOR = Actor(label="Ada")


def cancel(execution: WorkflowExecution, account_id: UUID | None = None) -> WorkflowExecution:
    return operations.cancel(
        account_id=account_id or execution.account_id, actor=ACTOR, execution_id=execution.id, now=NOW
    )


def retry(execution: WorkflowExecution, account_id: UUID | None = None) -> WorkflowExecution:
    return operations.retry(
        account_id=account_id or execution.account_id, actor=ACTOR, execution_id=execution.id, now=NOW
    )


def stored(execution: WorkflowExecution) -> dict:
    return WorkflowExecution.objects.for_account(execution.account_id).filter(id=execution.id).values().get()


def refusal(operation, execution: WorkflowExecution) -> str:
    """Return the code of the refusal, having seen that nothing was changed or audited."""
    before = stored(execution)
    with pytest.raises(Conflict) as refused:
        operation(execution)
    assert stored(execution) == before
    assert not AuditEntry.objects.for_account(execution.account_id).exists()
    return refused.value.problem.code


class TestCancel:
    @pytest.mark.parametrize("status", ["queued", "active", "paused"])
    def test_ends_an_execution_that_has_not_ended(self, status):
        execution = ExecutionFactory(status=status)
        assert cancel(execution).status == "cancelled"
        row = stored(execution)
        assert (row["status"], row["completion_reason"]) == ("cancelled", "cancelled_by_user")
        assert (row["due_at"], row["completed_at"], row["reentry_key"]) == (None, NOW, None)
        assert row["current_action_id"] == execution.current_action_id

    def test_logs_the_wait_it_stands_in_as_skipped(self):
        execution = ExecutionFactory(waiting=True, due_at=NOW + timedelta(days=1))
        ActionExecution.objects.for_account(execution.account_id).update(
            started_at=NOW - timedelta(seconds=90), result_data={"until": "2026-05-05"}
        )
        cancel(execution)
        row = ActionExecution.objects.for_account(execution.account_id).get()
        assert (row.status, row.completed_at, row.duration_ms) == ("skipped", NOW, 90_000)
        assert row.result_data == {"until": "2026-05-05", "reason": "cancelled"}
        assert stored(execution)["waiting_log_id"] is None

    def test_takes_the_lease_away(self):
        execution = ExecutionFactory(status="active", lease_id=uuid4(), lease_until=timezone.now())
        cancel(execution)
        row = stored(execution)
        assert (row["lease_id"], row["lease_until"]) == (None, None)

    def test_clears_what_a_paused_workflow_kept(self):
        execution = ExecutionFactory(
            status="paused",
            pause_reason="workflow_paused",
            paused_status="waiting",
            paused_due_at=NOW + timedelta(days=1),
            due_at=None,
        )
        cancel(execution)
        row = stored(execution)
        assert (row["pause_reason"], row["paused_status"], row["paused_due_at"]) == ("", "", None)

    def test_lets_the_contact_enter_again(self):
        execution = ExecutionFactory()
        cancel(execution)
        again = ExecutionFactory(workflow=execution.workflow, contact=execution.contact)
        assert again.reentry_key == "inside"

    def test_is_audited(self):
        execution = ExecutionFactory()
        cancel(execution)
        entry = AuditEntry.objects.for_account(execution.account_id).get()
        assert (entry.verb, entry.object_type, entry.object_id) == ("execution.cancelled", "execution", execution.id)
        assert entry.actor_label == "Ada"
        assert (entry.before["status"], entry.after["status"]) == ("queued", "cancelled")
        assert entry.after["completion_reason"] == "cancelled_by_user"

    @pytest.mark.parametrize("trait", ["completed", "failed"])
    def test_refuses_one_that_has_ended(self, trait):
        assert refusal(cancel, ExecutionFactory(**{trait: True})) == "invalid_transition"

    def test_does_not_cancel_twice(self):
        execution = ExecutionFactory()
        cancel(execution)
        with pytest.raises(Conflict) as refused:
            cancel(execution)
        assert refused.value.problem.code == "invalid_transition"
        assert AuditEntry.objects.for_account(execution.account_id).count() == 1

    def test_leaves_another_execution_alone(self):
        execution = ExecutionFactory()
        other = ExecutionFactory(workflow=execution.workflow)
        before = stored(other)
        cancel(execution)
        assert stored(other) == before

    def test_does_not_find_another_accounts_execution(self):
        execution = ExecutionFactory()
        before = stored(execution)
        with pytest.raises(Missing):
            cancel(execution, account_id=ExecutionFactory().account_id)
        assert stored(execution) == before


class TestRetry:
    def test_makes_the_failed_step_due_now(self):
        workflow = ActiveWorkflowFactory(chain=["add_tag", "add_note"])
        second = step_ids(workflow)[1]
        execution = ExecutionFactory(workflow=workflow, failed=True, current_action_id=second, visits=2, lost_leases=3)
        assert retry(execution).status == "active"
        row = stored(execution)
        assert (row["status"], row["completion_reason"], row["error_message"]) == ("active", "", "")
        assert (row["current_action_id"], row["due_at"], row["completed_at"]) == (second, NOW, None)
        assert (row["visits"], row["lost_leases"], row["reentry_key"]) == (2, 0, "inside")

    def test_keeps_the_failed_visit_in_the_log(self):
        execution = ExecutionFactory(failed=True)
        retry(execution)
        assert ActionExecution.objects.for_account(execution.account_id).get().status == "failed"

    def test_starts_the_count_of_visits_anew(self):
        execution = ExecutionFactory(
            failed=True, completion_reason="loop_limit", window_visits=1000, visit_window_started_at=NOW
        )
        retry(execution)
        row = stored(execution)
        assert (row["window_visits"], row["visit_window_started_at"]) == (0, None)

    def test_is_audited(self):
        execution = ExecutionFactory(failed=True)
        retry(execution)
        entry = AuditEntry.objects.for_account(execution.account_id).get()
        assert (entry.verb, entry.object_id) == ("execution.retried", execution.id)
        assert (entry.before["status"], entry.after["status"]) == ("failed", "active")

    @pytest.mark.parametrize("status", ["queued", "active", "waiting", "completed", "cancelled"])
    def test_refuses_one_that_has_not_failed(self, status):
        assert refusal(retry, ExecutionFactory(status=status)) == "invalid_transition"

    def test_refuses_an_unknown_outcome(self):
        execution = ExecutionFactory(status="paused", pause_reason="outcome_unknown", due_at=None)
        assert refusal(retry, execution) == "invalid_transition"

    @pytest.mark.parametrize("status", [WorkflowStatus.PAUSED, WorkflowStatus.ARCHIVED, WorkflowStatus.DRAFT])
    def test_refuses_while_the_workflow_is_not_active(self, status):
        execution = ExecutionFactory(failed=True)
        execution.workflow.status = status
        execution.workflow.save(update_fields=["status"])
        assert refusal(retry, execution) == "workflow_not_active"

    def test_refuses_when_the_workflow_was_deleted(self):
        execution = ExecutionFactory(failed=True)
        execution.workflow.deleted_at = NOW
        execution.workflow.save(update_fields=["deleted_at"])
        assert refusal(retry, execution) == "workflow_not_active"

    def test_refuses_when_the_contact_was_deleted(self):
        execution = ExecutionFactory(failed=True)
        execution.contact.deleted_at = NOW
        execution.contact.save(update_fields=["deleted_at"])
        assert refusal(retry, execution) == "invalid_transition"

    @pytest.mark.parametrize("reentry", [Reentry.AFTER_EXIT, Reentry.SINGLE])
    def test_refuses_while_a_newer_execution_is_inside(self, reentry):
        workflow = ActiveWorkflowFactory(reentry=reentry)
        execution = ExecutionFactory(workflow=workflow, failed=True)
        ExecutionFactory(workflow=workflow, contact=execution.contact)
        assert refusal(retry, execution) == "already_enrolled"

    def test_goes_on_beside_another_where_many_may_be_inside(self):
        workflow = ActiveWorkflowFactory(reentry=Reentry.MULTIPLE)
        execution = ExecutionFactory(workflow=workflow, failed=True)
        ExecutionFactory(workflow=workflow, contact=execution.contact)
        retry(execution)
        row = stored(execution)
        assert (row["status"], row["reentry_key"]) == ("active", None)

    def test_does_not_find_another_accounts_execution(self):
        execution = ExecutionFactory(failed=True)
        before = stored(execution)
        with pytest.raises(Missing):
            retry(execution, account_id=ExecutionFactory().account_id)
        assert stored(execution) == before


class TestBesideTheEngine:
    def test_cancel_leaves_exactly_that_execution_out_of_a_batch_in_flight(self):
        workflow = ActiveWorkflowFactory(chain=["add_tag"])
        first, second, third = (ExecutionFactory(workflow=workflow, due_at=NOW) for _ in range(3))
        with clock.using(clock.VirtualClock(NOW)):
            claim = claim_due(now=NOW)
            cancel(second)
            taken = take_claim(claim)
        assert (len(claim), taken.executions) == (3, 2)
        assert stored(first)["status"] == stored(third)["status"] == "completed"
        assert (stored(second)["status"], stored(second)["completion_reason"]) == ("cancelled", "cancelled_by_user")
        assert not second.logs.exists()
        assert not second.contact.contact_tags.exists()
        assert first.contact.contact_tags.count() == 1

    def test_cancel_ends_a_wait_that_is_due_before_it_can_go_on(self):
        workflow = ActiveWorkflowFactory(chain=["wait_time", "add_tag"])
        execution = ExecutionFactory(workflow=workflow, waiting=True, due_at=NOW)
        with clock.using(clock.VirtualClock(NOW)):
            claim = claim_due(now=NOW)
            cancel(execution)
            take_claim(claim)
        assert [(row.action_key, row.status) for row in execution.logs.all()] == [("wait_time", "skipped")]
        assert stored(execution)["status"] == "cancelled"

    def test_retry_takes_the_failed_step_again_as_a_new_visit(self):
        no_zone = ("update_contact", {"field_updates": [{"field": "timezone", "value": "{{ contact.source }}"}]})
        workflow = ActiveWorkflowFactory(chain=["add_tag", no_zone, "add_note"])
        execution = ExecutionFactory(workflow=workflow, due_at=NOW, contact__source="Mars")
        with clock.using(clock.VirtualClock(NOW)):
            advance()
            assert stored(execution)["status"] == "failed"
            Contact.objects.for_account(execution.account_id).update(source="Europe/Berlin")
            retry(execution)
            advance()
        row = stored(execution)
        assert (row["status"], row["completion_reason"], row["current_action_id"]) == ("completed", "finished", None)
        assert [(log.visit, log.action_key, log.status) for log in execution.logs.order_by("visit")] == [
            (0, "add_tag", "completed"),
            (1, "update_contact", "failed"),
            (2, "update_contact", "completed"),
            (3, "add_note", "completed"),
        ]
        assert Contact.objects.for_account(execution.account_id).get().timezone == "Europe/Berlin"

    def test_retry_of_a_step_that_fails_again_fails_again(self):
        no_zone = ("update_contact", {"field_updates": [{"field": "timezone", "value": "{{ contact.source }}"}]})
        execution = ExecutionFactory(
            workflow=ActiveWorkflowFactory(chain=[no_zone]), due_at=NOW, contact__source="Mars"
        )
        with clock.using(clock.VirtualClock(NOW)):
            advance()
            retry(execution)
            advance()
        row = stored(execution)
        assert (row["status"], row["completion_reason"], row["reentry_key"]) == ("failed", "step_failed", None)
        assert execution.logs.filter(status="failed").count() == 2


@pytest.mark.proof
@pytest.mark.django_db(transaction=True)
def test_exactly_one_of_retry_and_enrollment_gets_in():
    workflow = ActiveWorkflowFactory()
    for _ in range(25):
        execution = ExecutionFactory(workflow=workflow, failed=True)
        start = Barrier(2)

        def try_to(act, start=start):
            try:
                start.wait()
                act()
            except Conflict as refusal:
                return refusal.problem.code
            finally:
                connection.close()
            return "in"

        def enter(execution=execution):
            enroll(
                account_id=execution.account_id,
                workflow_id=workflow.id,
                contact_id=execution.contact_id,
                source="api",
                now=NOW,
            )

        with ThreadPoolExecutor(2) as threads:
            outcomes = list(threads.map(try_to, [lambda execution=execution: retry(execution), enter]))
        assert sorted(outcomes) == ["already_enrolled", "in"]
        inside = WorkflowExecution.objects.for_account(execution.account_id).filter(
            contact=execution.contact_id, reentry_key="inside"
        )
        assert inside.count() == 1
