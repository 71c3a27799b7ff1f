"""Limits of what is sent in a second, as slots that calls take and give back."""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from accounts.tenancy import system_scope
from workflows.messaging import pacing
from workflows.messaging.breaker import Circuit
from workflows.messaging.models import SendingSlot
from workflows.messaging.tests.factories import ConnectionFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
LIMIT = 5
LANE = "sms"


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
def own(account) -> Circuit:
    """The account's limit alone."""
    account.sms_per_second = LIMIT
    account.save()
    return Circuit(account.id, "members")


def limited_connection(account, per_second: int) -> Circuit:
    return Circuit(account.id, str(ConnectionFactory(account=account, messages_per_second=per_second).id))


def take(*circuits: Circuit, now: datetime = NOW, lane: str = LANE) -> dict[UUID, list[UUID]]:
    """Let a call to each of the circuits ask for its slots; return those that got theirs."""
    calls = [(uuid4(), circuit) for circuit in circuits]
    paces = pacing.look(lane, {circuit.account_id for circuit in circuits}, now=now)
    with transaction.atomic():
        held = pacing.hold_slots(paces, calls, now=now)
        pacing.take_slots(held, now=now)
    return held


def end(held: dict[UUID, list[UUID]], at: datetime) -> None:
    pacing.free_slots({key: (slot_ids, at) for key, slot_ids in held.items()})


class TestSlots:
    def test_are_as_many_as_the_limit(self, own):
        assert len(take(*[own] * 9)) == LIMIT
        assert take(own) == {}

    def test_are_made_when_they_are_needed(self, own):
        end(take(own), NOW)
        assert SendingSlot.objects.count() == 1
        take(own, own, now=after(1))
        assert sorted(SendingSlot.objects.values_list("number", flat=True)) == [0, 1]

    def test_are_free_a_second_after_the_call_has_ended(self, own):
        held = take(*[own] * LIMIT)
        end(held, after(0.3))
        assert take(own, now=after(1.299)) == {}
        assert len(take(*[own] * 9, now=after(1.3))) == LIMIT

    def test_of_dead_processes_are_free_once_their_messages_have_arrived(self, own):
        take(*[own] * LIMIT)
        seconds = (pacing.LONGEST_WAY + pacing.SECOND).total_seconds()
        assert take(own, now=after(seconds - 0.001)) == {}
        assert len(take(own, now=after(seconds))) == 1

    def test_taken_over_from_a_call_that_never_ended_stay_with_the_new_one(self, own):
        late = take(*[own] * LIMIT)
        taken = take(*[own] * LIMIT, now=after(20))
        end(late, after(20.1))
        assert take(own, now=after(21.2)) == {}
        end(taken, after(21))
        assert len(take(*[own] * LIMIT, now=after(22))) == LIMIT

    def test_that_are_held_and_not_taken_are_free(self, own, account):
        paces = pacing.look(LANE, [account.id], now=NOW)
        with transaction.atomic():
            assert len(pacing.hold_slots(paces, [(uuid4(), own)], now=NOW)) == 1
        assert len(take(*[own] * LIMIT)) == LIMIT

    def test_follow_the_limit_when_it_changes(self, own, account):
        end(take(*[own] * LIMIT), NOW)
        SendingSlot.objects.filter(number__gte=2).update(free_at=NOW)  # free for longer than those that stay in use
        account.sms_per_second = 2
        account.save()
        assert len(take(*[own] * LIMIT, now=after(1))) == 2
        assert take(own, now=after(1)) == {}
        account.sms_per_second = 7
        account.save()
        assert len(take(*[own] * 9, now=after(1))) == 5

    def test_of_accounts_and_channels_are_their_own(self, own, other_account):
        take(*[own] * LIMIT)
        others = Circuit(other_account.id, "members")
        assert len(take(*[own, others] * 3)) == 3
        assert len(take(own, lane="email")) == 1
        assert take(own) == {}

    def test_are_not_needed_where_nothing_is_sent(self, own):
        held = take(*[own] * 500, lane="http")
        assert (len(held), {tuple(slots) for slots in held.values()}) == (500, {()})
        assert not SendingSlot.objects.exists()

    def test_of_idle_limits_are_forgotten(self, own, account):
        slow = limited_connection(account, 1)
        end(take(own, own), NOW)
        end(take(slow, now=after(3600)), after(3600))
        assert pacing.forget_slots(now=after(86400 + 60)) == 0
        assert pacing.forget_slots(now=after(90001)) == 3
        assert len(take(*[own] * 9, now=after(90002))) == LIMIT


class TestConnections:
    def test_with_a_limit_keep_to_it_and_to_the_accounts(self, own, account):
        slow, fast = limited_connection(account, 2), limited_connection(account, 50)
        held = take(*[slow] * 4, *[fast] * 4)
        assert len(held) == LIMIT
        assert {len(slots) for slots in held.values()} == {2}
        names = SendingSlot.objects.exclude(taken_by=None).values_list("connection", flat=True)
        assert sorted(names) == sorted([""] * 5 + [slow.host] * 2 + [fast.host] * 3)

    def test_that_are_used_up_leave_the_accounts_slots_to_others(self, own, account):
        slow = limited_connection(account, 1)
        assert len(take(slow, slow, slow)) == 1
        assert len(take(*[own] * 9)) == LIMIT - 1

    def test_without_a_limit_have_the_accounts_alone(self, own, account):
        free = Circuit(account.id, str(ConnectionFactory(account=account).id))
        assert [len(slots) for slots in take(free).values()] == [1]


class TestLook:
    def test_says_what_is_left_and_when_more_is(self, own, account):
        slow = limited_connection(account, 1)
        end(take(slow), after(0.25))
        paces = pacing.look(LANE, [account.id], now=after(1))
        assert (paces.per_second(slow), paces.per_second(own)) == (1, LIMIT)
        assert (paces.is_used_up(slow), paces.is_used_up(own)) == (True, False)
        assert (paces.next_free_at(slow), paces.next_free_at(own)) == (after(1.25), None)

    def test_takes_one_query(self, own, account, other_account, django_assert_num_queries):
        limited_connection(account, 1)
        with django_assert_num_queries(1):
            pacing.look(LANE, [account.id, other_account.id], now=NOW)
        with django_assert_num_queries(0):
            pacing.look("http", [account.id], now=NOW)


def most_within_a_second(times: Sequence[float]) -> int:
    ordered = sorted(times)
    return max(sum(start <= time < start + 1 for time in ordered) for start in ordered)


class TestAnySecond:
    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_sees_no_more_than_the_limit_however_long_messages_take(self, own, seed):
        """Calls last up to half a second, and their messages arrive anywhere in between."""
        chance = random.Random(seed)
        arrivals: list[float] = []
        under_way: list[tuple[float, dict[UUID, list[UUID]]]] = []
        for step in range(120):
            now = step * 0.05
            for over in [each for each in under_way if each[0] <= now]:
                end(over[1], after(over[0]))
                under_way.remove(over)
            for key, slots in take(*[own] * chance.randint(0, 4), now=after(now)).items():
                lasts = chance.choice([0.01, 0.1, 0.5])
                arrivals.append(now + chance.uniform(0, lasts))
                under_way.append((now + lasts, {key: slots}))
        assert len(arrivals) > 4 * LIMIT
        assert most_within_a_second(arrivals) <= LIMIT


class TestTogether:
    @pytest.mark.django_db(transaction=True)
    def test_processes_take_each_slot_once(self, own, account):
        slow = limited_connection(account, 2)

        end(take(own, slow, own), NOW)
        together = Barrier(8)

        def grab(_: int) -> int:
            try:
                with system_scope("a test stands for a lane"):
                    calls = [(uuid4(), circuit) for circuit in (own, slow, own)]
                    paces = pacing.look(LANE, [account.id], now=after(1))
                    with transaction.atomic():
                        held = pacing.hold_slots(paces, calls, now=after(1))
                        together.wait(10)
                        pacing.take_slots(held, now=after(1))
                    return len(held) + sum(len(take(own, slow, own, now=after(1))) for _ in range(5))
            finally:
                connection.close()

        with ThreadPoolExecutor(8) as pool:
            taken = sum(pool.map(grab, range(8)))

        assert taken == LIMIT
        assert SendingSlot.objects.filter(connection="").exclude(taken_by=None).count() == LIMIT
        assert SendingSlot.objects.filter(connection=slow.host).exclude(taken_by=None).count() <= 2
        assert SendingSlot.objects.exclude(taken_by=None).values("taken_by").distinct().count() == LIMIT
