"""A whole installation for proofs: a durable server of its own and worker processes that can be killed."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

from django.conf import settings
from django.db import connection

from config.postgres import DURABLE, Server, embedded_database
from workflows.engine.clock import ShiftedClock
from workflows.models import WorkerHeartbeat

START_SECONDS = 60.0


class Installation:
    """Everything below one folder; this process's own connection points at it as well."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = Server(folder, DURABLE)
        self.clock = ShiftedClock(folder / "clock")
        self.environment = os.environ | {
            "DATA_DIR": str(folder),
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "ENGINE_CLOCK_FILE": str(folder / "clock"),
            "LOG_LEVEL": "ERROR",
        }
        self.environment.pop("DATABASE_URL", None)
        self.workers: subprocess.Popen[bytes] | None = None
        self.web: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.server.start()
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "migrate", "--verbosity=0"]
        subprocess.run(command, check=True, env=self.environment)

    def stop(self) -> None:
        self.stop_workers()
        self.stop_web()
        connection.close()
        self.server.stop()

    def start_workers(self, count: int = 2) -> None:
        """Start so many worker processes and wait until each of them beats."""
        WorkerHeartbeat.objects.all().delete()
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "worker", f"--processes={count}"]
        self.workers = subprocess.Popen(command, env=self.environment)
        wait_until(self.are_beating(count), seconds=START_SECONDS)

    def are_beating(self, count: int) -> Callable[[], bool]:
        workers = self.workers

        def condition() -> bool:
            assert workers is None or workers.poll() is None, "the workers do not start"
            return WorkerHeartbeat.objects.count() >= count

        return condition

    def stop_workers(self) -> None:
        if self.workers is not None:
            self.workers.send_signal(signal.SIGTERM)
            self.workers.wait(40)
            self.workers = None

    def start_web(self, port: int) -> None:
        """Serve HTTP on a port of this machine, and wait until it answers."""
        command = [sys.executable, "-m", "gunicorn", "config.wsgi:application", f"--bind=127.0.0.1:{port}"]
        options = ["--worker-class=gthread", "--threads=8", "--config=python:config.gunicorn", "--no-control-socket"]
        self.web = subprocess.Popen([*command, *options], env=self.environment, cwd=settings.BASE_DIR)
        wait_until(lambda: answers(port), seconds=START_SECONDS)

    def stop_web(self) -> None:
        if self.web is not None:
            self.web.send_signal(signal.SIGTERM)
            self.web.wait(40)
            self.web = None

    def worker_pids(self) -> list[int]:
        assert self.workers is not None
        children = Path(f"/proc/{self.workers.pid}/task/{self.workers.pid}/children").read_text().split()
        return [int(pid) for pid in children]

    def kill_a_worker(self) -> None:
        """Kill -9 one of the processes, or all of them now and then."""
        pids = self.worker_pids()
        for pid in pids if random.random() < 0.3 else random.sample(pids, min(1, len(pids))):
            os.kill(pid, signal.SIGKILL)

    def crash_database(self) -> None:
        """Stop the server as a power cut would, and start it again."""
        connection.close()
        self.server.stop("immediate")
        self.server.start()


@contextmanager
def pointing_at(folder: Path) -> Iterator[None]:
    """Let this process's connection speak to the server of that folder."""
    before = dict(connection.settings_dict)
    connection.close()
    connection.settings_dict |= embedded_database(folder)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(before)


def answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def say(figures: str) -> None:
    """Print what a proof measured (seen with `-s`)."""
    sys.stdout.write(f"\n{figures}\n")


def wait_until(condition: Callable[[], bool], *, seconds: float, meanwhile: Callable[[], None] | None = None) -> float:
    """Poll until the condition holds and return the seconds it took; fails when it takes longer than `seconds`."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, f"not so within {seconds} s"
        if meanwhile:
            meanwhile()
        time.sleep(0.05)
    return time.monotonic() - started
