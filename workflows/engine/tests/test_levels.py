import datetime
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.db import connection
from uuid_utils.compat import uuid7

from workflows.crm.tests.factories import EventFactory
from workflows.engine import clock
from workflows.engine.advance import advance
from workflows.engine.levels import count_levels, counted, levels
from workflows.engine.pulse import record_heartbeat
from workflows.engine.tests.leading import enrolled
from workflows.models import WorkflowDispatch, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.django_db


def seconds(number):
    return datetime.timedelta(seconds=number)


def dispatch(execution, visit, **fields):
    WorkflowDispatch.objects.create(
        id=uuid4(),
        account_id=execution.account_id,
        execution=execution,
        workflow_id=execution.workflow_id,
        action_id=execution.current_action_id,
        visit=visit,
        log_id=uuid4(),
        **fields,
    )


class TestLevels:
    def test_are_nothing_where_nothing_waits(self, virtual_clock):
        found = levels(now=clock.now())
        assert (found.oldest_due_seconds, found.events_waiting, found.oldest_event_seconds) == (0, 0, 0)
        assert found.lane_depths == dict.fromkeys(found.lane_depths, 0)
        assert (found.workers, found.worker_age_seconds, found.expired_leases) == (0, None, 0)

    def test_tell_the_oldest_due_of_all_accounts(self, virtual_clock):
        for late in (10, 40, -60):
            execution = enrolled(ActiveWorkflowFactory(chain=[("sign", {})]), virtual_clock)
            WorkflowExecution.objects.filter(pk=execution.pk).update(due_at=clock.now() - seconds(late))
        assert levels(now=clock.now()).oldest_due_seconds == 40

    def test_tell_each_lanes_depth_and_oldest(self, virtual_clock):
        for number, late in enumerate((5, 25)):
            execution = enrolled(ActiveWorkflowFactory(chain=[("sign", {})]), virtual_clock)
            dispatch(execution, number, lane="http", host=f"{late}.test", due_at=clock.now() - seconds(late))
            dispatch(execution, 9, lane="email", status="sending", due_at=clock.now() - seconds(99))
        found = levels(now=clock.now())
        assert (found.lane_depths["http"], found.lane_oldest_seconds["http"]) == (2, 25)
        assert (found.lane_depths["email"], found.lane_oldest_seconds["email"]) == (0, 0)

    def test_tell_of_events_workers_and_lost_leases(self, virtual_clock):
        record_heartbeat(uuid7())
        EventFactory()
        execution = enrolled(ActiveWorkflowFactory(chain=[("sign", {})]), virtual_clock)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE workflow_executions SET lease_id = %s, lease_until = now() - interval '1 s' WHERE id = %s",
                [uuid4(), execution.id],
            )
        found = levels(now=clock.now())
        assert (found.events_waiting, found.workers, found.expired_leases) == (1, 1, 1)
        assert found.worker_age_seconds < 10

    def test_are_asked_in_four_statements(self, django_assert_num_queries):
        now = clock.now()
        with django_assert_num_queries(4):
            levels(now=now)


class TestCount:
    def test_is_kept_for_who_asks(self, virtual_clock):
        workflow = ActiveWorkflowFactory(chain=[("rest", {"minutes": 5})])
        enrolled(workflow, virtual_clock)
        advance()
        enrolled(workflow, virtual_clock)
        count_levels(now=clock.now())
        last = counted()
        assert last.executions == {"waiting": 1, "queued": 1}
        assert last.at == clock.now()

    def test_rests_longer_the_longer_it_took(self, virtual_clock):
        first = count_levels(now=clock.now())
        cache.set("engine-levels", type(first)(first.at, 2.0, {}, {}), 60)
        assert count_levels(now=first.at + seconds(99)) is None
        assert count_levels(now=first.at + seconds(101)) is not None
