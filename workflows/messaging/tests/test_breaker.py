from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from workflows.messaging import breaker
from workflows.messaging.breaker import Admission, Call, Circuit, admissions, closed_hosts, record_calls
from workflows.messaging.models import CircuitBreaker

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
FREE = Admission()


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
def dead(account) -> Circuit:
    return Circuit(account.id, "dead.example")


@pytest.fixture
def healthy(account) -> Circuit:
    return Circuit(account.id, "healthy.example")


def record(circuit: Circuit, results: str, now: datetime = NOW) -> None:
    """Record calls written as a row of `+` and `-`."""
    record_calls([Call(circuit, result == "+") for result in results], now=now)


class TestRecordCalls:
    @pytest.mark.parametrize(
        ("results", "is_closed"),
        [
            ("", True),
            ("++++++", True),
            ("----", True),
            ("-----", False),
            ("--------", False),
            ("----+----", True),
            ("----+-----", False),
            ("-----+", True),
            ("-----+----", True),
        ],
    )
    def test_opens_after_five_failures_in_a_row(self, results, is_closed, dead):
        record(dead, results)
        assert closed_hosts([dead], now=NOW) == ({dead} if is_closed else set())

    @pytest.mark.parametrize(("results", "is_closed"), [("----", True), ("-----", False), ("---+---", True)])
    def test_counts_over_separate_calls_as_in_one(self, results, is_closed, dead):
        for result in results:
            record(dead, result)
        assert (closed_hosts([dead], now=NOW) == {dead}) is is_closed

    def test_does_not_end_a_pause_early(self, dead, healthy):
        breaker.pause({dead: after(60)}, now=NOW)
        breaker.pause({dead: after(30)}, now=NOW)
        record(dead, "-----++")
        assert CircuitBreaker.objects.get().paused_until == after(60)
        assert admissions([dead, healthy], now=after(59)) == {
            dead: Admission(0, after(60), had_enough=True),
            healthy: FREE,
        }
        assert admissions([dead], now=after(60)) == {dead: FREE}
        record(dead, "+", now=after(60))
        assert not CircuitBreaker.objects.exists()

    def test_keeps_rows_only_of_hosts_in_trouble(self, dead, healthy):
        record(healthy, "+++")
        record(dead, "--")
        assert [row.host for row in CircuitBreaker.objects.all()] == ["dead.example"]
        record(dead, "+")
        assert not CircuitBreaker.objects.exists()

    def test_takes_one_query_where_all_is_well(self, dead, healthy, django_assert_num_queries):
        with django_assert_num_queries(1):
            record_calls([Call(dead, True), Call(healthy, True)] * 50, now=NOW)

    def test_takes_a_fixed_number_of_queries(self, account, django_assert_max_num_queries):
        calls = [Call(Circuit(account.id, f"{number}.example"), False) for number in range(50)] * 5
        with django_assert_max_num_queries(5):
            record_calls(calls, now=NOW)
        assert closed_hosts([call.circuit for call in calls], now=NOW) == set()

    def test_forgets_failures_of_long_ago(self, dead):
        record(dead, "----", NOW - timedelta(hours=2))
        record(dead, "-")
        assert CircuitBreaker.objects.get().failures == 1

    def test_keeps_accounts_apart(self, dead, other_account):
        record(dead, "-----")
        theirs = Circuit(other_account.id, dead.host)
        assert closed_hosts([dead, theirs], now=NOW) == {theirs}
        assert admissions([dead, theirs], now=NOW)[theirs] == FREE


class TestAdmissions:
    def test_lets_everything_pass_where_all_is_well(self, dead, healthy, django_assert_num_queries):
        with django_assert_num_queries(1):
            assert admissions([dead, healthy], now=NOW) == {dead: FREE, healthy: FREE}

    def test_stops_an_open_circuit_and_says_until_when(self, dead, healthy):
        record(dead, "-----")
        assert admissions([dead, healthy], now=after(29)) == {dead: Admission(0, after(30)), healthy: FREE}

    def test_lets_one_call_try_after_the_pause(self, dead):
        record(dead, "-----")
        assert admissions([dead], now=after(30)) == {dead: Admission(1)}
        assert admissions([dead], now=after(31)) == {dead: Admission(0, after(36))}

    def test_lets_another_try_when_the_first_never_came_back(self, dead):
        record(dead, "-----")
        assert admissions([dead], now=after(30))[dead].limit == 1
        assert admissions([dead], now=after(61))[dead].limit == 1

    def test_closes_when_the_probe_succeeds(self, dead):
        record(dead, "-----")
        admissions([dead], now=after(30))
        record(dead, "+", after(31))
        assert admissions([dead], now=after(31)) == {dead: FREE}

    def test_pauses_twice_as_long_each_time_the_probe_fails_up_to_ten_minutes(self, dead):
        record(dead, "-----")
        at, pauses = NOW, []
        for _ in range(7):
            until = admissions([dead], now=at)[dead].retry_at
            assert until is not None
            pauses.append((until - at).total_seconds())
            at = until
            assert admissions([dead], now=at)[dead].limit == 1
            record(dead, "-", at)
        assert pauses == [30, 60, 120, 240, 480, 600, 600]

    def test_does_not_pause_longer_for_failures_that_come_in_late(self, dead):
        record(dead, "-----")
        record(dead, "----------", after(5))
        assert admissions([dead], now=after(6)) == {dead: Admission(0, after(30))}

    def test_closes_for_a_success_that_comes_in_late(self, dead):
        record(dead, "-----")
        record(dead, "+", after(5))
        assert admissions([dead], now=after(5)) == {dead: FREE}


class TestForgetOldTroubles:
    def test_removes_what_failed_more_than_a_day_ago(self, dead, healthy):
        record(dead, "-", NOW - timedelta(days=1, seconds=1))
        record(healthy, "-", NOW - timedelta(hours=23))
        assert breaker.forget_old_troubles(now=NOW) == 1
        assert CircuitBreaker.objects.get().host == "healthy.example"


@pytest.mark.django_db(transaction=True)
class TestManyProcesses:
    def run(self, function, arguments):
        def call(argument):
            try:
                return function(argument)
            finally:
                connection.close()

        with ThreadPoolExecutor(8) as threads:
            return list(threads.map(call, arguments))

    def test_give_the_probe_to_one_only(self, dead):
        record(dead, "-----")
        taken = self.run(lambda _: admissions([dead], now=after(30))[dead].limit, range(16))
        assert sorted(taken, reverse=True) == [1] + [0] * 15

    def test_count_every_failure_and_never_lock_each_other_out(self, account):
        circuits = [Circuit(account.id, f"{number}.example") for number in range(10)]

        def fail(number: int) -> None:
            order = circuits[number % 10 :] + circuits[: number % 10]
            record_calls([Call(circuit, False) for circuit in order], now=NOW)

        self.run(fail, range(40))
        assert list(CircuitBreaker.objects.values_list("failures", flat=True)) == [40] * 10

    def test_record_successes_and_failures_side_by_side(self, account):
        circuits = [Circuit(account.id, f"{number}.example") for number in range(6)]

        def mixed(number: int) -> None:
            record_calls([Call(each, (number + index) % 3 > 0) for index, each in enumerate(circuits)], now=NOW)

        self.run(mixed, range(60))
        assert CircuitBreaker.objects.count() <= 6
