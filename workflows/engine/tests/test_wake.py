"""Waking the workers."""

import pytest
from django.db import connection, transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from workflows.crm.tests.factories import ContactFactory
from workflows.engine import stopping
from workflows.engine.clock import VirtualClock
from workflows.engine.pulse import due_ticks, record_heartbeat
from workflows.engine.recover import revive_jobs
from workflows.engine.tests.leading import enrolled
from workflows.engine.tests.test_dispatch import record
from workflows.engine.ticks import app
from workflows.engine.wake import TASK_NAMESPACE, Tick, wake
from workflows.models import WorkerHeartbeat, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory


def queued() -> list[tuple[str, dict[str, str]]]:
    return [(job.task_name.rpartition(".")[2], job.args) for job in ProcrastinateJob.objects.order_by("id")]


@pytest.fixture
def no_jobs() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("no_jobs")
class TestWake:
    def test_queues_a_tick_once_the_transaction_has_committed(self) -> None:
        with transaction.atomic():
            wake(Tick.ADVANCE)
            assert queued() == []
        assert queued() == [("advance", {})]

    def test_queues_nothing_when_the_transaction_is_undone(self) -> None:
        with transaction.atomic():
            wake(Tick.ADVANCE)
            transaction.set_rollback(True)
        assert queued() == []

    def test_queues_each_tick_once_for_its_arguments(self) -> None:
        for workflow_id in ("a", "b", "a"):
            wake(Tick.SETTLE_WORKFLOW, workflow_id=workflow_id)
        wake(Tick.ADVANCE)
        wake(Tick.ADVANCE)

        assert queued() == [
            ("settle_workflow", {"workflow_id": "a"}),
            ("settle_workflow", {"workflow_id": "b"}),
            ("advance", {}),
        ]

    def test_never_ends_the_callers_work_when_the_database_refuses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("workflows.engine.wake.is_queued", lambda lock: False)
        wake(Tick.ADVANCE)
        wake(Tick.ADVANCE)

        assert queued() == [("advance", {})]

    def test_every_tick_has_a_task(self) -> None:
        assert {f"{TASK_NAMESPACE}.{tick}" for tick in Tick} <= set(app.tasks)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("no_jobs")
class TestReviveJobs:
    def begun(self, tick: Tick, **arguments: str) -> None:
        wake(tick, **arguments)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE status = 'todo'")

    def test_queues_again_what_nobody_else_would(self) -> None:
        self.begun(Tick.SETTLE_WORKFLOW, workflow_id="a")

        revive_jobs()

        assert [(job.status, job.args) for job in ProcrastinateJob.objects.all()] == [("todo", {"workflow_id": "a"})]

    def test_removes_what_the_pulse_queues_by_itself(self) -> None:
        self.begun(Tick.ADVANCE)

        revive_jobs()

        assert queued() == []

    def test_removes_lanes_since_the_pulse_queues_them_as_well(self) -> None:
        self.begun(Tick.PERFORM, lane="http")

        revive_jobs()

        assert queued() == []

    def test_queues_once_what_two_workers_had_begun(self) -> None:
        self.begun(Tick.SETTLE_WORKFLOW, workflow_id="a")
        self.begun(Tick.SETTLE_WORKFLOW, workflow_id="a")

        revive_jobs()

        assert [job.status for job in ProcrastinateJob.objects.all()] == ["todo"]

    def test_removes_what_is_queued_again_already(self) -> None:
        self.begun(Tick.SETTLE_WORKFLOW, workflow_id="a")
        wake(Tick.SETTLE_WORKFLOW, workflow_id="a")

        revive_jobs()

        assert [job.status for job in ProcrastinateJob.objects.all()] == ["todo"]


@pytest.mark.django_db
class TestPulse:
    def test_sees_what_is_due(self, virtual_clock: VirtualClock) -> None:
        assert due_ticks() == []
        enrolled(ActiveWorkflowFactory(chain=[("sign", {})]), virtual_clock)
        assert due_ticks() == [Tick.ADVANCE]
        record(ContactFactory(), 1)
        assert due_ticks() == [Tick.ADVANCE, Tick.DISPATCH]
        WorkflowExecution.objects.update(lease_id=WorkflowExecution.objects.get().id, lease_until="2020-01-01T00:00Z")
        assert due_ticks() == [Tick.DISPATCH, Tick.RECOVER]

    def test_records_that_the_worker_lives_and_forgets_the_dead(self) -> None:
        living = WorkflowExecution._meta.get_field("id").default()
        dead = WorkflowExecution._meta.get_field("id").default()
        record_heartbeat(dead)
        WorkerHeartbeat.objects.update(seen_at="2020-01-01T00:00Z")
        record_heartbeat(living)
        record_heartbeat(living)

        assert list(WorkerHeartbeat.objects.values_list("id", flat=True)) == [living]

    def test_a_worker_is_not_stopping_unless_told(self) -> None:
        assert not stopping.is_stopping()
