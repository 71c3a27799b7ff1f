"""`manage.py serve`, the one parent process behind `make run`."""

import contextlib
import fcntl
import http.client
import os
import shutil
import signal
import socket
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from accounts.actors import Actor
from accounts.tenancy import system_scope
from config.database.walls import open_tables
from config.postgres import DatabaseError, Server, uses_embedded_server
from config.supervision import Supervisor
from workflows.management.demo.seeding import EMAIL, PASSWORD, find_demo, seed_demo
from workflows.messaging.postbox import Address

HOST = "127.0.0.1"
READY_SECONDS = 60.0
POLL_SECONDS = 0.5


class Stopped(BaseException):
    """Somebody asked the server to end; not an error."""


class End:
    """Whether somebody asked for the end.

    The first Ctrl-C, SIGTERM or hang-up raises Stopped wherever we are; later ones change nothing.
    Python drops an exception that a signal raises inside a destructor or a fork hook, hence `check()` in the loop.
    """

    def __init__(self) -> None:
        self.is_asked_for = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores it
                signal.signal(number, self.ask)

    def ask(self, signal_number: int, frame: FrameType | None) -> None:
        if not self.is_asked_for:
            self.is_asked_for = True
            raise Stopped

    def check(self) -> None:
        """Raise Stopped when the end was asked for."""
        if self.is_asked_for:
            raise Stopped


class Command(BaseCommand):
    help = "Run everything on this machine: database, web server, worker, postbox, demo data. Ctrl-C ends it all."
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
        counts = data_dir / "metrics"
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE,
            "PORT": str(port),
            "PROMETHEUS_MULTIPROC_DIR": str(counts),
        }
        supervisor = Supervisor(data_dir, settings.BASE_DIR, environment)
        with self.only_one(data_dir), contextlib.ExitStack() as at_the_end:
            if server is not None:
                at_the_end.callback(self.stop_database, server)
            at_the_end.callback(supervisor.stop)
            end = End()
            try:
                if supervisor.end_predecessors_children():
                    self.say("Ended what the last run left behind.")
                check_port(port)
                shutil.rmtree(counts, ignore_errors=True)  # counts of processes that have ended
                counts.mkdir()
                self.prepare(server)
                supervisor.start("web server", gunicorn(port))
                supervisor.start("worker", manage("worker"))
                if settings.METRICS_PORT:
                    supervisor.start("metrics", manage("metrics"))
                if settings.POSTBOX_ENABLED:
                    supervisor.start("postbox", manage("postbox", "--verbosity=0"))
                self.watch(end, supervisor, server, lambda: self.announce(port, started_at))
            except Stopped:
                self.say("\nStopping…")
            except (DatabaseError, PermissionError, OperationalError) as error:
                raise CommandError(f"The database cannot be used: {error}") from error
            finally:
                end.is_asked_for = True
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

    @system_scope("the demo account is looked for among all")
    def prepare(self, server: Server | None) -> None:
        """Bring the database up to date: server, migrations, demo account."""
        if server is not None and server.start():
            self.say("Database started.")
        with connection.as_owner():  # type: ignore[attr-defined]  # our own engine; only the owner may look at old data
            executor = MigrationExecutor(connection)
            is_outdated = bool(executor.migration_plan(executor.loader.graph.leaf_nodes()) or open_tables())
        if is_outdated:
            self.say("Applying migrations…")
            call_command("migrate", interactive=False, verbosity=0)
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
        if find_demo() is None:
            self.say("Making the demo account…")
            seed_demo(actor=Actor(label="manage.py serve"))
        connection.close()

    def watch(self, end: End, supervisor: Supervisor, server: Server | None, announce: Callable[[], bool]) -> NoReturn:
        """Restart what dies until Stopped; calls `announce` until it says that it has."""
        is_announced = False
        while True:
            end.check()
            if server is not None and server.pid() is None:
                self.say("The database ended; starting it again.")
                server.start()
            for line in supervisor.restart_the_dead():
                self.say(line)
            is_announced = is_announced or announce()
            time.sleep(POLL_SECONDS)

    def stop_database(self, server: Server) -> None:
        """Stop the database unless `database start` promised to keep it."""
        if not server.layout.keep_marker.exists():
            server.stop()

    def announce(self, port: int, started_at: float) -> bool:
        """Print the addresses once everything answers, or after a minute; returns whether it was printed."""
        seconds = time.monotonic() - started_at
        is_up = is_ready(port)
        if not is_up and seconds < READY_SECONDS:
            return False
        address = f"http://{HOST}:{port}"
        state = "is ready" if is_up else "is not ready yet, see Health,"
        lines = [
            "",
            f"Followthrough {state} after {seconds:.1f} s.",
            f"  Admin     {address}/admin/",
            f"  API       {address}/api/v1/   reference {address}/api/v1/docs",
            f"  Health    {address}/readyz",
            *self.postbox_lines(),
            f"  Login     {EMAIL} / {PASSWORD}",
            "  Ctrl-C ends everything; the data stays.",
            "",
        ]
        self.say("\n".join(lines))
        return True

    def postbox_lines(self) -> list[str]:
        postbox = Address.of(settings.DATA_DIR)
        if postbox is None:
            return []
        return [f"  Postbox   {postbox.url}/   takes webhooks in; mail on {postbox.host} port {postbox.smtp}"]

    def say(self, text: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            self.stdout.write(text)
            self.stdout.flush()


def manage(*arguments: str) -> list[str]:
    """Return the command line of one of our own commands."""
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments]


def gunicorn(port: int) -> list[str]:
    """Return the web server's command: two processes with 16 threads each."""
    return [
        sys.executable,
        "-m",
        "gunicorn",
        "config.wsgi:application",
        "--config=python:config.gunicorn",
        f"--bind={HOST}:{port}",
        "--worker-class=gthread",
        "--workers=2",
        "--threads=16",
        "--preload",
        "--graceful-timeout=10",
        "--limit-request-line=8190",
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
