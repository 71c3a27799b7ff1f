"""What the engine's tests share: the tests' action types and a clock that stands still."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from workflows.engine import clock
from workflows.engine.clock import VirtualClock
from workflows.engine.tests import kinds

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def test_kinds() -> Iterator[None]:
    with kinds.registered(
        sign=kinds.sign, rest=kinds.rest, stop=kinds.stop, pass_by=kinds.pass_by, break_down=kinds.break_down
    ):
        yield


@pytest.fixture
def virtual_clock() -> Iterator[VirtualClock]:
    """The engine's time stands at 2026-03-02 09:00 UTC until it is moved."""
    virtual = VirtualClock(START)
    with clock.using(virtual):
        yield virtual
