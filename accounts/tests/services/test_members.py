import threading
from typing import Any

import pytest
from django.db import connection

from accounts.actors import SYSTEM
from accounts.models import Account, Membership, Role, User
from accounts.problems import Conflict
from accounts.services.members import add_member, remove_member
from accounts.tests.factories import MembershipFactory


def at_once(*calls: Any) -> list[str]:
    """Run all calls in threads that start together; return what each came to, sorted."""
    barrier, results = threading.Barrier(len(calls)), []

    def run(call: Any) -> None:
        barrier.wait()
        try:
            call()
            results.append("done")
        except Conflict as conflict:
            results.append(conflict.problem.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(results)


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def test_never_removes_both_of_two_owners(self, account: Account) -> None:
        owners = MembershipFactory.create_batch(2, account=account, role=Role.OWNER)
        calls = [
            lambda owner=owner: remove_member(
                account_id=account.id, actor=SYSTEM, actor_role=Role.OWNER, membership_id=owner.id
            )
            for owner in owners
        ]
        assert at_once(*calls) == ["done", "last_owner"]
        assert Membership.objects.filter(role=Role.OWNER, is_active=True).count() == 1

    def test_never_adds_an_address_twice(self, account: Account) -> None:
        def add() -> Membership:
            return add_member(
                account_id=account.id,
                actor=SYSTEM,
                actor_role=Role.OWNER,
                email="ada@example.com",
                role=Role.VIEWER,
            )

        assert at_once(*[add] * 4) == ["already_member"] * 3 + ["done"]
        assert User.objects.filter(email="ada@example.com").count() == 1
        assert Membership.objects.count() == 1
