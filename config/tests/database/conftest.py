"""What the tests of the second wall share: they start without a scope, on a role that row level security binds."""

import pytest
from django.db import connection

from accounts.tenancy import no_scope, system_scope
from config.database.checks import role_problem


@pytest.fixture
def wall(account, other_account):
    """Two accounts, and no scope; skips where DATABASE_URL names a role that nothing binds."""
    if problem := role_problem(connection):
        pytest.skip(f"{problem} Give DATABASE_OWNER_URL, too.")
    with no_scope():
        yield


@pytest.fixture
def everything():
    """Return a function that calls another one in the scope of the system."""

    def reaching(function):
        with system_scope("what a test looks up"):
            return function()

    return reaching
