"""Django's PostgreSQL engine, connecting as the application's role or, for a while, as the owner of the tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base

from accounts import tenancy
from config.database.carrying import Carrier, ScopedCursor, ScopedServerSideCursor
from config.database.creation import DatabaseCreation


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection whose transactions carry the scope in force.

    `settings_dict["OWNER"]` holds `USER` and `PASSWORD` of the role that owns the tables; without it the
    application's role does everything.
    """

    creation_class = DatabaseCreation

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.is_owner = self.alias == NO_DB_ALIAS  # makes and drops databases
        self._carrier = Carrier()

    @contextmanager
    def as_owner(self) -> Iterator[None]:
        """Be connected as the owner of the tables, who reaches all accounts, within the block: to migrate or flush."""
        if self.is_owner:
            yield
            return
        self.close()
        self.is_owner = True
        try:
            yield
        finally:
            self.close()
            self.is_owner = False

    def get_connection_params(self) -> dict[str, Any]:
        params: dict[str, Any] = super().get_connection_params()
        owner = self.settings_dict.get("OWNER")
        if owner and self.is_owner:
            params.pop("password", None)
            params["user"] = owner["USER"]
            if owner["PASSWORD"]:
                params["password"] = owner["PASSWORD"]
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        if self.is_owner:
            connection.execute(f"SET {tenancy.SETTING} = '{tenancy.EVERY_ACCOUNT}'")
            connection.commit()
            return connection
        self._carrier.forget()
        connection.cursor_factory = partial(ScopedCursor, carrier=self._carrier)
        return connection

    def create_cursor(self, name: str | None = None) -> Any:
        if name is None or self.is_owner:
            return super().create_cursor(name)
        return ScopedServerSideCursor(
            self.connection, name=name, scrollable=False, withhold=self.connection.autocommit, carrier=self._carrier
        )

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)  # type: ignore[misc]  # the stubs leave it out
        self._carrier.forget()
