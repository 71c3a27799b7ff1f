"""Members on their pages: what they may say of themselves."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Account, AuditEntry, Membership, Role
from accounts.tests.factories import MembershipFactory, UserFactory

pytestmark = pytest.mark.django_db


def staff(account: Account, role: Role) -> Membership:
    made: Membership = MembershipFactory(account=account, role=role, user=UserFactory(is_staff=True))
    return made


def save(by: Membership, of: Membership, **data: Any) -> int:
    client = Client()
    client.force_login(by.user)
    return client.post(reverse("admin:accounts_membership_change", args=[of.pk]), data).status_code


class TestOwnPhone:
    @pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
    def test_is_all_that_a_member_changes(self, role: Role, account: Account) -> None:
        own = staff(account, role)
        assert save(own, own, phone="0171 1234567 ", role="owner", is_active="") == 200
        assert save(own, own, phone="+49 171 1234567", role="owner", is_active="") == 302
        own.refresh_from_db()
        assert (own.phone, own.role, own.is_active) == ("+491711234567", role, True)
        entry = AuditEntry.objects.for_account(account.id).get()
        assert (entry.actor_user_id, entry.after) == (own.user_id, {"phone": "+491711234567"})

    def test_is_nobody_elses_below_admin(self, account: Account) -> None:
        other = MembershipFactory(account=account)
        assert save(staff(account, Role.EDITOR), other, phone="+491711234567") == 403
        other.refresh_from_db()
        assert other.phone == ""

    def test_is_out_of_reach_where_they_are_shut_out(self, account: Account, other_account: Account) -> None:
        own = staff(account, Role.EDITOR)
        gone = MembershipFactory(account=other_account, user=own.user, is_active=False)
        assert save(own, gone, phone="+491711234567") == 403
        gone.refresh_from_db()
        assert gone.phone == ""
