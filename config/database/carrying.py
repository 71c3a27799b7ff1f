"""Bringing the scope in force (`accounts.tenancy`) to the database: by each transaction, and never beyond it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db.backends.postgresql.base import Cursor, ServerSideCursor
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus

from accounts import tenancy

FINE = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)


class Carrier:
    """Knows what the transaction of one connection carries, and brings it up to date before each statement.

    A transaction's first statement takes the scope along with `BEGIN`, so that it costs no round trip. A statement
    outside of any transaction gets one of its own. What a savepoint undoes is brought again.
    """

    def __init__(self) -> None:
        self._carried: str | None = None

    def forget(self) -> None:
        """Bring the scope again before the next statement, whatever was brought before."""
        self._carried = None

    def bring(self, connection: psycopg.Connection[Any]) -> bool:
        """Bring the scope; returns whether a transaction was begun for the coming statement alone."""
        wanted = tenancy.current()
        match connection.pgconn.transaction_status:
            case TransactionStatus.IDLE:
                self._carried = tenancy.NO_ACCOUNT
                if wanted:
                    run(connection, f"BEGIN; {setting_of(wanted)}")
                    self._carried = wanted
                    return connection.autocommit
            case TransactionStatus.INTRANS if wanted != self._carried:
                run(connection, setting_of(wanted))
                self._carried = wanted
        return False

    @contextmanager
    def around(self, connection: psycopg.Connection[Any]) -> Iterator[None]:
        """Bring the scope to the statement in the block."""
        if not self.bring(connection):
            yield
            return
        try:
            yield
        except BaseException:
            if connection.pgconn.status == ConnStatus.OK:
                run(connection, "ROLLBACK")
            raise
        run(connection, "COMMIT")


def setting_of(scope: str) -> str:
    return f"SET LOCAL {tenancy.SETTING} = '{scope}'"


def run(connection: psycopg.Connection[Any], statements: str) -> None:
    """Run statements in one round trip, below what the driver does of its own accord."""
    with connection.lock:
        result = connection.pgconn.exec_(statements.encode())
    if result.status not in FINE:
        raise psycopg.errors.error_from_result(result)


class _Carrying:
    """A cursor whose statements carry the scope."""

    carrier: Carrier
    connection: psycopg.Connection[Any]

    def execute(self, *arguments: Any, **options: Any) -> Any:
        with self.carrier.around(self.connection):
            return super().execute(*arguments, **options)  # type: ignore[misc]  # of the cursor it is mixed into

    def executemany(self, *arguments: Any, **options: Any) -> None:
        with self.carrier.around(self.connection):
            super().executemany(*arguments, **options)  # type: ignore[misc]

    @contextmanager
    def copy(self, *arguments: Any, **options: Any) -> Iterator[psycopg.Copy]:
        with self.carrier.around(self.connection), super().copy(*arguments, **options) as copy:  # type: ignore[misc]
            yield copy


class ScopedCursor(_Carrying, Cursor):
    """Every cursor of a connection."""

    def __init__(self, *arguments: Any, carrier: Carrier, **options: Any) -> None:
        self.carrier = carrier
        super().__init__(*arguments, **options)


class ScopedServerSideCursor(_Carrying, ServerSideCursor):
    """Cursors that the server keeps, of `QuerySet.iterator()`."""

    def __init__(self, *arguments: Any, carrier: Carrier, **options: Any) -> None:
        self.carrier = carrier
        super().__init__(*arguments, **options)
