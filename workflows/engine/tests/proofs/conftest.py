"""The installation that the proofs share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.plugin import DjangoDbBlocker

from workflows.engine import clock, plans
from workflows.engine.tests.proofs.installation import Installation, pointing_at


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker) -> Iterator[Installation]:
    """A migrated database of its own, without workers."""
    folder: Path = tmp_path_factory.mktemp("proof")
    installation = Installation(folder)
    with django_db_blocker.unblock(), pointing_at(folder):
        installation.start()
        try:
            yield installation
        finally:
            installation.stop()


@pytest.fixture
def installation(installed: Installation) -> Iterator[Installation]:
    """The installation with its shifted clock in force; its workers are stopped afterwards."""
    plans._plans.clear()
    with clock.using(installed.clock):
        yield installed
    installed.stop_workers()
    installed.stop_web()
