"""Leading contacts from step to step."""

from datetime import timedelta

import psycopg
import pytest
from django.db import connection
from pytest_django import Settings
from uuid_utils.compat import uuid7

from accounts.actors import SYSTEM
from workflows.actions.base import StepBatch
from workflows.actions.outcomes import Done
from workflows.crm.services.contacts import delete_contacts
from workflows.crm.tests.factories import ContactFactory
from workflows.engine.advance import advance, take_claim
from workflows.engine.claim import Claim, claim_due
from workflows.engine.clock import VirtualClock
from workflows.engine.enroll import enroll
from workflows.engine.holding import end_executions
from workflows.engine.tests.kinds import raise_for, registered, sign
from workflows.engine.tests.leading import advance_all, enrolled, logged
from workflows.models import ActionExecution, Workflow, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory, WorkflowFactory, publish

pytestmark = pytest.mark.django_db


class TestAdvance:
    def test_takes_all_steps_of_the_database_in_one_pass(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(chain=[("sign", {}), ("pass_by", {}), ("sign", {})])
        execution = enrolled(workflow, virtual_clock, source="")

        taken = advance_all()

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

        advance_all()
        execution.refresh_from_db()
        assert execution.status == "waiting"
        assert execution.due_at == virtual_clock.now() + timedelta(minutes=5)
        assert logged(execution) == [("sign", "completed"), ("rest", "waiting")]

        virtual_clock.advance(minutes=4, seconds=59.999)
        assert advance_all().executions == 0
        virtual_clock.advance(seconds=0.001)
        assert advance_all().executions == 1

        execution.refresh_from_db()
        wait = ActionExecution.objects.get(workflow_execution=execution, action_key="rest")
        assert execution.status == "completed"
        assert logged(execution) == [("sign", "completed"), ("rest", "completed"), ("sign_2", "completed")]
        assert (wait.completed_at - wait.started_at, wait.duration_ms) == (timedelta(minutes=5), 300_000)

    def test_keeps_the_place_in_the_queue_of_who_ran_out_of_time(
        self, virtual_clock: VirtualClock, settings: Settings
    ) -> None:
        settings.ENGINE = settings.ENGINE | {"batch_seconds": -1}
        execution = enrolled(ActiveWorkflowFactory(chain=[("sign", {})]), virtual_clock)
        due_at = execution.due_at
        virtual_clock.advance(minutes=5)

        advance()

        execution.refresh_from_db()
        assert (execution.status, execution.due_at, execution.lease_id) == ("active", due_at, None)
        assert logged(execution) == []

    def test_passes_through_a_disabled_step(self, virtual_clock: VirtualClock) -> None:
        workflow = WorkflowFactory(chain=[("sign", {}), ("sign", {}), ("sign", {})])
        workflow.actions.filter(key="sign_2").update(is_enabled=False)
        publish(workflow)
        execution = enrolled(workflow, virtual_clock, source="")

        advance_all()

        execution.contact.refresh_from_db()
        assert logged(execution) == [("sign", "completed"), ("sign_2", "skipped"), ("sign_3", "completed")]
        assert ActionExecution.objects.get(action_key="sign_2").result_data == {"reason": "disabled"}
        assert execution.contact.source == "sign sign_3 "

    def test_ends_where_a_step_says_so(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(chain=[("stop", {"reason": "enough"}), ("sign", {})])
        execution = enrolled(workflow, virtual_clock)

        advance_all()

        execution.refresh_from_db()
        assert logged(execution) == [("stop", "completed")]
        assert (execution.status, execution.completion_reason) == ("completed", "ended_by_step")
        assert ActionExecution.objects.get().result_data == {"reason": "enough"}

    def test_fails_the_execution_at_a_failing_step(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(chain=[("break_down", {}), ("sign", {})])
        execution = enrolled(workflow, virtual_clock)

        advance_all()

        execution.refresh_from_db()
        row = ActionExecution.objects.get(workflow_execution=execution)
        assert (execution.status, execution.completion_reason) == ("failed", "step_failed")
        assert execution.error_message == "It was not to be."
        assert execution.current_action_id == row.action_id
        assert (row.status, row.error_class, row.error_message) == ("failed", "rejected", "It was not to be.")
        assert row.attempts == [
            {"at": row.completed_at.isoformat(), "error_class": "rejected", "message": "It was not to be."}
        ]
        assert (execution.due_at, execution.reentry_key) == (None, None)

    def test_goes_on_after_a_failing_step_that_may(self, virtual_clock: VirtualClock) -> None:
        workflow = WorkflowFactory(chain=[("break_down", {}), ("sign", {})])
        workflow.actions.filter(key="break_down").update(on_error="continue")
        publish(workflow)
        execution = enrolled(workflow, virtual_clock)

        advance_all()

        execution.refresh_from_db()
        assert logged(execution) == [("break_down", "failed"), ("sign", "completed")]
        assert execution.status == "completed"

    def test_goes_on_at_once_when_a_wait_is_over_already(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(chain=[("rest", {"minutes": -1}), ("sign", {})])
        execution = enrolled(workflow, virtual_clock)

        advance_all()

        assert logged(execution) == [("rest", "completed"), ("sign", "completed")]

    def test_completes_a_wait_at_the_end_when_it_is_over(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(chain=[("rest", {"minutes": 1})])
        execution = enrolled(workflow, virtual_clock)
        advance_all()
        virtual_clock.advance(minutes=1)

        advance_all()

        execution.refresh_from_db()
        assert logged(execution) == [("rest", "completed")]
        assert (execution.status, execution.completion_reason) == ("completed", "finished")

    def test_takes_contacts_in_the_order_in_which_they_became_due(self, virtual_clock: VirtualClock) -> None:
        order: list[str] = []

        def note(steps: StepBatch) -> list[Done]:
            order.extend(step.contact.first_name for step in steps)
            return [Done() for _ in steps]

        with registered(note=note):
            workflow = ActiveWorkflowFactory(chain=[("rest", {"minutes": 1}), ("note", {})])
            for name in ("first", "second", "third"):
                enrolled(workflow, virtual_clock, first_name=name)
                advance_all()
                virtual_clock.advance(seconds=10)
            virtual_clock.advance(hours=1)
            for _ in range(3):
                take_claim(claim_due(now=virtual_clock.now(), size=1))

        assert order == ["first", "second", "third"]

    def test_chained_steps_see_what_the_one_before_did(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(
            chain=[
                ("update_contact", {"field_updates": [{"field": "last_name", "value": "Byron"}]}),
                ("add_note", {"content": "{{ contact.name }}"}),
            ]
        )
        execution = enrolled(workflow, virtual_clock, first_name="Ada")

        advance_all()

        assert logged(execution) == [("update_contact", "completed"), ("add_note", "completed")]
        assert execution.contact.notes.get().content == "Ada Byron"

    def test_leads_one_contact_through_the_same_workflow_twice_at_once(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(reentry="multiple", chain=[("sign", {}), ("sign", {})])
        contact = ContactFactory(account=workflow.account, source="")
        for _ in range(3):
            enroll(
                account_id=workflow.account_id,
                workflow_id=workflow.id,
                contact_id=contact.id,
                source="api",
                now=virtual_clock.now(),
            )

        advance_all()

        contact.refresh_from_db()
        assert contact.source.count("sign ") == 3
        assert contact.source.count("sign_2 ") == 3
        assert WorkflowExecution.objects.filter(status="completed").count() == 3

    def test_stops_a_contact_that_goes_round_too_often(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(chain=[("sign", {})])
        execution = enrolled(workflow, virtual_clock)
        WorkflowExecution.objects.update(window_visits=1000, visit_window_started_at=virtual_clock.now())

        advance_all()

        execution.refresh_from_db()
        assert (execution.status, execution.completion_reason) == ("failed", "loop_limit")
        assert logged(execution) == [("sign", "failed")]

    def test_counts_visits_anew_after_a_day(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(chain=[("sign", {})])
        execution = enrolled(workflow, virtual_clock)
        WorkflowExecution.objects.update(window_visits=1000, visit_window_started_at=virtual_clock.now())
        virtual_clock.advance(hours=24)

        advance_all()

        execution.refresh_from_db()
        assert (execution.status, execution.window_visits) == ("completed", 1)

    def test_fails_a_step_whose_type_is_gone(self, virtual_clock: VirtualClock) -> None:
        with registered(gone=sign):
            workflow = ActiveWorkflowFactory(chain=[("gone", {})])
            execution = enrolled(workflow, virtual_clock)

        advance_all()

        row = ActionExecution.objects.get(workflow_execution=execution)
        assert (row.status, row.error_message) == ("failed", "There is no action type gone.")


class TestASurvivorsSelection:
    def claimed(self, virtual_clock: VirtualClock) -> tuple[list[WorkflowExecution], Claim]:
        workflow = ActiveWorkflowFactory(chain=[("sign", {})])
        executions = [enrolled(workflow, virtual_clock, source="") for _ in range(3)]
        return executions, claim_due(now=virtual_clock.now())

    def test_leaves_out_who_was_cancelled_meanwhile(self, virtual_clock: VirtualClock) -> None:
        executions, claim = self.claimed(virtual_clock)
        end_executions(execution_ids=[executions[1].id], reason="cancelled_by_user", now=virtual_clock.now())

        taken = take_claim(claim)

        assert taken.executions == 2
        assert [logged(execution) for execution in executions] == [[("sign", "completed")], [], [("sign", "completed")]]
        assert WorkflowExecution.objects.get(id=executions[1].id).status == "cancelled"

    def test_leaves_out_whose_contact_was_deleted_meanwhile(self, virtual_clock: VirtualClock) -> None:
        executions, claim = self.claimed(virtual_clock)
        gone = executions[0]
        delete_contacts(
            account_id=gone.account_id, actor=SYSTEM, contact_ids=[gone.contact_id], now=virtual_clock.now()
        )

        take_claim(claim)

        gone.refresh_from_db()
        assert (gone.status, gone.completion_reason) == ("cancelled", "contact_deleted")
        assert [logged(execution) for execution in executions] == [[], [("sign", "completed")], [("sign", "completed")]]

    def test_parks_who_stands_in_a_workflow_that_was_paused_meanwhile(self, virtual_clock: VirtualClock) -> None:
        executions, claim = self.claimed(virtual_clock)
        Workflow.objects.update(status="paused")

        taken = take_claim(claim)

        assert taken.steps == 0
        for execution in executions:
            execution.refresh_from_db()
            assert (execution.status, execution.pause_reason) == ("paused", "workflow_paused")
            assert (execution.due_at, execution.paused_due_at) == (None, virtual_clock.now())
        assert not ActionExecution.objects.exists()

    def test_writes_nothing_once_the_lease_is_lost(self, virtual_clock: VirtualClock) -> None:
        _, claim = self.claimed(virtual_clock)
        thief = uuid7()
        WorkflowExecution.objects.update(lease_id=thief)

        taken = take_claim(claim)

        assert taken.executions == 0
        assert set(WorkflowExecution.objects.values_list("lease_id", flat=True)) == {thief}
        assert not ActionExecution.objects.exists()


class TestABadRow:
    def test_fails_alone(self, virtual_clock: VirtualClock) -> None:
        with registered(picky=raise_for({"Bad"})):
            workflow = ActiveWorkflowFactory(chain=[("picky", {}), ("sign", {})])
            names = ["a", "b", "Bad", "c", "d", "e", "Bad", "f", "g"]
            executions = [enrolled(workflow, virtual_clock, first_name=name, source="") for name in names]

            advance_all()

        for name, execution in zip(names, executions, strict=True):
            execution.refresh_from_db()
            execution.contact.refresh_from_db()
            if name == "Bad":
                assert (execution.status, execution.completion_reason) == ("failed", "step_failed")
                assert execution.error_message == "The step raised ValueError; the server's log has the details."
                assert execution.contact.source == ""
            else:
                assert execution.status == "completed"
                assert execution.contact.source == "picky sign "

    def test_leaves_no_trace_in_the_copies_of_its_neighbours(self, virtual_clock: VirtualClock) -> None:
        def look(steps: StepBatch) -> list[Done]:
            return [Done({"source": step.contact.source}) for step in steps]

        with registered(picky=raise_for({"Bad"}), look=look):
            workflow = ActiveWorkflowFactory(chain=[("picky", {}), ("look", {})])
            executions = [enrolled(workflow, virtual_clock, first_name=name, source="") for name in ("a", "Bad", "b")]

            advance_all()

        for execution in (executions[0], executions[2]):
            execution.refresh_from_db()
            assert execution.steps["look"] == {"source": "picky "}

    def test_is_found_when_the_database_refuses_it(self, virtual_clock: VirtualClock) -> None:
        def refuse(steps: StepBatch) -> list[Done]:
            with connection.cursor() as cursor:
                for step in steps:
                    cursor.execute("SELECT 1 / %s", [0 if step.contact.first_name == "Bad" else 1])
            return [Done() for _ in steps]

        with registered(refuse=refuse):
            workflow = ActiveWorkflowFactory(chain=[("refuse", {})])
            executions = [enrolled(workflow, virtual_clock, first_name=name) for name in ("Good", "Bad", "Best")]

            advance_all()

        statuses = [WorkflowExecution.objects.get(id=execution.id).status for execution in executions]
        assert statuses == ["completed", "failed", "completed"]

    def test_is_found_when_its_result_cannot_be_stored(self, virtual_clock: VirtualClock) -> None:
        def return_a_lone_surrogate(steps: StepBatch) -> list[Done]:
            return [Done({"text": "\ud800" if step.contact.first_name == "Bad" else "fine\0"}) for step in steps]

        with registered(odd=return_a_lone_surrogate):
            workflow = ActiveWorkflowFactory(chain=[("odd", {})])
            executions = [enrolled(workflow, virtual_clock, first_name=name) for name in ("Good", "Bad")]

            advance_all()

        for execution in executions:
            execution.refresh_from_db()
        assert [execution.status for execution in executions] == ["completed", "failed"]
        assert executions[0].steps == {"odd": {"text": "fine"}}

    @pytest.mark.parametrize("sqlstate", ["40P01", "40001", "55P03"])
    def test_is_not_blamed_for_passing_trouble(self, virtual_clock: VirtualClock, sqlstate: str) -> None:
        troubles = iter([True, True, False])

        def trouble(steps: StepBatch) -> list[Done]:
            if next(troubles):
                raise psycopg.errors.lookup(sqlstate)("passing trouble")
            return [Done() for _ in steps]

        with registered(trouble=trouble):
            workflow = ActiveWorkflowFactory(chain=[("sign", {}), ("trouble", {})])
            execution = enrolled(workflow, virtual_clock, source="")

            advance_all()

        execution.refresh_from_db()
        execution.contact.refresh_from_db()
        assert execution.status == "completed"
        assert execution.contact.source == "sign "
        assert logged(execution) == [("sign", "completed"), ("trouble", "completed")]
