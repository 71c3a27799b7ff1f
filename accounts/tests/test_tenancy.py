"""Scopes: what the running code says of whose rows it means."""

import contextlib
import threading
from uuid import UUID

import pytest

from accounts import tenancy
from accounts.tenancy import account_scope, accounts_scope, no_scope, system_scope

FIRST = UUID("00000000-0000-7000-8000-000000000001")
SECOND = UUID("00000000-0000-7000-8000-000000000002")


@pytest.fixture(autouse=True)
def outside():
    with no_scope():
        yield


class TestScopes:
    def test_name_their_accounts(self):
        with account_scope(FIRST):
            assert tenancy.current() == str(FIRST)
        with accounts_scope([SECOND, FIRST, SECOND]):
            assert tenancy.current() == f"{FIRST},{SECOND}"
        with system_scope("this test"):
            assert tenancy.current() == "*"

    def test_of_no_account_are_none(self):
        with accounts_scope([]):
            assert tenancy.current() == ""

    def test_end_with_their_block(self):
        with system_scope("this test"):
            with contextlib.suppress(KeyError), account_scope(FIRST):
                with no_scope():
                    assert tenancy.current() == ""
                assert tenancy.current() == str(FIRST)
                raise KeyError
            assert tenancy.current() == "*"
        assert tenancy.current() == ""

    def test_take_nothing_but_ids(self):
        for junk in ("x'; SELECT 1", "*", ""):
            with pytest.raises(ValueError, match="badly formed"), accounts_scope([junk]):
                pytest.fail("was entered")

    def test_of_the_system_want_a_reason(self):
        with pytest.raises(ValueError, match="what needs to reach all accounts"), system_scope(""):
            pytest.fail("was entered")

    def test_do_not_reach_threads(self):
        found = []
        with account_scope(FIRST):
            thread = threading.Thread(target=lambda: found.append(tenancy.current()))
            thread.start()
            thread.join()
        assert found == [tenancy.EVERY_ACCOUNT]  # where threads of tests start; those of a server start with nothing
