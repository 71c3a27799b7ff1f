"""`manage.py serve`, the one parent process behind `make run`."""

import contextlib
import fcntl
import http.client
import os
import signal
import socket
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from config.postgres import DatabaseError, Server, uses_embedded_server
from config.supervision import Supervisor

DEMO_EMAIL = "demo@followthrough.test"
DEMO_PASSWORD = "followthrough-demo"  # noqa: S105 - printed on purpose, and local only
HOST = "127.0.0.1"
READY_SECONDS = 60.0
POLL_SECONDS = 0.5


class Stopped(BaseException):
    """Somebody asked the server to end; not an error."""


class Command(BaseCommand):
    help = "Run everything on this machine: database, migrations, demo data, web server and worker. Ctrl-C ends it all."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--port",
            type=int,
            default=os.environ.get("PORT") or "8000",
            help=f"port on {HOST}; default: the variable PORT, else 8000",
        )

    def handle(self, *, port: int, **options: Any) -> None:
        started_at = time.monotonic()
        data_dir: Path = settings.DATA_DIR
        data_dir.mkdir(parents=True, exist_ok=True)
        server = Server(data_dir) if uses_embedded_server() else None
        environment = os.environ | {"DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE}
        supervisor = Supervisor(data_dir, settings.BASE_DIR, environment)
        with self.only_one(data_dir), ending_on_signals(), contextlib.ExitStack() as at_the_end:
            if server is not None:
                at_the_end.callback(self.stop_database, server)
            at_the_end.callback(supervisor.stop)
            try:
                if supervisor.end_predecessors_children():
                    self.say("Ended what the last run left behind.")
                check_port(port)
                self.prepare(server)
                supervisor.start("web server", gunicorn(port))
                supervisor.start("worker", [sys.executable, str(settings.BASE_DIR / "manage.py"), "worker"])
                self.watch(supervisor, server, port, started_at)
            except Stopped:
                self.say("\nStopping…")
            except (DatabaseError, PermissionError) as error:
                raise CommandError(str(error)) from error
        self.say("Stopped.")

    @contextlib.contextmanager
    def only_one(self, data_dir: Path) -> Iterator[None]:
        """Hold this data directory; CommandError when another `serve` holds it."""
        with (data_dir / "serve.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise CommandError(f"A server is running on {data_dir} already; choose another DATA_DIR.") from error
            yield

    def prepare(self, server: Server | None) -> None:
        """Bring the database up to date: server, migrations, demo account."""
        if server is not None and server.start():
            self.say("Database started.")
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            self.say("Applying migrations…")
            call_command("migrate", interactive=False, verbosity=0)
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
        if "seed_demo" in get_commands() and not demo_exists():
            self.say("Making the demo account…")
            call_command("seed_demo")
        connection.close()

    def watch(self, supervisor: Supervisor, server: Server | None, port: int, started_at: float) -> None:
        """Restart what dies until we are told to end; says once when everything is up."""
        is_announced = False
        while True:
            if server is not None and server.pid() is None:
                self.say("The database ended; starting it again.")
                server.start()
            for line in supervisor.restart_the_dead():
                self.say(line)
            if not is_announced:
                seconds = time.monotonic() - started_at
                if is_announced := (is_ready(port) or seconds > READY_SECONDS):
                    self.announce(port, seconds)
            time.sleep(POLL_SECONDS)

    def stop_database(self, server: Server) -> None:
        """Stop the database unless `database start` promised to keep it."""
        if not server.layout.keep_marker.exists():
            server.stop()

    def announce(self, port: int, seconds: float) -> None:
        address = f"http://{HOST}:{port}"
        self.say(
            f"\nFollowthrough is ready after {seconds:.1f} s.\n"
            f"  Admin     {address}/admin/\n"
            f"  API       {address}/api/v1/   reference {address}/api/v1/docs/\n"
            f"  Health    {address}/readyz"
        )
        if demo_exists():
            self.say(f"  Login     {DEMO_EMAIL} / {DEMO_PASSWORD}")
        connection.close()
        self.say("  Ctrl-C ends everything; the data stays.\n")

    def say(self, text: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            self.stdout.write(text)
            self.stdout.flush()


@contextlib.contextmanager
def ending_on_signals() -> Iterator[None]:
    """Raise Stopped at the first Ctrl-C, SIGTERM or hang-up; later ones are ignored, as the end is under way."""

    def end(signal_number: int, frame: FrameType | None) -> None:
        for number in handled:
            signal.signal(number, signal.SIG_IGN)
        raise Stopped

    handled = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
        handled.append(signal.SIGHUP)
    for number in handled:
        signal.signal(number, end)
    yield


def gunicorn(port: int) -> list[str]:
    """Return the web server's command: two processes with 16 threads each."""
    return [
        sys.executable,
        "-m",
        "gunicorn",
        "config.wsgi:application",
        f"--bind={HOST}:{port}",
        "--worker-class=gthread",
        "--workers=2",
        "--threads=16",
        "--preload",
        "--graceful-timeout=10",
        "--log-level=warning",
        "--no-control-socket",
    ]


def check_port(port: int) -> None:
    """Raise CommandError when somebody listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise CommandError(
                f"Port {port} cannot be used ({error}); try another: make run PORT={port % 60000 + 1}"
            ) from error


def is_ready(port: int) -> bool:
    web_server = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        web_server.request("GET", "/readyz")
        return web_server.getresponse().status == http.HTTPStatus.OK
    except (http.client.HTTPException, OSError):
        return False
    finally:
        web_server.close()


def demo_exists() -> bool:
    return get_user_model().objects.filter(email=DEMO_EMAIL).exists()
