"""A whole installation as a child process: what the proofs start, ask, kill and end."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from config.postgres import Layout, Server
from config.postgres.processes import PROC, is_running, signal_quietly, wait_until

ROOT = Path(__file__).resolve().parents[2]
SERVE = [sys.executable, "manage.py", "serve"]
READY_SECONDS = 120.0
END_SECONDS = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Installation:
    """One `serve` (or `make run`) with a data directory and a port of its own, in a process group of its own."""

    def __init__(
        self,
        data_dir: Path,
        *,
        command: Sequence[str] = SERVE,
        folder: Path = ROOT,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.log = data_dir.parent / f"{data_dir.name}.log"
        ours = {name: value for name, value in (environment or os.environ).items() if not name.startswith("PYTEST")}
        for name in ("DATABASE_URL", "DJANGO_SETTINGS_MODULE", "MAKEFLAGS", "MAKELEVEL"):
            ours.pop(name, None)
        self._environment = ours | {"DATA_DIR": str(data_dir), "PORT": str(self.port)}
        self._command = command
        self._folder = folder
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            return subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def start_again(self) -> None:
        """Start the same command on the same data and port."""
        self.process = self._start()

    def get(self, path: str) -> tuple[int, Any]:
        """Return the status and the JSON of an answer; status 0 when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        except (OSError, http.client.HTTPException):
            return 0, None
        finally:
            connection.close()

    def wait_until_ready(self, *, seconds: float = READY_SECONDS) -> float:
        """Return after how many seconds this start was announced and /readyz answered 200.

        AssertionError with the log when that did not happen.
        """
        started = time.monotonic()
        is_over = wait_until(lambda: self._is_ready() or self.process.poll() is not None, seconds=seconds)
        assert is_over, self.output()
        assert self.process.poll() is None, self.output()
        return time.monotonic() - started

    def _is_ready(self) -> bool:
        was_announced = b"Followthrough is ready" in self.log.read_bytes()[self._log_start :]
        return was_announced and self.get("/readyz")[0] == http.HTTPStatus.OK

    def database_pid(self) -> int:
        return int(Layout(self.data_dir).pid_file.read_text().split()[0])

    def processes(self) -> dict[int, str]:
        """Return the live processes of this data directory, the database's not included: pid → command line."""
        found = {}
        marker = os.fsencode(f"DATA_DIR={self.data_dir}")
        for entry in PROC.iterdir():
            with contextlib.suppress(OSError, ValueError):
                is_ours = marker in (entry / "environ").read_bytes().split(b"\0")
                if is_ours and is_running(pid := int(entry.name)):
                    found[pid] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        return found

    def pid_of(self, words: str) -> int:
        """Return the lowest pid whose command line holds these words."""
        return min(pid for pid, command in self.processes().items() if words in command)

    def end(self, signal_number: int = signal.SIGTERM) -> int:
        """Signal the parent process, wait for its end, return its status."""
        self.process.send_signal(signal_number)
        return self.process.wait(timeout=END_SECONDS)

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def close(self) -> None:
        """End everything, by force what does not end when asked."""
        if self.process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.end()
        for pid in self.processes():
            signal_quietly(pid, signal.SIGKILL)
        self.process.wait()
        Server(self.data_dir).stop("immediate")


@contextlib.contextmanager
def installation(data_dir: Path, *, ready_seconds: float = READY_SECONDS, **options: Any) -> Iterator[Installation]:
    """Yield a ready installation; ends it by SIGTERM, and by force what then still lives."""
    running = Installation(data_dir, **options)
    try:
        running.wait_until_ready(seconds=ready_seconds)
        yield running
    finally:
        running.close()
