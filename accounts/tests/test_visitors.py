"""How many requests a stranger's address may make in a minute."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from accounts.models import VisitWindow
from accounts.visitors import forget_visitors, seconds_to_wait

HERE, THERE = "203.0.113.7", "2001:db8::7"


@pytest.fixture(autouse=True)
def narrow(settings: Any) -> None:
    settings.PUBLIC_REQUESTS_PER_MINUTE = 3


@pytest.mark.django_db
class TestAnAddress:
    def test_may_ask_so_often_a_minute(self) -> None:
        assert [seconds_to_wait(HERE) for _ in range(5)] == [0, 0, 0, 60, 60]
        assert seconds_to_wait(THERE) == 0
        assert VisitWindow.objects.get(address=HERE).count == 5

    @pytest.mark.parametrize(("seconds", "wait"), [(59, 1), (60, 0), (61, 0)])
    def test_may_ask_again_when_the_minute_is_over(self, seconds: int, wait: int) -> None:
        for _ in range(4):
            seconds_to_wait(HERE)
        VisitWindow.objects.update(started_at=F("started_at") - timedelta(seconds=seconds))
        assert seconds_to_wait(HERE) == wait

    def test_is_forgotten_after_a_day(self) -> None:
        seconds_to_wait(HERE)
        seconds_to_wait(THERE)
        VisitWindow.objects.filter(address=HERE).update(started_at=timezone.now() - timedelta(days=1, seconds=1))
        assert forget_visitors(now=timezone.now()) == 1
        assert VisitWindow.objects.get().address == THERE


@pytest.mark.django_db(transaction=True)
def test_is_exact_for_many_at_once(settings: Any) -> None:
    settings.PUBLIC_REQUESTS_PER_MINUTE = 20

    def ask(number: int) -> int:
        try:
            return seconds_to_wait(HERE)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        waits = list(threads.map(ask, range(60)))
    assert waits.count(0) == 20
