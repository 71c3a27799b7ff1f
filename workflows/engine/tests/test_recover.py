"""Taking over what dead workers held."""

from collections.abc import Callable

import pytest
from django.db import connection

from workflows.actions.base import StepBatch
from workflows.actions.outcomes import Done
from workflows.engine.advance import take_claim
from workflows.engine.claim import claim_due
from workflows.engine.clock import VirtualClock
from workflows.engine.leases import give_back
from workflows.engine.recover import GROUP_SIZE, recover
from workflows.engine.tests.kinds import registered
from workflows.engine.tests.leading import enrolled, logged
from workflows.models import ActionExecution, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.django_db


class WorkerDied(BaseException):
    """Stands for a kill -9: nothing of the process's code runs any more."""


def let_leases_expire() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE workflow_executions SET lease_until = now() - interval '1 s' WHERE lease_id IS NOT NULL")


def until_it_lives(call: Callable[[], object]) -> int:
    """Call again after each death; return how many there were."""
    deaths = 0
    while True:
        try:
            call()
            return deaths
        except WorkerDied:
            deaths += 1
            let_leases_expire()


class TestRecover:
    def test_goes_on_with_the_work_of_a_dead_worker(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(chain=[("sign", {}), ("sign", {})])
        executions = [enrolled(workflow, virtual_clock) for _ in range(3)]
        claim_due(now=virtual_clock.now())
        assert recover() == 0
        let_leases_expire()

        assert recover() == 3

        for execution in executions:
            execution.refresh_from_db()
            assert (execution.status, execution.lost_leases) == ("completed", 0)
            assert logged(execution) == [("sign", "completed"), ("sign_2", "completed")]

    def test_leaves_leases_that_still_run(self, virtual_clock: VirtualClock) -> None:
        enrolled(ActiveWorkflowFactory(chain=[("sign", {})]), virtual_clock)
        claim = claim_due(now=virtual_clock.now())

        assert recover() == 0
        assert WorkflowExecution.objects.get().lease_id == claim.lease_id

    def test_quarantines_the_step_that_kills_its_worker_and_nobody_else(self, virtual_clock: VirtualClock) -> None:
        deaths = []

        def die_of_the_bad(steps: StepBatch) -> list[Done]:
            if any(step.contact.first_name == "Bad" for step in steps):
                deaths.append(len(steps))
                raise WorkerDied
            return [Done() for _ in steps]

        with registered(deadly=die_of_the_bad):
            workflow = ActiveWorkflowFactory(chain=[("deadly", {})])
            others = [enrolled(workflow, virtual_clock) for _ in range(GROUP_SIZE + 10)]
            bad = enrolled(workflow, virtual_clock, first_name="Bad")

            until_it_lives(lambda: take_claim(claim_due(now=virtual_clock.now())))
            until_it_lives(recover)

        bad.refresh_from_db()
        row = ActionExecution.objects.get(workflow_execution=bad)
        assert len(deaths) == 3
        assert deaths[2] == 1
        assert (bad.status, bad.completion_reason) == ("failed", "quarantined")
        assert (row.status, row.error_class) == ("failed", "quarantined")
        assert row.error_message == "The step stopped its worker 3 times."
        assert {WorkflowExecution.objects.get(id=execution.id).status for execution in others} == {"completed"}

    def test_forgets_deaths_once_a_step_succeeded(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(chain=[("sign", {}), ("rest", {"minutes": 1}), ("sign", {})])
        execution = enrolled(workflow, virtual_clock)
        for _ in range(4):
            claim_due(now=virtual_clock.now())
            let_leases_expire()
            recover()
            execution.refresh_from_db()
            assert execution.lost_leases == 0
            virtual_clock.advance(minutes=1)

        assert execution.status == "completed"


class TestGivingBack:
    def test_makes_the_work_due_again(self, virtual_clock: VirtualClock) -> None:
        execution = enrolled(ActiveWorkflowFactory(chain=[("sign", {})]), virtual_clock)
        claim = claim_due(now=virtual_clock.now())

        give_back(lease_id=claim.lease_id)

        execution.refresh_from_db()
        assert (execution.lease_id, execution.due_at, execution.lost_leases) == (None, virtual_clock.now(), 0)
        assert len(claim_due(now=virtual_clock.now())) == 1
