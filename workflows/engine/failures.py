"""Which database errors say something about the moment, and which about the step in hand."""

import psycopg
from django.db import Error as DjangoDatabaseError

PASSING = frozenset({"40P01", "40001", "55P03"})
"""Deadlock, serialization failure, lock time-out: the same again will work."""
NOBODYS_FAULT = ("08", "53", "57", "58")
"""Connection, resources, operator and system: no row is to blame, and trying the next one is no use."""


class Busy(Exception):
    """Somebody else holds what was not to be waited for: the same again will work."""


def sqlstate_of(error: BaseException) -> str | None:
    """Return the SQLSTATE of a database error; empty when the connection broke, None for any other exception."""
    cause = error.__cause__ if isinstance(error, DjangoDatabaseError) else error
    if isinstance(cause, psycopg.Error):
        return cause.sqlstate or ""
    return "" if isinstance(error, DjangoDatabaseError) else None


def is_passing(error: BaseException) -> bool:
    """Say whether repeating the transaction is the cure."""
    return isinstance(error, Busy) or sqlstate_of(error) in PASSING


def is_nobodys_fault(error: BaseException) -> bool:
    """Say whether the database or the connection failed, rather than what was asked of it."""
    cause = error.__cause__ if isinstance(error, DjangoDatabaseError) else error
    if isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError) and not cause.sqlstate:
        return True
    return (sqlstate_of(error) or "").startswith(NOBODYS_FAULT)
