"""`manage.py database`: the embedded PostgreSQL by hand, and the roles of any."""

import os
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from psycopg.errors import InsufficientPrivilege

from config.database.checks import role_problem
from config.database.walls import build_walls
from config.postgres import DatabaseError, Server, uses_embedded_server
from config.postgres.layout import NAME, PORT, binaries
from config.postgres.roles import creation, ensure_application_role
from config.postgres.server import STOP_SIGNALS


class Command(BaseCommand):
    help = "Start, stop or look at the embedded PostgreSQL of DATA_DIR; make the application's role on any server."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser(
            "start", help="start it and keep it running after this command; succeeds when it runs already"
        )
        stop = actions.add_parser("stop", help="stop it; succeeds when it does not run")
        stop.add_argument(
            "--mode",
            choices=sorted(STOP_SIGNALS),
            default="fast",
            help="smart waits for clients to leave, fast (default) ends them, immediate is a crash to recover from",
        )
        actions.add_parser("status", help="say whether it runs; exit code 3 when it does not")
        actions.add_parser("shell", help="open psql as the owner of the tables")
        actions.add_parser(
            "setup-roles",
            help="make the role of DATABASE_URL as DATABASE_OWNER_URL, unless it is there, and grant it its rights",
        )

    def handle(self, *, action: str, **options: Any) -> None:
        if action == "setup-roles":
            self.setup_roles()
            return
        if not uses_embedded_server():
            raise CommandError(
                "DATABASE_URL is set, so the embedded PostgreSQL is not used: run the server it names with the tools "
                "of that server, and open it with `manage.py dbshell`. Unset DATABASE_URL to use the embedded one."
            )
        server = Server(settings.DATA_DIR)
        try:
            getattr(self, action)(server, **options)
        except (DatabaseError, PermissionError) as error:
            raise CommandError(str(error)) from error

    def setup_roles(self) -> None:
        role, password = (connection.settings_dict[key] for key in ("USER", "PASSWORD"))
        owner = connection.settings_dict.get("OWNER")
        if not owner or owner["USER"] == role:
            raise CommandError(
                "DATABASE_OWNER_URL must name the role that owns the tables, and DATABASE_URL another one for the "
                "application, which this command makes."
            )
        with connection.as_owner():  # type: ignore[attr-defined]  # our own engine
            connection.ensure_connection()
            try:
                is_new = ensure_application_role(connection.connection, role, password)
            except InsufficientPrivilege as error:
                raise CommandError(
                    f"{owner['USER']} cannot make roles ({error.diag.message_primary}). Let somebody who can run: "
                    f"{creation(role).as_string()} PASSWORD '…'; GRANT CONNECT, TEMPORARY ON DATABASE "
                    f'"{connection.settings_dict["NAME"]}" TO "{role}"; then run this again.'
                ) from error
            build_walls(connection)
        problem = role_problem(connection)
        if problem:
            raise CommandError(problem)
        state = "was made" if is_new else "was there already"
        self.stdout.write(f"The role {role} {state} and has its rights; {owner['USER']} owns the tables.")

    def start(self, server: Server, **options: Any) -> None:
        was_started = server.start()
        server.layout.keep_marker.touch()
        state = "started" if was_started else "was running already"
        self.stdout.write(f"PostgreSQL {state}: pid {server.pid()}, socket {server.layout.socket_dir}")

    def stop(self, server: Server, *, mode: str, **options: Any) -> None:
        self.stdout.write("PostgreSQL stopped" if server.stop(mode) else "PostgreSQL was not running")

    def status(self, server: Server, **options: Any) -> None:
        pid = server.pid()
        if pid is None:
            raise CommandError(f"PostgreSQL is not running (data: {server.layout.cluster})", returncode=3)
        self.stdout.write(
            f"PostgreSQL runs: pid {pid}, socket {server.layout.socket_dir}, data {server.layout.cluster}"
        )

    def shell(self, server: Server, **options: Any) -> None:
        if server.pid() is None:
            raise CommandError("PostgreSQL is not running: `manage.py database start` or `make run` starts it.")
        os.execv(  # noqa: S606 - no shell is meant
            binaries() / "psql",
            ["psql", "-h", str(server.layout.socket_dir), "-p", str(PORT), "-U", NAME, "-d", NAME],
        )
