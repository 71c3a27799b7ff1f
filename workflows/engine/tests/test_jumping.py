"""Steps that say where the contact goes on, and steps that are asked again when their wait is over."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from pytest_django import Settings

from workflows.actions.base import StepBatch
from workflows.actions.outcomes import Done, End, Jump, Outcome, SkipNext, WaitUntil
from workflows.actions.registry import registry
from workflows.engine.clock import VirtualClock
from workflows.engine.tests.kinds import registered
from workflows.engine.tests.leading import advance_all, enrolled, logged
from workflows.models import ActionExecution, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory, publish

pytestmark = pytest.mark.django_db


def jump(steps: StepBatch) -> list[Outcome]:
    return [Jump(steps.config["to"], {"target_key": steps.config["to"]}) for _ in steps]


def skip_next(steps: StepBatch) -> list[Outcome]:
    return [SkipNext({"skipped_next": True}) for _ in steps]


@pytest.fixture(autouse=True)
def jumping_kinds(test_kinds: None) -> Iterator[None]:
    with registered(jump=jump, skip_next=skip_next):
        yield


class TestJumping:
    def test_goes_on_at_the_step_with_the_key(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(chain=[("jump", {"to": "sign_2"}), ("sign", {}), ("sign", {})])
        execution = enrolled(workflow, virtual_clock, source="")

        advance_all()

        execution.refresh_from_db()
        execution.contact.refresh_from_db()
        assert logged(execution) == [("jump", "completed"), ("sign_2", "completed")]
        assert execution.contact.source == "sign_2 "
        assert (execution.status, execution.completion_reason, execution.jumps) == ("completed", "finished", 1)
        assert execution.steps["jump"] == {"target_key": "sign_2"}

    def test_goes_back_behind_a_wait(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(chain=[("sign", {}), ("rest", {"minutes": 5}), ("jump", {"to": "sign"})])
        execution = enrolled(workflow, virtual_clock)

        advance_all()
        virtual_clock.advance(minutes=5)
        advance_all()

        execution.refresh_from_db()
        assert logged(execution) == [
            ("sign", "completed"),
            ("rest", "completed"),
            ("jump", "completed"),
            ("sign", "completed"),
            ("rest", "waiting"),
        ]
        assert (execution.status, execution.jumps) == ("waiting", 1)

    def test_ends_who_jumps_too_often(self, virtual_clock: VirtualClock, settings: Settings) -> None:
        settings.ENGINE = {**settings.ENGINE, "maximum_jumps": 3}
        workflow = ActiveWorkflowFactory(chain=[("sign", {}), ("jump", {"to": "sign"})])
        workflow.actions.filter(key="jump").update(on_error="continue")
        publish(workflow)
        execution = enrolled(workflow, virtual_clock)

        advance_all()

        execution.refresh_from_db()
        assert logged(execution) == [("sign", "completed"), ("jump", "completed")] * 3 + [
            ("sign", "completed"),
            ("jump", "failed"),
        ]
        assert (execution.status, execution.completion_reason) == ("failed", "loop_limit")
        assert execution.error_message == "The contact jumped more than 3 times."
        assert ActionExecution.objects.get(status="failed").error_class == "loop_limit"

    def test_fails_where_the_step_is_gone(self, virtual_clock: VirtualClock) -> None:
        execution = enrolled(ActiveWorkflowFactory(chain=[("jump", {"to": "nowhere"})]), virtual_clock)

        advance_all()

        execution.refresh_from_db()
        assert (execution.status, execution.completion_reason) == ("failed", "step_failed")
        assert execution.error_message == "No step has the key 'nowhere'."


class TestSkippingTheNext:
    def test_passes_it_by(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(chain=[("skip_next", {}), ("sign", {}), ("sign", {})])
        execution = enrolled(workflow, virtual_clock)

        advance_all()

        execution.refresh_from_db()
        assert logged(execution) == [("skip_next", "completed"), ("sign", "skipped"), ("sign_2", "completed")]
        passed = ActionExecution.objects.get(action_key="sign")
        assert (passed.action_type, passed.visit, passed.result_data) == ("sign", 1, {"reason": "skip_next"})
        assert execution.steps["sign"] == {"reason": "skip_next"}
        assert (execution.status, execution.visits) == ("completed", 3)

    def test_completes_where_there_is_none(self, virtual_clock: VirtualClock) -> None:
        execution = enrolled(ActiveWorkflowFactory(chain=[("skip_next", {})]), virtual_clock)

        advance_all()

        execution.refresh_from_db()
        assert logged(execution) == [("skip_next", "completed")]
        assert (execution.status, execution.completion_reason) == ("completed", "finished")


class TestAskingAgain:
    @pytest.fixture
    def target(self) -> dict[str, datetime | Outcome]:
        """What the type `patient` waits for; it can be changed meanwhile."""
        return {}

    @pytest.fixture(autouse=True)
    def patient(self, target: dict[str, datetime | Outcome]) -> Iterator[None]:
        def wait(steps: StepBatch) -> list[Outcome]:
            wanted = target["at"]
            if not isinstance(wanted, datetime):
                return [wanted] * len(steps)
            if wanted > steps.now:
                return [WaitUntil(wanted, {"until": wanted.isoformat()})] * len(steps)
            return [Done({"is_resumed": step.is_resumed}) for step in steps]

        with registered(patient=wait):
            type(registry.get("patient")).asks_again = True
            yield

    def test_completes_the_visit_it_began(
        self, virtual_clock: VirtualClock, target: dict[str, datetime | Outcome]
    ) -> None:
        target["at"] = virtual_clock.now() + timedelta(hours=1)
        execution = enrolled(ActiveWorkflowFactory(chain=[("patient", {}), ("sign", {})]), virtual_clock)
        advance_all()
        assert logged(execution) == [("patient", "waiting")]

        virtual_clock.advance(hours=1)
        advance_all()

        execution.refresh_from_db()
        assert logged(execution) == [("patient", "completed"), ("sign", "completed")]
        assert execution.steps["patient"] == {"is_resumed": True}
        row = ActionExecution.objects.get(action_key="patient")
        assert (row.visit, row.result_data, row.duration_ms) == (0, {"is_resumed": True}, 3_600_000)
        assert (execution.status, execution.visits, execution.waiting_log_id) == ("completed", 2, None)

    def test_waits_on_in_the_same_visit_when_it_says_so(
        self, virtual_clock: VirtualClock, target: dict[str, datetime | Outcome]
    ) -> None:
        first, second = virtual_clock.now() + timedelta(hours=1), virtual_clock.now() + timedelta(hours=3)
        target["at"] = first
        execution = enrolled(ActiveWorkflowFactory(chain=[("patient", {})]), virtual_clock)
        advance_all()
        WorkflowExecution.objects.filter(id=execution.id).update(due_at=virtual_clock.now())  # woken early
        target["at"] = second
        advance_all()

        execution.refresh_from_db()
        row = ActionExecution.objects.get()
        assert (execution.status, execution.due_at, execution.visits) == ("waiting", second, 1)
        assert (row.status, row.scheduled_at, row.result_data) == ("waiting", second, {"until": second.isoformat()})
        assert execution.waiting_log_id == row.id

    def test_ends_or_passes_by_as_it_says(
        self, virtual_clock: VirtualClock, target: dict[str, datetime | Outcome]
    ) -> None:
        workflow = ActiveWorkflowFactory(chain=[("patient", {}), ("sign", {})])
        target["at"] = virtual_clock.now() + timedelta(hours=1)
        ended, passing = enrolled(workflow, virtual_clock), enrolled(workflow, virtual_clock)
        advance_all()
        WorkflowExecution.objects.filter(id=ended.id).update(due_at=virtual_clock.now())
        target["at"] = End("too late", {"target": "x"})
        advance_all()
        WorkflowExecution.objects.filter(id=passing.id).update(due_at=virtual_clock.now())
        target["at"] = SkipNext()
        advance_all()

        ended.refresh_from_db()
        assert (ended.status, ended.completion_reason) == ("completed", "ended_by_step")
        assert ActionExecution.objects.get(workflow_execution=ended).result_data == {
            "target": "x",
            "reason": "too late",
        }
        assert logged(passing) == [("patient", "completed"), ("sign", "skipped")]
