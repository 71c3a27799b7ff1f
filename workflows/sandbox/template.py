"""The worker's end of the template: starts the process, asks it for cells, replaces it when it is worn or gone."""

import atexit
import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from workflows.sandbox.inside.protocol import DRAIN, FORK, READY, STATUS
from workflows.sandbox.values import Unavailable

START_SECONDS = 60.0
END_SECONDS = 2.0
RUNS = 1000
"""After so many runs a template is replaced: its cells share where things lie in memory, which is best not learnt."""
PROBLEM_BYTES = 2000
BOOT = "import sys; sys.path += sys.argv[2:]; from workflows.sandbox.inside.serve import main; main(int(sys.argv[1]))"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a cell's process ended: what waitpid said of it, and the seconds of processor that it used."""

    status: int
    processor_seconds: float


@dataclass(slots=True)
class Cell:
    """The worker's ends of a cell's connections; leaving the block kills what is left of it."""

    answer: socket.socket
    watch: socket.socket

    def __enter__(self) -> "Cell":
        return self

    def __exit__(self, *exception: object) -> None:
        self.answer.close()
        self.watch.close()

    def end(self, seconds: float) -> Ending | None:
        """Wait so long for the process to end; None when it does not."""
        self.watch.settimeout(seconds)
        with suppress(OSError):
            word = self.watch.recv(STATUS.size)
            if len(word) == STATUS.size:
                return Ending(*STATUS.unpack(word))
        return None

    def kill(self) -> None:
        """Have the process killed."""
        with suppress(OSError):
            self.watch.shutdown(socket.SHUT_WR)


class Template:
    """A running template process. Raises Unavailable when it cannot be started, or finds that its locks do not hold."""

    def __init__(self) -> None:
        near, far = socket.socketpair()
        self.control = near
        self.runs = 0
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-B", "-c", BOOT, str(far.fileno()), *import_paths()],
                pass_fds=[far.fileno()],
                env={},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as problem:
            near.close()
            raise Unavailable(f"No process could be started: {problem}.") from problem
        finally:
            far.close()
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        assert self.process.stderr is not None
        self.control.settimeout(START_SECONDS)
        try:
            word = self.control.recv(PROBLEM_BYTES)
        except OSError as problem:
            self.end()
            raise Unavailable(f"The sandbox did not start: {problem}.") from problem
        if word != READY:
            said = word or self.process.stderr.read(PROBLEM_BYTES).strip().rpartition(b"\n")[2]
            self.end()
            raise Unavailable(f"The sandbox cannot lock itself in: {said.decode(errors='replace')}.")
        self.process.stderr.close()
        self.control.settimeout(END_SECONDS)

    def fork(self) -> Cell:
        """Return a new cell. Raises OSError when the template is gone."""
        answer, far_answer = socket.socketpair()
        watch, far_watch = socket.socketpair()
        cell = Cell(answer, watch)
        try:
            socket.send_fds(self.control, [FORK], [far_answer.fileno(), far_watch.fileno()])
        except OSError:
            cell.__exit__()
            raise
        finally:
            far_answer.close()
            far_watch.close()
        self.runs += 1
        return cell

    def drain(self) -> None:
        """Let the template end once its last cell has."""
        with suppress(OSError):
            self.control.send(DRAIN)

    def end(self) -> None:
        """End the template and its cells at once."""
        self.control.close()
        if self.process.stderr is not None:
            self.process.stderr.close()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def forget(self) -> None:
        """Let go of a template that belongs to the process that we were forked from."""
        self.control.close()
        self.process.returncode = 0


class Templates:
    """This process's template in use, and those that drain. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: Template | None = None
        self._draining: list[Template] = []

    def fork(self) -> Cell:
        """Return a new cell, of a new template where there is none. Raises Unavailable."""
        with self._lock:
            if self._current is not None and self._current.runs >= RUNS:
                self._current.drain()
                self._draining.append(self._current)
                self._current = None
            self._bury()
            if self._current is not None:
                with suppress(OSError):
                    return self._current.fork()
                self._current.end()
                self._current = None
            self._current = Template()
            try:
                return self._current.fork()
            except OSError as problem:
                raise Unavailable(f"The sandbox ended early: {problem}.") from problem

    def _bury(self) -> None:
        """Collect templates that have drained."""
        for template in list(self._draining):
            if template.process.poll() is not None:
                self._draining.remove(template)
                template.end()

    def end(self) -> None:
        """End everything; the next run starts anew."""
        with self._lock:
            templates = [*self._draining, *([self._current] if self._current else [])]
            self._current, self._draining = None, []
        for template in templates:
            template.end()

    def forget(self) -> None:
        """Start with nothing, in a process that was forked."""
        for template in [*self._draining, *([self._current] if self._current else [])]:
            template.forget()
        self.__init__()  # type: ignore[misc] # the lock may have been held by a thread that is not here


def import_paths() -> list[str]:
    """Return the folders that the sandbox imports from: ours, and those of the two libraries."""
    paths = [str(Path(__file__).parents[2])]
    for name in ("_quickjs", "pyseccomp"):
        found = find_spec(name)
        if found is None or found.origin is None:
            raise Unavailable(f"The library {name} is not installed; `pip install -r requirements.txt` brings it.")
        paths.append(str(Path(found.origin).parent))
    return list(dict.fromkeys(paths))


templates = Templates()
atexit.register(templates.end)
os.register_at_fork(after_in_child=templates.forget)
