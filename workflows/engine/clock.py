"""The engine's only source of time: the database's clock, or a virtual one in tests, proofs and the benchmark.

Leases are the exception: they guard against dead workers and always run on the database's own clock.
"""

import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.db import connection


class Clock(Protocol):
    """What tells the time."""

    def now(self) -> datetime:
        """Return the present time (aware)."""

    def running(self, since: datetime) -> Callable[[], datetime]:
        """Return a cheap clock that went on from `since`, for stamps within one transaction."""


class DatabaseClock:
    """One clock for all machines."""

    def now(self) -> datetime:
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            return cursor.fetchone()[0]

    def running(self, since: datetime) -> Callable[[], datetime]:
        started = time.monotonic()
        return lambda: since + timedelta(seconds=time.monotonic() - started)


class ShiftedClock(DatabaseClock):
    """The database's clock, ahead by the seconds in a file that several processes share."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.shift)

    @property
    def shift(self) -> float:
        try:
            return float(struct.unpack("<d", self._file.read_bytes())[0])
        except FileNotFoundError:
            return 0.0

    def advance(self, seconds: float) -> None:
        """Move every process's time forward."""
        fresh = self._file.with_suffix(".new")
        fresh.write_bytes(struct.pack("<d", self.shift + seconds))
        fresh.replace(self._file)


class VirtualClock:
    """Stands still until it is moved."""

    def __init__(self, start: datetime) -> None:
        self.time = start

    def now(self) -> datetime:
        return self.time

    def running(self, since: datetime) -> Callable[[], datetime]:
        return lambda: since

    def advance(self, **duration: float) -> None:
        """Move forward, e.g. `advance(hours=1)`."""
        self.time += timedelta(**duration)


_chosen: ContextVar[Clock | None] = ContextVar("engine_clock", default=None)


def current() -> Clock:
    """Return the clock in force: the one of `using`, else the installation's."""
    return _chosen.get() or _installed()


def now() -> datetime:
    """Return the engine's present time (aware)."""
    return current().now()


@contextmanager
def using(clock: Clock) -> Iterator[Clock]:
    """Let `clock` tell the time within the block."""
    token = _chosen.set(clock)
    try:
        yield clock
    finally:
        _chosen.reset(token)


def _installed() -> Clock:
    file = settings.ENGINE["clock_file"]
    return ShiftedClock(Path(file)) if file else DatabaseClock()
