"""Steps over a sending limit: they wait in the lane for seconds, else `scheduled`, and are never failed or tried."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.actors import SYSTEM
from accounts.models import Account
from accounts.tenancy import system_scope
from workflows.actions.outcomes import Done
from workflows.actions.outside import ErrorClass, Lane, Retryable
from workflows.engine.clock import VirtualClock
from workflows.engine.operations import cancel
from workflows.engine.perform.capacity import caps_of
from workflows.engine.perform.holding_back import KEPT_SECONDS, hold_to_pace
from workflows.engine.perform.lanes import LaneRunner, perform_due
from workflows.engine.tests.conftest import START
from workflows.engine.tests.kinds import Outside, registered_type
from workflows.engine.tests.leading import advance_all, enrolled, logged
from workflows.engine.tests.perform.conftest import Later
from workflows.messaging.breaker import Circuit
from workflows.messaging.models import CircuitBreaker, SendingSlot
from workflows.messaging.tests.factories import ConnectionFactory
from workflows.models import ActionExecution, Workflow, WorkflowDispatch, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.django_db

LIMIT = 2


@pytest.fixture
def texting() -> Iterator[Outside]:
    """`call_out` in the lane of SMS, which has limits."""
    kind = Outside()
    kind.lane = Lane.SMS  # type: ignore[misc]  # of this one alone
    with registered_type(kind):
        yield kind


@pytest.fixture
def slow(account: Account) -> Account:
    account.sms_per_second = LIMIT
    account.save()
    return account


def lane(later: Later) -> LaneRunner:
    return LaneRunner("sms", caller=later, caps=caps_of("sms"))


def queue(account: Account, clock: VirtualClock, count: int, **config: Any) -> list[WorkflowExecution]:
    workflow: Workflow = ActiveWorkflowFactory(account=account, chain=[("call_out", config), ("sign", {})])
    executions = [enrolled(workflow, clock) for _ in range(count)]
    advance_all()
    return executions


def live_second(clock: VirtualClock) -> None:
    perform_due("sms")
    clock.advance(seconds=1)
    advance_all()


class TestAccounts:
    def test_send_as_much_as_their_limit_in_a_second(
        self, texting: Outside, slow: Account, virtual_clock: VirtualClock
    ) -> None:
        queue(slow, virtual_clock, 5)
        for sent in (2, 2, 4, 4, 5):
            perform_due("sms")
            assert len(texting.calls) == sent
            virtual_clock.advance(seconds=0.5)

    def test_delay_nobody_else(
        self, texting: Outside, slow: Account, other_account: Account, virtual_clock: VirtualClock
    ) -> None:
        queue(slow, virtual_clock, 5)
        others = queue(other_account, virtual_clock, 5)

        perform_due("sms")

        sent = Counter(WorkflowDispatch.objects.values_list("account_id", flat=True))
        assert sent == {slow.id: 3}
        assert [logged(each)[0] for each in others] == [("call_out", "completed")] * 5

    def test_share_their_limit_over_all_processes(
        self, texting: Outside, slow: Account, virtual_clock: VirtualClock
    ) -> None:
        queue(slow, virtual_clock, 5)
        calls = [Later(), Later(), Later()]
        for later in calls:
            lane(later).turn()
        assert sum(len(later.jobs) for later in calls) == LIMIT

    def test_get_a_slot_back_a_second_after_its_call_ended(
        self, texting: Outside, slow: Account, virtual_clock: VirtualClock, later: Later
    ) -> None:
        queue(slow, virtual_clock, 3)
        runner = lane(later)
        for _ in range(LIMIT):
            runner.turn()
        virtual_clock.advance(seconds=2)  # the calls take so long
        later.let_go()
        runner.turn(claims=False)

        perform_due("sms")
        assert len(texting.calls) == 2
        virtual_clock.advance(seconds=1)
        perform_due("sms")
        assert len(texting.calls) == 3

    def test_prepare_only_what_may_go_soon(
        self, texting: Outside, slow: Account, virtual_clock: VirtualClock, later: Later
    ) -> None:
        queue(slow, virtual_clock, 6)
        runner = lane(later)
        for _ in range(5):
            runner.turn()
        assert len(later.jobs) == LIMIT
        assert WorkflowDispatch.objects.filter(status="claimed").count() == 1


class TestConnections:
    def test_keep_to_their_own_limit_within_the_accounts(
        self, texting: Outside, account: Account, virtual_clock: VirtualClock
    ) -> None:
        long_code = ConnectionFactory(account=account, messages_per_second=1)
        queue(account, virtual_clock, 3, host=str(long_code.id))
        queue(account, virtual_clock, 3, host=str(ConnectionFactory(account=account).id))

        perform_due("sms")
        assert len(texting.calls) == 4
        virtual_clock.advance(seconds=1)
        perform_due("sms")
        assert len(texting.calls) == 5


class TestWhatExceedsTheLimitByFar:
    def test_gets_its_turn_at_the_limits_pace(
        self, texting: Outside, slow: Account, virtual_clock: VirtualClock
    ) -> None:
        queue(slow, virtual_clock, 20)
        for _ in range(3):
            perform_due("sms")

        held = ActionExecution.objects.filter(status="scheduled").order_by("scheduled_at")
        turns = [log.scheduled_at - START for log in held]
        assert turns == [timedelta(seconds=KEPT_SECONDS + number / LIMIT) for number in range(1, len(turns) + 1)]
        assert WorkflowDispatch.objects.filter(status="ready").count() == LIMIT * KEPT_SECONDS
        assert len(turns) == 20 - LIMIT - LIMIT * KEPT_SECONDS
        assert {(log.result_data["reason"], log.retry_count, len(log.attempts)) for log in held} == {
            ("rate_limited", 0, 0)
        }
        executions = WorkflowExecution.objects.filter(id__in=[log.workflow_execution_id for log in held])
        assert {each.due_at for each in executions} == {log.scheduled_at for log in held}
        assert set(executions.values_list("status", flat=True)) == {"waiting"}

    def test_all_goes_out_in_time_and_none_fails(
        self, texting: Outside, slow: Account, virtual_clock: VirtualClock
    ) -> None:
        executions = queue(slow, virtual_clock, 20)
        for second in range(1, 20 // LIMIT + 3):
            live_second(virtual_clock)
            assert len(texting.calls) <= LIMIT * second
        assert len(set(texting.calls)) == len(texting.calls) == 20
        assert [logged(each) for each in executions] == [[("call_out", "completed"), ("sign", "completed")]] * 20
        assert not ActionExecution.objects.exclude(retry_count=0).exists()
        assert not WorkflowDispatch.objects.exists()

    def test_queues_up_behind_those_that_have_their_turns(
        self, texting: Outside, slow: Account, virtual_clock: VirtualClock
    ) -> None:
        queue(slow, virtual_clock, 20)
        for _ in range(3):
            perform_due("sms")
        first = set(ActionExecution.objects.filter(status="scheduled").values_list("scheduled_at", flat=True))
        queue(slow, virtual_clock, 20)
        for _ in range(3):
            perform_due("sms")

        both = list(ActionExecution.objects.filter(status="scheduled").values_list("scheduled_at", flat=True))
        assert len(both) == len(set(both)) > len(first) + 15
        assert min(set(both) - first) == max(first) + timedelta(seconds=1 / LIMIT)

    def test_can_be_cancelled_and_makes_room(
        self, texting: Outside, slow: Account, virtual_clock: VirtualClock
    ) -> None:
        executions = queue(slow, virtual_clock, 20)
        perform_due("sms")
        perform_due("sms")
        for each in executions:
            each.refresh_from_db()
            if each.status == "waiting":
                cancel(account_id=slow.id, actor=SYSTEM, execution_id=each.id, now=virtual_clock.now())
        queue(slow, virtual_clock, 20)
        perform_due("sms")
        perform_due("sms")

        held = ActionExecution.objects.filter(status="scheduled")
        assert min(held.values_list("scheduled_at", flat=True)) == START + timedelta(seconds=KEPT_SECONDS + 1 / LIMIT)


class TestRefusals:
    def test_slow_all_processes(
        self, outside: Outside, virtual_clock: VirtualClock, later: Later, account: Account
    ) -> None:
        def refuse(payload: Any, key: UUID) -> Done:
            raise Retryable(ErrorClass.RATE_LIMITED, "429", retry_after=timedelta(minutes=5))

        outside.call = refuse
        queue(account, virtual_clock, 1)
        perform_due("http")
        outside.call = lambda payload, key: Done({"answer": "ok"})
        others = queue(account, virtual_clock, 3)

        perform_due("http")  # a process that has not called the host before

        assert len(outside.calls) == 1
        row = CircuitBreaker.objects.get()
        assert (row.host, row.slowed_until, row.open_until) == ("example.com", START + timedelta(minutes=5), None)
        logs = ActionExecution.objects.filter(workflow_execution__in=others)
        assert {(log.status, log.scheduled_at, log.result_data["reason"]) for log in logs} == {
            ("scheduled", START + timedelta(minutes=5), "rate_limited")
        }

        virtual_clock.advance(minutes=6)
        advance_all()
        perform_due("http")
        assert len(outside.calls) == 5
        assert not CircuitBreaker.objects.exists()


class TestOtherLanes:
    def test_have_no_limit(self, outside: Outside, slow: Account, virtual_clock: VirtualClock) -> None:
        queue(slow, virtual_clock, 20)
        perform_due("http")
        assert len(outside.calls) == 20
        assert not SendingSlot.objects.exists()


class TestGivingTurns:
    @pytest.mark.django_db(transaction=True)
    def test_together_gives_each_row_one_turn(
        self, texting: Outside, slow: Account, virtual_clock: VirtualClock
    ) -> None:
        queue(slow, virtual_clock, 40)
        circuit = Circuit(slow.id, "")
        now = virtual_clock.now()

        def give(_: int) -> int:
            try:
                with system_scope("a test stands for a lane"):
                    return hold_to_pace("sms", circuit, per_second=LIMIT, now=now)
            finally:
                connection.close()

        with ThreadPoolExecutor(8) as pool:
            given = sum(pool.map(give, range(16)))

        held = ActionExecution.objects.filter(status="scheduled").values_list("scheduled_at", flat=True)
        assert given == len(held) == 40 - LIMIT * KEPT_SECONDS
        assert sorted(held) == [now + timedelta(seconds=KEPT_SECONDS + n / LIMIT) for n in range(1, given + 1)]

    @pytest.mark.django_db(transaction=True)
    def test_is_left_to_the_process_that_is_at_it(
        self, texting: Outside, slow: Account, virtual_clock: VirtualClock
    ) -> None:
        queue(slow, virtual_clock, 10)
        circuit, now = Circuit(slow.id, ""), virtual_clock.now()

        def look_in(_: int) -> int:
            try:
                with system_scope("a test stands for a lane"), CaptureQueriesContext(connection) as queries:
                    assert hold_to_pace("sms", circuit, per_second=LIMIT, now=now) == 0
                return sum("workflow_dispatches" in query["sql"] for query in queries)
            finally:
                connection.close()

        with transaction.atomic(), ThreadPoolExecutor(1) as pool:
            assert hold_to_pace("sms", circuit, per_second=LIMIT, now=now) == 10 - LIMIT * KEPT_SECONDS
            assert list(pool.map(look_in, range(1))) == [0]

    def test_leaves_what_was_cancelled_or_is_in_somebodys_hands(
        self, texting: Outside, slow: Account, virtual_clock: VirtualClock
    ) -> None:
        executions = queue(slow, virtual_clock, 12)
        WorkflowExecution.objects.filter(id=executions[-1].id).update(status="paused")
        WorkflowDispatch.objects.filter(execution=executions[-2]).update(status="claimed")
        circuit = Circuit(slow.id, "")

        given = hold_to_pace("sms", circuit, per_second=LIMIT, now=virtual_clock.now())

        assert given == 12 - LIMIT * KEPT_SECONDS - 2
        for execution in executions[-2:]:
            assert logged(execution) == [("call_out", "pending")]
