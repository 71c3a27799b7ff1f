"""`manage.py worker`: the processes that lead contacts through their workflows."""

import ctypes
import os
import signal
import time
from argparse import ArgumentParser
from types import FrameType
from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from workflows.engine.worker import work

logger = structlog.get_logger(__name__)

DEFAULT_PROCESSES = 2
STOP_SECONDS = 28.0
POLL_SECONDS = 0.2
LONGEST_BACK_OFF = 10.0  # seconds
STEADY_SECONDS = 10.0  # a process that lived so long is replaced at once
PR_SET_PDEATHSIG = 1


class Command(BaseCommand):
    help = "Work: run due steps, dispatch events, recover what dead workers held. Ctrl-C or SIGTERM ends it in order."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--processes",
            type=int,
            default=DEFAULT_PROCESSES,
            help=f"worker processes beside the one that watches them; default {DEFAULT_PROCESSES}",
        )

    def handle(self, *, processes: int, **options: Any) -> None:
        if processes < 1:
            raise CommandError("--processes must be at least 1.")
        connections.close_all()
        Watch(processes).run()


class Watch:
    """The parent: keeps so many worker processes alive, and ends them when it is told to end."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.started: dict[int, float] = {}
        self.failures = 0
        self.is_ending = False

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.end)
        next_start = 0.0
        while not self.is_ending:
            if len(self.started) < self.size and time.monotonic() >= next_start:
                self.start_one()
                continue
            next_start = max(next_start, self.bury_the_dead())
            time.sleep(POLL_SECONDS)
        self.stop_all()

    def end(self, number: int, frame: FrameType | None) -> None:
        self.is_ending = True

    def start_one(self) -> None:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            become_worker(parent)
        self.started[pid] = time.monotonic()

    def bury_the_dead(self) -> float:
        """Collect processes that ended by themselves; return when the next one may start (monotonic seconds)."""
        next_start = 0.0
        for pid in list(self.started):
            if os.waitpid(pid, os.WNOHANG)[0] == 0:
                continue
            lived = time.monotonic() - self.started.pop(pid)
            self.failures = 0 if lived > STEADY_SECONDS else self.failures + 1
            delay = min(0.5 * 2.0 ** (self.failures - 1), LONGEST_BACK_OFF) if self.failures else 0.0
            next_start = time.monotonic() + delay
        return next_start

    def stop_all(self) -> None:
        """Ask every process to finish its step, and kill those that take too long: their work is recovered."""
        deadline = time.monotonic() + STOP_SECONDS
        self.signal_all(signal.SIGTERM)
        while self.started and time.monotonic() < deadline:
            self.bury_the_dead()
            time.sleep(0.05)
        self.signal_all(signal.SIGKILL)
        for pid in self.started:
            os.waitpid(pid, 0)

    def signal_all(self, number: int) -> None:
        for pid in self.started:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue


def become_worker(parent: int) -> None:
    """Turn the forked process into a worker that ends when its parent dies; never returns."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    status = 1
    try:
        if os.getppid() == parent:
            work()
            status = 0
    except BaseException:
        logger.critical("a worker ended by an error", pid=os.getpid(), exc_info=True)
    finally:
        os._exit(status)
