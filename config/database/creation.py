"""Test databases: the owner makes them and their tables, the tests run as the application's role."""

from typing import Any

from django.db.backends.postgresql import creation


class DatabaseCreation(creation.DatabaseCreation):
    """Makes test databases that the application's role may enter."""

    def create_test_db(self, *arguments: Any, **options: Any) -> str:
        with self.connection.as_owner():  # type: ignore[attr-defined]  # our own engine
            name: str = super().create_test_db(*arguments, **options)
        return name
