"""What the engine counts of its own work: read back from the counters, as a difference."""

from collections.abc import Callable

import pytest
from django.db import transaction
from prometheus_client import REGISTRY

from workflows.actions.outcomes import Done
from workflows.actions.outside import CallFailed, ErrorClass, Permanent, Retryable
from workflows.engine.clock import VirtualClock
from workflows.engine.perform.lanes import perform_due
from workflows.engine.tests.kinds import Outside, registered_type
from workflows.engine.tests.leading import advance_all, enrolled
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.django_db

Counted = Callable[..., float]


@pytest.fixture
def counted() -> Counted:
    """Return by how much a counter went up since the test began; 0 for one that has no such labels."""
    before = {(sample.name, *sample.labels.items()): sample.value for sample in samples()}

    def since(name: str, **labels: str) -> float:
        name = f"followthrough_{name}"
        now = [each for each in samples() if each.name == name and each.labels == labels]
        return sum(each.value - before.get((each.name, *each.labels.items()), 0.0) for each in now)

    return since


def samples():
    return [sample for metric in REGISTRY.collect() for sample in metric.samples]


def go_on() -> None:
    advance_all()
    perform_due("http")
    advance_all()


def fail_with(outside: Outside, *failures: CallFailed) -> None:
    coming = iter(failures)

    def call(payload, key):
        for failure in coming:
            raise failure
        return Done({"answer": "ok"})

    outside.call = call


@pytest.fixture
def outside():
    kind = Outside()
    with registered_type(kind):
        yield kind


class TestSteps:
    def test_are_counted_by_type_and_status(self, counted: Counted, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(chain=[("sign", {}), ("pass_by", {}), ("sign", {}), ("break_down", {})])
        for _ in range(3):
            enrolled(workflow, virtual_clock)
        advance_all()
        assert counted("steps_total", type="sign", status="completed") == 6
        assert counted("steps_total", type="pass_by", status="skipped") == 3
        assert counted("steps_total", type="break_down", status="failed") == 3
        assert counted("step_errors_total", error_class="rejected") == 3
        assert counted("executions_ended_total", status="failed", reason="step_failed") == 3

    def test_that_wait_are_counted_as_they_begin_and_end(self, counted: Counted, virtual_clock: VirtualClock) -> None:
        enrolled(ActiveWorkflowFactory(chain=[("rest", {"minutes": 5})]), virtual_clock)
        advance_all()
        assert counted("steps_total", type="rest", status="waiting") == 1
        assert counted("steps_total", type="rest", status="completed") == 0
        virtual_clock.advance(minutes=6)
        advance_all()
        assert counted("steps_total", type="rest", status="waiting") == 1
        assert counted("steps_total", type="rest", status="completed") == 1
        assert counted("executions_ended_total", status="completed", reason="finished") == 1

    def test_of_batches_that_are_rolled_back_are_not_counted(
        self, counted: Counted, virtual_clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*arguments: object) -> None:
            raise RuntimeError

        enrolled(ActiveWorkflowFactory(chain=[("sign", {})]), virtual_clock)
        monkeypatch.setattr("workflows.engine.batches.write_runs", fail)
        with pytest.raises(RuntimeError):
            advance_all()
        assert counted("steps_total", type="sign", status="completed") == 0


class TestCalls:
    def test_count_each_failed_try_and_each_that_is_repeated(
        self, counted: Counted, outside: Outside, virtual_clock: VirtualClock
    ) -> None:
        fail_with(outside, Retryable(ErrorClass.UNAVAILABLE, "503"), Retryable(ErrorClass.TIMEOUT, "late"))
        enrolled(ActiveWorkflowFactory(chain=[("call_out", {})]), virtual_clock)
        for _ in range(3):
            go_on()
            virtual_clock.advance(hours=1)
        assert counted("step_errors_total", error_class="unavailable") == 1
        assert counted("step_errors_total", error_class="timeout") == 1
        assert counted("step_retries_total") == 2
        assert counted("steps_total", type="call_out", status="scheduled") == 2
        assert counted("steps_total", type="call_out", status="completed") == 1
        assert counted("call_seconds_count", lane="http") == 3

    def test_that_fail_for_good_count_one_error_and_no_retry(
        self, counted: Counted, outside: Outside, virtual_clock: VirtualClock
    ) -> None:
        fail_with(outside, Permanent(ErrorClass.AUTHENTICATION, "401"))
        enrolled(ActiveWorkflowFactory(chain=[("call_out", {})]), virtual_clock)
        go_on()
        assert counted("step_errors_total", error_class="authentication") == 1
        assert counted("step_retries_total") == 0
        assert counted("steps_total", type="call_out", status="failed") == 1


class TestEnrollments:
    def test_are_counted_once_they_are_committed(
        self, counted: Counted, virtual_clock: VirtualClock, django_capture_on_commit_callbacks: Callable[..., object]
    ) -> None:
        workflow = ActiveWorkflowFactory()
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
            enrolled(workflow, virtual_clock)
            assert counted("enrollments_total") == 0
        assert counted("enrollments_total") == 1

    def test_are_not_counted_when_they_are_undone(self, counted: Counted, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory()
        with transaction.atomic():
            enrolled(workflow, virtual_clock)
            transaction.set_rollback(True)
        assert counted("enrollments_total") == 0
