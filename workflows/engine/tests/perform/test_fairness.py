"""Who gets a place: accounts and hosts share, and a slow or dead host takes none from the others."""

import time
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from workflows.actions.outcomes import Done
from workflows.actions.outside import ErrorClass, Retryable
from workflows.engine.clock import VirtualClock
from workflows.engine.perform.claiming import due_circuits, shares
from workflows.engine.perform.lanes import LaneRunner, perform_due
from workflows.engine.tests.conftest import START
from workflows.engine.tests.kinds import Outside
from workflows.engine.tests.leading import advance_all, enrolled
from workflows.engine.tests.perform.conftest import Later
from workflows.messaging.breaker import FAILURES_TO_OPEN, FIRST_PAUSE, Circuit
from workflows.models import ActionExecution, Workflow, WorkflowDispatch, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

ANN, BEN = UUID(int=1), UUID(int=2)


class TestShares:
    @pytest.mark.parametrize(
        ("room", "size", "expected"),
        [
            ({(ANN, "a"): 100}, 10, {(ANN, "a"): 10}),
            ({(ANN, "a"): 100, (BEN, "b"): 100}, 10, {(ANN, "a"): 5, (BEN, "b"): 5}),
            ({(ANN, "a"): 100, (ANN, "b"): 100}, 10, {(ANN, "a"): 5, (ANN, "b"): 5}),
            # what a crowded host leaves goes to the account's others
            ({(ANN, "a"): 2, (ANN, "b"): 100}, 10, {(ANN, "a"): 2, (ANN, "b"): 8}),
            ({(ANN, "a"): 3, (BEN, "b"): 100}, 10, {(ANN, "a"): 3, (BEN, "b"): 5}),
        ],
    )
    def test_are_equal_among_accounts_and_their_hosts(
        self, room: dict[tuple[UUID, str], int], size: int, expected: dict[tuple[UUID, str], int]
    ) -> None:
        quotas = shares({Circuit(*circuit): left for circuit, left in room.items()}, size)
        assert quotas == {Circuit(*circuit): quota for circuit, quota in expected.items()}

    def test_leave_some_accounts_for_later_when_there_are_more_than_places(self) -> None:
        quotas = shares({Circuit(uuid4(), "a"): 10 for _ in range(9)}, 4)
        assert sorted(quotas.values()) == [1, 1, 1, 1]


@pytest.mark.django_db
class TestHosts:
    def fill(self, clock: VirtualClock, counts: Mapping[str, int], account: Any = None) -> dict[str, Workflow]:
        workflows: dict[str, Workflow] = {}
        for host, count in counts.items():
            chosen = {"account": account or next(iter(workflows.values())).account} if account or workflows else {}
            workflows[host] = ActiveWorkflowFactory(chain=[("call_out", {"host": host})], **chosen)
            for _ in range(count):
                enrolled(workflows[host], clock)
        advance_all()
        return workflows

    def test_get_no_more_places_than_their_cap(
        self, outside: Outside, virtual_clock: VirtualClock, runner: LaneRunner, later: Later
    ) -> None:
        self.fill(virtual_clock, {"slow.example": 80, "quick.example": 30})

        for _ in range(12):
            runner.turn()

        in_flight = Counter(WorkflowDispatch.objects.filter(status="sending").values_list("host", flat=True))
        cap = runner.caps.per_host
        assert in_flight == {"slow.example": cap, "quick.example": cap}

    def test_that_are_slow_leave_the_others_alone(
        self, outside: Outside, virtual_clock: VirtualClock, runner: LaneRunner, later: Later
    ) -> None:
        workflows = self.fill(virtual_clock, {"slow.example": 120, "quick.example": 120})
        served = WorkflowExecution.objects.filter(workflow=workflows["quick.example"], status="completed")
        give_up_at = time.monotonic() + 30
        while served.count() < 120:
            assert time.monotonic() < give_up_at
            runner.turn()
            later.jobs = [job for job in later.jobs if not self.let_go_if_quick(job)]

        assert len(outside.calls) == 120

    @staticmethod
    def let_go_if_quick(job: Any) -> bool:
        (call,) = job.args
        if call.host == "quick.example":
            job()
        return call.host == "quick.example"

    def test_that_are_down_are_spared(self, outside: Outside, virtual_clock: VirtualClock) -> None:
        def call(payload: Mapping[str, Any], key: UUID) -> Done:
            raise Retryable(ErrorClass.NETWORK, "No answer.")

        outside.call = call
        self.fill(virtual_clock, {"dead.example": 100})
        perform_due("http")

        calls = len(outside.calls)
        scheduled = ActionExecution.objects.filter(status="scheduled")
        assert FAILURES_TO_OPEN <= calls <= 24
        assert scheduled.count() == 100
        spared = scheduled.filter(attempts=[])
        assert spared.count() == 100 - calls
        assert set(spared.values_list("scheduled_at", flat=True)) == {START + FIRST_PAUSE}
        assert set(spared.values_list("result_data__reason", flat=True)) == {"circuit_open"}

        virtual_clock.advance(seconds=FIRST_PAUSE.total_seconds() + 1)
        advance_all()
        perform_due("http")
        assert len(outside.calls) == calls + 1  # one that tries

        outside.call = lambda payload, key: Done()
        for _ in range(4):
            virtual_clock.time += timedelta(minutes=11)
            advance_all()
            perform_due("http")
        assert ActionExecution.objects.filter(status="completed").count() == 100

    def test_are_known_once_they_were_prepared(
        self, outside: Outside, virtual_clock: VirtualClock, runner: LaneRunner
    ) -> None:
        (workflow,) = self.fill(virtual_clock, {"slow.example": 90}).values()
        for _ in range(12):
            runner.turn()

        assert due_circuits("http", virtual_clock.now()) == [Circuit(workflow.account_id, "slow.example")]


@pytest.mark.django_db
class TestAccounts:
    def test_share_a_claim(self, outside: Outside, virtual_clock: VirtualClock, runner: LaneRunner) -> None:
        busy = ActiveWorkflowFactory(chain=[("call_out", {"host": "a.example"})])
        for _ in range(100):
            enrolled(busy, virtual_clock)
        advance_all()
        virtual_clock.advance(seconds=1)
        small = enrolled(ActiveWorkflowFactory(chain=[("call_out", {"host": "b.example"})]), virtual_clock)
        advance_all()

        runner.turn()

        assert WorkflowDispatch.objects.get(execution=small).status == "sending"


@pytest.mark.django_db
class TestRefusals:
    def test_slow_all_steps_for_that_host(
        self, outside: Outside, virtual_clock: VirtualClock, runner: LaneRunner, later: Later
    ) -> None:
        def call(payload: Mapping[str, Any], key: UUID) -> Done:
            raise Retryable(ErrorClass.RATE_LIMITED, "429", retry_after=timedelta(minutes=5))

        outside.call = call
        workflow = ActiveWorkflowFactory(chain=[("call_out", {"host": "busy.example"})])
        for _ in range(60):
            enrolled(workflow, virtual_clock)
        advance_all()
        perform_due("http")

        held = ActionExecution.objects.filter(status="scheduled", retry_count=0)
        assert held.count() == 60
        assert len(outside.calls) == runner.caps.per_host
        untried = held.filter(attempts=[])
        assert set(untried.values_list("scheduled_at", "result_data__reason")) == {
            (START + timedelta(minutes=5), "rate_limited")
        }

        outside.call = lambda payload, key: Done()
        virtual_clock.advance(minutes=6)
        advance_all()
        perform_due("http")
        assert ActionExecution.objects.filter(status="completed").count() == 60
