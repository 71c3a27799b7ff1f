"""Whose rows the running code means: a scope that the database connection brings to each of its transactions.

Row level security shows and takes nothing but the rows of the scope in force; without one that is nothing at all. A
scope belongs to the running code, not to a connection: it ends with its block, and threads start without one.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

SETTING = "followthrough.accounts"
"""The database's parameter that policies read: ids with commas in between, `EVERY_ACCOUNT`, or nothing."""
EVERY_ACCOUNT = "*"
NO_ACCOUNT = ""

_scope: ContextVar[str] = ContextVar("tenancy", default=NO_ACCOUNT)


def current() -> str:
    """Return what `SETTING` is to be for the code that asks: safe to be put between quotes."""
    return _scope.get()


@contextmanager
def account_scope(account_id: UUID) -> Iterator[None]:
    """Work for one account within the block."""
    with accounts_scope([account_id]):
        yield


@contextmanager
def accounts_scope(account_ids: Iterable[UUID]) -> Iterator[None]:
    """Work for several accounts within the block, such as those of a member; for none, nothing is seen."""
    ids = sorted({account_id if isinstance(account_id, UUID) else UUID(account_id) for account_id in account_ids})
    with _holding(",".join(map(str, ids))):
        yield


@contextmanager
def system_scope(reason: str) -> Iterator[None]:
    """Work for all accounts within the block; the reason is for whoever reads the code or its list in the tests."""
    if not reason:
        raise ValueError("Say what needs to reach all accounts.")
    with _holding(EVERY_ACCOUNT):
        yield


@contextmanager
def no_scope() -> Iterator[None]:
    """Begin anew within the block, as at an entrance from outside: nothing is seen until a scope is entered."""
    with _holding(NO_ACCOUNT):
        yield


@contextmanager
def _holding(scope: str) -> Iterator[None]:
    token = _scope.set(scope)
    try:
        yield
    finally:
        _scope.reset(token)
