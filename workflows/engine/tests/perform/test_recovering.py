"""Effects whose worker died."""

from collections import Counter
from collections.abc import Iterator

import pytest
from django.db import connection

from accounts.actors import SYSTEM
from workflows.engine.clock import VirtualClock
from workflows.engine.operations import cancel
from workflows.engine.perform.capacity import caps_of
from workflows.engine.perform.lanes import LOST_ONCE_SIZE, LaneRunner, perform_due
from workflows.engine.perform.recovering import recover_dispatches
from workflows.engine.tests.kinds import Outside
from workflows.engine.tests.leading import advance_all, enrolled, logged
from workflows.engine.tests.perform.conftest import Later
from workflows.engine.tests.perform.test_gate import pause, resume
from workflows.models import ActionExecution, WorkflowDispatch, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.django_db

CHAIN = [("call_out", {}), ("sign", {})]


@pytest.fixture
def execution(outside: Outside, virtual_clock: VirtualClock) -> WorkflowExecution:
    execution = enrolled(ActiveWorkflowFactory(chain=CHAIN), virtual_clock)
    advance_all()
    return execution


@pytest.fixture
def honours_keys(outside: Outside) -> Iterator[None]:
    type(outside).honours_keys = True
    yield
    type(outside).honours_keys = False


def die() -> None:
    """Let the leases of everything in hand run out."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE workflow_dispatches SET lease_until = now() - interval '1 s' WHERE lease_id IS NOT NULL")


class TestRecover:
    def test_leaves_leases_that_still_run(self, execution: WorkflowExecution, runner: LaneRunner) -> None:
        runner.turn()
        assert recover_dispatches() == 0
        assert WorkflowDispatch.objects.get().status == "sending"

    def test_lets_claimed_rows_be_claimed_again(
        self, outside: Outside, execution: WorkflowExecution, runner: LaneRunner
    ) -> None:
        runner.claim_more()
        die()

        assert recover_dispatches() == 1
        row = WorkflowDispatch.objects.get()
        assert (row.status, row.lost_leases, row.is_ambiguous, row.request) == ("ready", 1, False, None)
        perform_due("http")

        assert logged(execution) == [("call_out", "completed")]
        assert len(outside.calls) == 1

    @pytest.mark.usefixtures("honours_keys")
    def test_repeats_a_call_by_its_key(
        self, outside: Outside, execution: WorkflowExecution, runner: LaneRunner, later: Later
    ) -> None:
        runner.turn()
        die()
        recover_dispatches()
        log = ActionExecution.objects.get()
        assert (log.status, [attempt["error_class"] for attempt in log.attempts]) == ("pending", ["outcome_unknown"])
        assert WorkflowDispatch.objects.get().is_ambiguous

        perform_due("http")
        later.let_go()  # the dead worker's call arrives late: its result counts for nothing
        runner.turn()

        assert logged(execution) == [("call_out", "completed")]
        assert len(outside.calls) == 2
        assert len(set(outside.calls)) == 1
        assert len(outside.recorded) == 1

    def test_shows_a_call_without_keys_to_a_person(
        self, outside: Outside, execution: WorkflowExecution, runner: LaneRunner
    ) -> None:
        runner.turn()
        die()
        recover_dispatches()
        perform_due("http")

        execution.refresh_from_db()
        log = ActionExecution.objects.get()
        assert (execution.status, execution.pause_reason) == ("paused", "outcome_unknown")
        assert (log.status, log.error_class) == ("failed", "outcome_unknown")
        assert WorkflowDispatch.objects.get().status == "unknown"
        assert outside.calls == []
        assert len(outside.recorded) == 1

    def test_never_repeats_a_call_of_a_cancelled_execution(
        self, outside: Outside, execution: WorkflowExecution, runner: LaneRunner, virtual_clock: VirtualClock
    ) -> None:
        runner.turn()
        cancel(account_id=execution.account_id, actor=SYSTEM, execution_id=execution.id, now=virtual_clock.now())
        die()
        recover_dispatches()
        perform_due("http")

        execution.refresh_from_db()
        assert execution.status == "cancelled"
        assert ActionExecution.objects.get().error_class == "outcome_unknown"
        assert not WorkflowDispatch.objects.exists()

    @pytest.mark.usefixtures("honours_keys")
    def test_keeps_a_call_of_a_paused_workflow_until_it_goes_on(
        self, outside: Outside, execution: WorkflowExecution, runner: LaneRunner, virtual_clock: VirtualClock
    ) -> None:
        runner.turn()
        pause(execution, virtual_clock)
        die()
        recover_dispatches()
        perform_due("http")
        assert outside.calls == []
        assert WorkflowDispatch.objects.get().status == "parked"

        resume(execution, virtual_clock)
        perform_due("http")
        advance_all()
        execution.refresh_from_db()
        assert execution.status == "completed"

    @pytest.mark.usefixtures("honours_keys")
    def test_quarantines_the_call_that_kills_its_worker_three_times_alone(
        self, execution: WorkflowExecution, outside: Outside, later: Later
    ) -> None:
        for death in range(1, 6):
            LaneRunner("http", caller=later, caps=caps_of("http")).turn()
            row = WorkflowDispatch.objects.get()
            assert (row.status, row.lost_leases) == ("sending", death - 1)
            die()
            recover_dispatches()

        execution.refresh_from_db()
        assert (execution.status, execution.completion_reason) == ("failed", "quarantined")
        assert ActionExecution.objects.get().error_class == "quarantined"
        assert not WorkflowDispatch.objects.exists()

    @pytest.mark.usefixtures("honours_keys")
    def test_takes_few_at_a_time_of_what_outlived_a_worker(
        self, outside: Outside, virtual_clock: VirtualClock, later: Later
    ) -> None:
        workflow = ActiveWorkflowFactory(chain=CHAIN)
        for _ in range(LOST_ONCE_SIZE + 12):
            enrolled(workflow, virtual_clock)
        advance_all()
        for deaths, sizes in enumerate(({0: LOST_ONCE_SIZE + 12}, {1: LOST_ONCE_SIZE}, {1: LOST_ONCE_SIZE, 2: 1})):
            runner = LaneRunner("http", caller=later, caps=caps_of("http"))
            for _ in range(4):
                runner.turn()
            in_flight = WorkflowDispatch.objects.filter(status="sending").values_list("lost_leases", flat=True)
            assert Counter(in_flight) == sizes, f"after {deaths} deaths"
            die()
            recover_dispatches()


class TestEnding:
    @pytest.mark.usefixtures("honours_keys")
    def test_gives_back_what_is_repeatable(
        self, outside: Outside, execution: WorkflowExecution, runner: LaneRunner
    ) -> None:
        runner.turn()
        runner.give_up()

        row = WorkflowDispatch.objects.get()
        assert (row.status, row.lease_id, row.lost_leases, row.is_ambiguous) == ("ready", None, 0, True)

    def test_shows_what_is_not(self, outside: Outside, execution: WorkflowExecution, runner: LaneRunner) -> None:
        runner.turn()
        runner.give_up()

        execution.refresh_from_db()
        assert (execution.status, execution.pause_reason) == ("paused", "outcome_unknown")

    def test_releases_what_was_not_begun(
        self, outside: Outside, execution: WorkflowExecution, runner: LaneRunner
    ) -> None:
        runner.claim_more()
        runner.give_up()

        assert WorkflowDispatch.objects.get().status == "ready"
