"""A type with an effect outside, made to behave as each test wants, and a lane whose calls end when they are let."""

from collections.abc import Iterator

import pytest

from workflows.engine.perform.capacity import caps_of
from workflows.engine.perform.lanes import LaneRunner
from workflows.engine.perform.threads import Job
from workflows.engine.tests.kinds import Outside, registered_type


class Later:
    """Keeps the calls until they are let go."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def run(self, job: Job) -> None:
        self.jobs.append(job)

    def let_go(self) -> None:
        while self.jobs:
            self.jobs.pop()()


@pytest.fixture
def outside() -> Iterator[Outside]:
    """`call_out`: answers `ok` unless told otherwise; its receiver does not honour keys."""
    kind = Outside()
    with registered_type(kind):
        yield kind


@pytest.fixture
def later() -> Later:
    return Later()


@pytest.fixture
def runner(later: Later) -> LaneRunner:
    return LaneRunner("http", caller=later, caps=caps_of("http"))
