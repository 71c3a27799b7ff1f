import threading
import time
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from accounts.actors import SYSTEM
from accounts.models import Account, Membership, Role, User
from accounts.problems import Conflict
from accounts.services.members import add_member, remove_member
from accounts.tests.factories import MembershipFactory, UserFactory

PATIENCE_SECONDS = 10


def overlapping(first: Callable[[], object], second: Callable[[], object]) -> str:
    """Run `second` while the transaction of `first` is still open; return what it came to."""
    results = []

    def run() -> None:
        try:
            second()
            results.append("done")
        except Conflict as conflict:
            results.append(conflict.problem.code)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    with transaction.atomic():
        first()
        thread.start()
        wait_until_blocked(thread)
    thread.join()
    return results[0]


def wait_until_blocked(thread: threading.Thread) -> None:
    """Return when the thread waits for a lock of ours, or has ended without one."""
    until = time.monotonic() + PATIENCE_SECONDS
    while thread.is_alive() and time.monotonic() < until:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def test_never_removes_both_of_two_owners(self, account: Account) -> None:
        owners = MembershipFactory.create_batch(2, account=account, role=Role.OWNER)

        def remove(owner: Membership) -> Membership:
            return remove_member(account_id=account.id, actor=SYSTEM, actor_role=Role.OWNER, membership_id=owner.id)

        assert overlapping(lambda: remove(owners[0]), lambda: remove(owners[1])) == "last_owner"
        assert Membership.objects.filter(role=Role.OWNER, is_active=True).count() == 1

    @pytest.mark.parametrize("is_known", [False, True])
    def test_never_adds_an_address_twice(self, is_known: bool, account: Account) -> None:
        if is_known:
            UserFactory(email="ada@example.com")

        def add() -> Membership:
            return add_member(
                account_id=account.id,
                actor=SYSTEM,
                actor_role=Role.OWNER,
                email="ada@example.com",
                role=Role.VIEWER,
            )

        assert overlapping(add, add) == "already_member"
        assert User.objects.filter(email="ada@example.com").count() == 1
        assert Membership.objects.count() == 1
