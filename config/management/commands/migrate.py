"""`manage.py migrate`: Django's, as the owner of the tables, and then the policies of row level security."""

from typing import Any

from django.core.management.commands import migrate
from django.db import connections, transaction

from config.database.walls import build_walls


class Command(migrate.Command):
    def execute(self, *args: Any, **options: Any) -> str | None:
        """Also the checks before look as the owner: the application's role may not be there yet."""
        with connections[options["database"]].as_owner():  # type: ignore[attr-defined]  # our own engine
            return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        if not (options["plan"] or options["check_unapplied"]):
            with transaction.atomic(using=options["database"]):
                build_walls(connections[options["database"]])
