"""A type with an effect outside, made to behave as each test wants."""

from collections.abc import Iterator

import pytest

from workflows.engine.tests.kinds import Outside, registered_type


@pytest.fixture
def outside() -> Iterator[Outside]:
    """`call_out`: answers `ok` unless told otherwise; its receiver does not honour keys."""
    kind = Outside()
    with registered_type(kind):
        yield kind
