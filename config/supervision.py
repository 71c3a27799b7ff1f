"""Child processes of `manage.py serve`: started, restarted when they die, ended together, found again after a kill -9.

Every child leads a session of its own, so that a Ctrl-C in the terminal reaches the supervisor alone, which then ends
the children in order. The kernel tells a child (SIGTERM) when the supervisor dies without a word.
"""

import ctypes
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from config.postgres.processes import PROC, is_running, signal_quietly, wait_until

PR_SET_PDEATHSIG = 1
LONGEST_BACK_OFF = 30.0  # seconds
STEADY_SECONDS = 60.0  # a child that lived so long starts again without delay
STOP_SECONDS = 30.0

_libc = ctypes.CDLL(None)


@dataclass
class Child:
    """One program to keep running."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    started_at: float = 0.0
    retry_at: float = 0.0


@dataclass
class Supervisor:
    """Keeps the children of one data directory running. `state_file` names them for the next supervisor."""

    data_dir: Path
    working_dir: Path
    environment: dict[str, str]
    children: list[Child] = field(default_factory=list)

    @property
    def state_file(self) -> Path:
        return self.data_dir / "serve.json"

    @property
    def marker(self) -> str:
        """The environment entry by which a process of ours is told from a stranger with the same pid."""
        return f"DATA_DIR={self.data_dir}"

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start a program and keep it running from now on."""
        child = Child(name, command)
        self.children.append(child)
        self._spawn(child)

    def restart_the_dead(self) -> list[str]:
        """Start again what has died and whose back-off is over; returns a line for every death noticed."""
        news = []
        for child in self.children:
            if child.process is not None and child.process.poll() is not None:
                delay = self._plan_restart(child)
                news.append(f"{child.name} ended with status {child.process.returncode}; starts again in {delay:.0f} s")
                child.process = None
            if child.process is None and time.monotonic() >= child.retry_at:
                self._spawn(child)
        return news

    def stop(self) -> None:
        """Ask every child to end, wait for them, then end by force what is left of their sessions."""
        running = [child.process for child in self.children if child.process is not None]
        for process in running:
            process.terminate()
        wait_until(lambda: all(process.poll() is not None for process in running), seconds=STOP_SECONDS)
        for process in running:
            self._end_session(process.pid, signal.SIGKILL)
            process.wait()
        self.state_file.unlink(missing_ok=True)

    def end_predecessors_children(self) -> bool:
        """End what a killed supervisor of this data directory left; returns whether there was anything."""
        try:
            sessions = json.loads(self.state_file.read_text())
        except (FileNotFoundError, ValueError):
            return False
        remains = [session for session in sessions if any(self._members(session))]
        for session in remains:
            self._end_session(session, signal.SIGTERM)
        if not wait_until(lambda: not any(any(self._members(session)) for session in remains), seconds=STOP_SECONDS):
            for session in remains:
                self._end_session(session, signal.SIGKILL)
        self.state_file.unlink(missing_ok=True)
        return bool(remains)

    def _spawn(self, child: Child) -> None:
        child.process = subprocess.Popen(
            child.command,
            cwd=self.working_dir,
            env=self.environment | dict([self.marker.split("=", 1)]),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_end_with_the_supervisor,  # noqa: PLW1509 - the supervisor has one thread
        )
        child.started_at = time.monotonic()
        sessions = [child.process.pid for child in self.children if child.process is not None]
        fresh = self.state_file.with_suffix(".new")
        fresh.write_text(json.dumps(sessions))
        fresh.replace(self.state_file)

    def _plan_restart(self, child: Child) -> float:
        """Set when the child may start again: at once after a long life, else 1, 2, 4 … 30 s later."""
        if time.monotonic() - child.started_at > STEADY_SECONDS:
            child.failures = 0
        delay = min(2.0**child.failures, LONGEST_BACK_OFF) if child.failures else 0.0
        child.failures += 1
        child.retry_at = time.monotonic() + delay
        return delay

    def _members(self, session: int) -> Iterator[int]:
        """Yield the live processes of a session that were started for this data directory."""
        for entry in PROC.iterdir():
            if not entry.name.isdigit():
                continue
            try:
                stat = (entry / "stat").read_bytes().rpartition(b")")[2].split()
                environment = (entry / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if int(stat[3]) == session and os.fsencode(self.marker) in environment and is_running(int(entry.name)):
                yield int(entry.name)

    def _end_session(self, session: int, signal_number: int) -> None:
        for pid in self._members(session):
            signal_quietly(pid, signal_number)


def _end_with_the_supervisor() -> None:
    """Run in the child: ask the kernel for a SIGTERM when the supervisor's process ends."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
