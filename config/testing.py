"""The test run's plugin: a PostgreSQL of its own, started before Django looks for it and stopped at the end.

The process that starts the run owns the server; xdist's workers inherit its address. Each run takes a folder that no
other run holds, so two runs side by side do not meet. With `DATABASE_URL` set, that server is used and none is started.
"""

import fcntl
import os
from collections.abc import Generator
from contextvars import ContextVar
from pathlib import Path
from typing import IO

import pytest

from accounts import tenancy
from config.postgres import THROWAWAY, Server, uses_embedded_server

ROOT = Path(__file__).resolve().parents[1]
MAXIMUM_RUNS = 100

_folder_lock: IO[str] | None = None


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None]:
    """Name this run's data directory before the settings are read."""
    if owns_the_run():
        os.environ["DATA_DIR"] = str(take_folder(Path(os.environ.get("DATA_DIR", ROOT / ".data")).resolve()))
    return (yield)


def pytest_configure(config: pytest.Config) -> None:
    """Load the project's fixtures: only now is Django set up, which they import.

    What a test does by itself, in whatever thread, reaches all accounts; requests and `no_scope` begin without one.
    """
    tenancy._scope = ContextVar("tenancy", default=tenancy.EVERY_ACCOUNT)  # noqa: SLF001 - for tests alone
    config.pluginmanager.import_plugin("accounts.tests.fixtures")
    config.pluginmanager.import_plugin("workflows.messaging.tests.fixtures")
    config.pluginmanager.import_plugin("config.tests.browser")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> Generator[None]:
    if needs_server(session.config):
        Server(Path(os.environ["DATA_DIR"]), THROWAWAY).start()
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    try:
        return (yield)
    finally:
        if needs_server(session.config):
            Server(Path(os.environ["DATA_DIR"]), THROWAWAY).stop()


def pytest_unconfigure() -> None:
    if _folder_lock is not None:
        _folder_lock.close()


def owns_the_run() -> bool:
    return "PYTEST_XDIST_WORKER" not in os.environ


def needs_server(config: pytest.Config) -> bool:
    return owns_the_run() and uses_embedded_server() and not config.option.collectonly


def take_folder(data_dir: Path) -> Path:
    """Return the first of `test`, `test-2`, … that no running test process holds, and hold it until we end."""
    global _folder_lock  # noqa: PLW0603 - the lock lives as long as the process
    for number in range(1, MAXIMUM_RUNS + 1):
        folder = data_dir / ("test" if number == 1 else f"test-{number}")
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "run.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        _folder_lock = lock
        (folder / "static").mkdir(exist_ok=True)  # whitenoise warns about a missing one, and warnings are errors
        return folder
    raise pytest.UsageError(f"{MAXIMUM_RUNS} test runs hold {data_dir} already.")
