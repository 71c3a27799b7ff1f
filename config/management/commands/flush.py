"""`manage.py flush`: Django's, as the owner of the tables; the application's role cannot empty them."""

from typing import Any

from django.core.management.commands import flush
from django.db import connections


class Command(flush.Command):
    def handle(self, **options: Any) -> None:
        connection = connections[options["database"]]
        with connection.as_owner():  # type: ignore[attr-defined]  # our own engine
            super().handle(**options)
