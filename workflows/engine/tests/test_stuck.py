"""What `find_stuck` finds: nothing in a healthy world, and each kind where one is made by hand."""

import datetime
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from uuid_utils.compat import uuid7

from workflows.crm.models import Import
from workflows.crm.tests.factories import EventFactory, ImportFactory
from workflows.engine import clock
from workflows.engine.claim import claim_due
from workflows.engine.pulse import record_heartbeat
from workflows.engine.stuck import SAMPLES, find_stuck
from workflows.engine.tests.leading import advance_all, enrolled
from workflows.messaging.models import Message
from workflows.messaging.tests.factories import MessageFactory
from workflows.models import Workflow, WorkflowDispatch, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.django_db

HOUR = datetime.timedelta(hours=1)


@pytest.fixture(autouse=True)
def worker(db):
    record_heartbeat(uuid7())


@pytest.fixture
def workflow():
    return ActiveWorkflowFactory(chain=[("rest", {"minutes": 600}), ("sign", {})])


@pytest.fixture
def waiting(workflow, virtual_clock):
    execution = enrolled(workflow, virtual_clock)
    advance_all()
    execution.refresh_from_db()
    assert execution.status == "waiting"
    return execution


def change(row, **values):
    type(row).objects.filter(pk=row.pk).update(**values)


def run_sql(statement, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def found():
    return {finding.kind: finding for finding in find_stuck(now=clock.now())}


def dispatch_of(execution, **fields):
    return WorkflowDispatch.objects.create(
        id=uuid4(),
        account_id=execution.account_id,
        execution=execution,
        workflow_id=execution.workflow_id,
        action_id=execution.current_action_id,
        visit=9,
        log_id=uuid4(),
        lane="http",
        **{"due_at": clock.now(), **fields},
    )


def only(kind, row):
    findings = found()
    assert set(findings) == {kind}
    assert (findings[kind].number, list(findings[kind].samples)) == (1, [str(row.pk)])


class TestFindStuck:
    def test_finds_nothing_where_all_is_well(self, waiting, workflow, virtual_clock):
        enrolled(workflow, virtual_clock)  # due
        claim_due(now=virtual_clock.now())  # in hand
        dispatch_of(waiting, status="scheduled")
        EventFactory(account=workflow.account)
        ImportFactory(account=workflow.account)
        assert found() == {}

    def test_tells_that_no_worker_is_there(self):
        run_sql("UPDATE workflow_worker_heartbeats SET seen_at = now() - interval '1 minute'")
        assert set(found()) == {"no_worker"}

    @pytest.mark.parametrize("status", ["queued", "active", "waiting"])
    def test_finds_executions_without_a_time_and_without_a_lease(self, status, waiting, virtual_clock):
        change(waiting, status=status, due_at=None, updated_at=clock.now() - HOUR)
        only("execution_adrift", waiting)

    @pytest.mark.parametrize(("status", "is_adrift"), [("ready", False), ("scheduled", True), ("parked", True)])
    def test_asks_whether_a_lane_will_move_it_on(self, status, is_adrift, waiting):
        change(waiting, due_at=None, updated_at=clock.now() - HOUR)
        dispatch_of(waiting, status=status)
        assert set(found()) == ({"execution_adrift"} if is_adrift else set())

    def test_gives_what_has_just_moved_its_time(self, waiting):
        change(waiting, due_at=None, updated_at=clock.now())
        assert found() == {}

    @pytest.mark.parametrize("status", ["paused", "completed", "failed", "cancelled"])
    def test_leaves_those_that_rest_or_have_ended(self, status, waiting):
        change(waiting, status=status, due_at=None, updated_at=clock.now() - HOUR)
        assert found() == {}

    @pytest.mark.parametrize(("minutes", "is_found"), [(0.5, False), (2, True)])
    def test_finds_leases_that_nobody_took_over(self, minutes, is_found, waiting):
        lease = {"lease_id": uuid4(), "lease_until": datetime.datetime.now(datetime.UTC)}
        change(waiting, due_at=clock.now(), **lease)
        dispatch = dispatch_of(waiting, status="claimed", **lease)
        run_sql("UPDATE workflow_executions SET lease_until = now() - make_interval(secs => %s)", minutes * 60)
        run_sql("UPDATE workflow_dispatches SET lease_until = now() - make_interval(secs => %s)", minutes * 60)
        findings = found()
        assert set(findings) == ({"execution_lease_expired", "dispatch_lease_expired"} if is_found else set())
        if is_found:
            assert list(findings["dispatch_lease_expired"].samples) == [str(dispatch.pk)]

    def test_finds_what_is_overdue_for_long(self, waiting):
        change(waiting, due_at=clock.now() - HOUR)
        only("execution_overdue", waiting)

    @pytest.mark.parametrize("status", ["paused", "draft"])
    def test_lets_workflows_rest_that_are_not_active(self, status, waiting, workflow):
        change(waiting, due_at=clock.now() - HOUR)
        change(workflow, status=status)
        assert found() == {}

    def test_finds_calls_that_nobody_takes(self, waiting):
        only("dispatch_overdue", dispatch_of(waiting, due_at=clock.now() - HOUR))

    def test_finds_calls_that_take_for_ever(self, waiting):
        dispatch = dispatch_of(
            waiting,
            status="sending",
            due_at=clock.now() - HOUR,
            lease_id=uuid4(),
            lease_until=datetime.datetime.now(datetime.UTC) + HOUR,
        )
        only("dispatch_sending_long", dispatch)

    def test_finds_events_that_nobody_was_told_of(self, workflow):
        event = EventFactory(account=workflow.account)
        run_sql("UPDATE crm_event SET created_at = now() - interval '6 minutes'")
        only("event_untold", event)

    @pytest.mark.parametrize(
        ("status", "total", "hours", "is_found"),
        [
            ("queued", 0, 1, True),
            ("running", 0, 1, True),
            ("running", 5, 1, False),
            ("running", 5, 7, True),
            ("completed", 5, 7, False),
        ],
    )
    def test_finds_imports_that_do_not_get_on(self, status, total, hours, is_found, workflow):
        job = ImportFactory(account=workflow.account, status=status, total=total)
        Import.objects.filter(pk=job.pk).update(created_at=datetime.datetime.now(datetime.UTC) - hours * HOUR)
        assert set(found()) == ({"import_resting"} if is_found else set())

    def test_finds_messages_whose_call_is_gone(self, waiting):
        message = MessageFactory(account=waiting.account, status="queued", execution_id=waiting.id)
        Message.objects.filter(pk=message.pk).update(created_at=clock.now() - HOUR)
        only("message_without_call", message)
        dispatch_of(waiting).delete()
        WorkflowDispatch.objects.filter(pk=dispatch_of(waiting, status="scheduled").pk).update(id=message.pk)
        assert found() == {}

    def test_finds_jobs_of_workers_that_are_gone(self):
        run_sql(
            """
            INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('steps', 'x', 'doing')
            """
        )
        assert set(found()) == {"job_of_dead_worker"}

    def test_finds_executions_at_a_step_that_is_not_there(self, waiting):
        change(waiting, current_action_id=uuid4())
        only("execution_at_missing_step", waiting)

    def test_finds_executions_left_behind_by_a_resume(self, waiting):
        change(waiting, status="paused", pause_reason="workflow_paused", due_at=None)
        only("execution_left_paused", waiting)

    def test_names_some_and_counts_all(self, workflow, virtual_clock):
        executions = [enrolled(workflow, virtual_clock) for _ in range(SAMPLES + 2)]
        WorkflowExecution.objects.update(due_at=clock.now() - HOUR)
        finding = found()["execution_overdue"]
        assert (finding.number, len(finding.samples)) == (len(executions), SAMPLES)

    def test_asks_as_often_however_much_there_is(self, workflow, virtual_clock, django_assert_num_queries):
        for _ in range(20):
            enrolled(workflow, virtual_clock)
        list(find_stuck(now=clock.now()))  # plans are read once
        with django_assert_num_queries(13):
            list(find_stuck(now=clock.now()))


class TestCommand:
    def test_ends_well_where_nothing_is_stuck(self, waiting, capsys):
        call_command("find_stuck")
        assert capsys.readouterr().out == "Nothing is stuck.\n"

    def test_says_what_is_stuck_and_what_to_do_and_ends_with_one(self, waiting, capsys):
        change(waiting, due_at=clock.now() - HOUR)
        with pytest.raises(CommandError) as refusal:
            call_command("find_stuck")
        assert refusal.value.returncode == 1
        line = capsys.readouterr().out
        assert line.startswith(
            f"execution_overdue: 1 – executions are due since more than 10 minutes (e.g. {waiting.id})"
        )
        assert "Add workers" in line
        assert line.count("\n") == 1

    def test_changes_nothing(self, waiting):
        change(waiting, due_at=None, updated_at=clock.now() - HOUR)
        before = WorkflowExecution.objects.values().get(pk=waiting.pk)
        with pytest.raises(CommandError):
            call_command("find_stuck")
        assert WorkflowExecution.objects.values().get(pk=waiting.pk) == before
        assert Workflow.objects.get().status == "active"
