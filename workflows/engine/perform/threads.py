"""What calls run in: a few threads that stay, the one used last first; or, in tests, the caller's own."""

import contextvars
import threading
from collections.abc import Callable
from typing import Protocol

from django.db import connection

IDLE_SECONDS = 5.0
"""After so long without a call a thread closes its database connection."""

Job = Callable[[], None]


class Caller(Protocol):
    """Runs jobs."""

    def run(self, job: Job) -> None: ...


class Inline:
    """Runs each job at once, in the caller's thread and transaction: for tests."""

    def run(self, job: Job) -> None:
        job()


class Threads:
    """Starts a thread when none is idle; as many as there are jobs at a time.

    The thread that was idle last takes the next job, so that as few database connections are open as calls are made.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._idle: list[_Thread] = []
        self._count = 0

    def run(self, job: Job) -> None:
        with self._lock:
            thread = self._idle.pop() if self._idle else None
            if thread is None:
                self._count += 1
                thread = _Thread(f"{self._name}-{self._count}", self._rest)
                thread.start()
        thread.give(job)

    def _rest(self, thread: "_Thread") -> None:
        with self._lock:
            self._idle.append(thread)


class _Thread(threading.Thread):
    """A daemon, since a call that hangs must not keep the process from ending."""

    def __init__(self, name: str, rest: Callable[["_Thread"], None]) -> None:
        super().__init__(name=name, daemon=True)
        self._rest = rest
        self._given = threading.Event()
        self._job: Job | None = None
        self._context = contextvars.copy_context()

    def give(self, job: Job) -> None:
        self._job = job
        self._given.set()

    def run(self) -> None:
        self._context.run(self._serve)

    def _serve(self) -> None:
        while True:
            if not self._given.wait(IDLE_SECONDS):
                connection.close()
                self._given.wait()
            self._given.clear()
            assert self._job is not None
            self._job()
            self._job = None
            self._rest(self)
