from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import Account, AuditEntry, Membership, Role, User
from accounts.tests.factories import MembershipFactory, UserFactory
from accounts.tests.fixtures import client_for


def code(response: Any) -> tuple[int, str, str | None]:
    error = response.json()["errors"][0]
    return response.status_code, error["code"], error["attr"]


def roles(account: Account) -> list[tuple[str, bool]]:
    return list(Membership.objects.for_account(account.id).values_list("role", "is_active").order_by("id"))


class TestListing:
    def test_shows_members_with_their_address(self, viewer_api: APIClient, account: Account) -> None:
        (viewer,) = Membership.objects.for_account(account.id)
        assert viewer_api.get("/api/v1/members").json()["items"] == [
            {
                "id": str(viewer.id),
                "user_id": str(viewer.user_id),
                "email": viewer.user.email,
                "name": viewer.user.name,
                "phone": "",
                "role": "viewer",
                "is_active": True,
                "created_at": viewer.created_at.isoformat().replace("+00:00", "Z"),
                "updated_at": viewer.updated_at.isoformat().replace("+00:00", "Z"),
            }
        ]

    def test_needs_the_same_queries_for_one_and_for_many(
        self, api: APIClient, account: Account, django_assert_num_queries: Any
    ) -> None:
        api.get("/api/v1/members")
        MembershipFactory.create_batch(5, account=account)
        with django_assert_num_queries(4):  # the key, the count of requests, the total, the page
            api.get("/api/v1/members")


class TestAdding:
    def test_creates_a_user_without_a_password(self, admin_api: APIClient, account: Account) -> None:
        response = admin_api.post("/api/v1/members", {"email": " Ada@Example.com ", "role": "editor", "name": "Ada"})
        assert response.status_code == 201
        user = User.objects.get(email="ada@example.com")
        assert (user.name, user.has_usable_password(), user.is_staff) == ("Ada", False, False)
        member = Membership.objects.get(pk=response.json()["id"])
        assert (member.account_id, member.user_id, member.role) == (account.id, user.id, "editor")
        entry = AuditEntry.objects.for_account(account.id).get(verb="member.added")
        assert entry.after == {"email": "ada@example.com", "role": "editor"}
        assert entry.actor_api_key_id == admin_api.api_key.id

    def test_takes_a_user_who_is_there_and_keeps_the_name(self, admin_api: APIClient) -> None:
        user = UserFactory(email="ada@example.com", name="Ada")
        response = admin_api.post("/api/v1/members", {"email": "ADA@example.com", "role": "viewer", "name": "Eve"})
        assert response.json()["user_id"] == str(user.id)
        user.refresh_from_db()
        assert (user.name, user.has_usable_password()) == ("Ada", True)

    def test_refuses_who_is_a_member_already(self, admin_api: APIClient, account: Account) -> None:
        member = MembershipFactory(account=account)
        before = roles(account)
        response = admin_api.post("/api/v1/members", {"email": member.user.email, "role": "viewer"})
        assert code(response) == (409, "already_member", "email")
        assert roles(account) == before

    @pytest.mark.parametrize(
        ("body", "attr"),
        [
            ({"role": "viewer"}, "email"),
            ({"email": "ada@example.com"}, "role"),
            ({"email": "ada", "role": "viewer"}, "email"),
            ({"email": "a@" + "b" * 250 + ".com", "role": "viewer"}, "email"),
            ({"email": "ada@example.com", "role": "king"}, "role"),
            ({"email": "ada@example.com", "role": "viewer", "phone": "call me"}, "phone"),
        ],
    )
    def test_names_the_field_that_is_wrong(self, body: dict[str, str], attr: str, admin_api: APIClient) -> None:
        status, _, named = code(admin_api.post("/api/v1/members", body))
        assert (status, named) == (400, attr)
        assert not User.objects.filter(email="ada@example.com").exists()


class TestPhone:
    def test_is_kept_as_e164_in_this_account_alone(self, admin_api: APIClient, account: Account) -> None:
        elsewhere = MembershipFactory(user=UserFactory(email="ada@example.com"))
        body = {"email": "ada@example.com", "role": "viewer", "phone": " (415) 555-0123 "}
        response = admin_api.post("/api/v1/members", body)
        assert (response.status_code, response.json()["phone"]) == (201, "+14155550123")
        elsewhere.refresh_from_db()
        assert elsewhere.phone == ""
        entry = AuditEntry.objects.for_account(account.id).get(verb="member.added")
        assert entry.after == {"email": "ada@example.com", "role": "viewer", "phone": "+14155550123"}

    def test_is_changed_and_taken_away_with_audit(self, admin_api: APIClient, account: Account) -> None:
        member = MembershipFactory(account=account)
        path = f"/api/v1/members/{member.id}"
        assert admin_api.patch(path, {"phone": "+491711234567"}).json()["phone"] == "+491711234567"
        assert admin_api.patch(path, {"phone": ""}).json()["phone"] == ""
        entries = AuditEntry.objects.for_account(account.id).filter(verb="member.changed").order_by("id")
        assert [(entry.before, entry.after) for entry in entries] == [
            ({"phone": ""}, {"phone": "+491711234567"}),
            ({"phone": "+491711234567"}, {"phone": ""}),
        ]

    def test_that_is_none_changes_nothing(self, admin_api: APIClient, account: Account) -> None:
        member = MembershipFactory(account=account, phone="+491711234567")
        response = admin_api.patch(f"/api/v1/members/{member.id}", {"phone": "12", "role": "viewer"})
        assert code(response) == (400, "invalid", "phone")
        member.refresh_from_db()
        assert (member.phone, member.role) == ("+491711234567", "editor")

    def test_of_the_last_owner_can_be_changed(self, account: Account) -> None:
        owner_api = client_for(account, "owner")
        own = Membership.objects.for_account(account.id).get(user=owner_api.api_key.user)
        response = owner_api.patch(f"/api/v1/members/{own.id}", {"phone": "+491711234567"})
        assert (response.status_code, response.json()["role"]) == (200, "owner")

    def test_is_given_by_nobody_below(self, admin_api: APIClient, account: Account) -> None:
        owner = MembershipFactory(account=account, role=Role.OWNER)
        response = admin_api.patch(f"/api/v1/members/{owner.id}", {"phone": "+491711234567"})
        assert code(response) == (403, "permission_denied", None)
        owner.refresh_from_db()
        assert owner.phone == ""


class TestGranting:
    def test_reaches_no_higher_than_the_own_role(self, admin_api: APIClient, account: Account) -> None:
        member = MembershipFactory(account=account)
        before = roles(account)
        add = admin_api.post("/api/v1/members", {"email": "ada@example.com", "role": "owner"})
        change = admin_api.patch(f"/api/v1/members/{member.id}", {"role": "owner"})
        assert code(add) == code(change) == (403, "permission_denied", None)
        assert roles(account) == before
        assert not User.objects.filter(email="ada@example.com").exists()

    def test_touches_nobody_above(self, admin_api: APIClient, account: Account) -> None:
        owners = MembershipFactory.create_batch(2, account=account, role=Role.OWNER)
        before = roles(account)
        for response in (
            admin_api.patch(f"/api/v1/members/{owners[0].id}", {"role": "viewer"}),
            admin_api.patch(f"/api/v1/members/{owners[0].id}", {"is_active": False}),
            admin_api.delete(f"/api/v1/members/{owners[0].id}"),
        ):
            assert code(response) == (403, "permission_denied", None)
        assert roles(account) == before

    def test_lets_an_owner_make_another_one(self, account: Account) -> None:
        member = MembershipFactory(account=account)
        response = client_for(account, "owner").patch(f"/api/v1/members/{member.id}", {"role": "owner"})
        assert (response.status_code, response.json()["role"]) == (200, "owner")


class TestLastOwner:
    @pytest.fixture
    def owner_api(self, account: Account) -> APIClient:
        """The key of the account's only active owner."""
        client = client_for(account, "owner")
        MembershipFactory(account=account, role=Role.OWNER, is_active=False)
        return client

    def test_stays(self, owner_api: APIClient, account: Account) -> None:
        path = f"/api/v1/members/{Membership.objects.for_account(account.id).get(user=owner_api.api_key.user).id}"
        before = roles(account)
        for response in (
            owner_api.delete(path),
            owner_api.patch(path, {"role": "admin"}),
            owner_api.patch(path, {"is_active": False}),
        ):
            assert code(response) == (409, "last_owner", None)
        assert roles(account) == before

    def test_may_go_when_another_one_is_there(self, owner_api: APIClient, account: Account) -> None:
        MembershipFactory(account=account, role=Role.OWNER)
        own = Membership.objects.for_account(account.id).get(user=owner_api.api_key.user)
        assert owner_api.delete(f"/api/v1/members/{own.id}").status_code == 204
        own.refresh_from_db()
        assert own.is_active is False


class TestRemoving:
    def test_shuts_the_member_out_at_once(self, admin_api: APIClient, account: Account, api: APIClient) -> None:
        member = Membership.objects.for_account(account.id).get(user=api.api_key.user)
        assert admin_api.delete(f"/api/v1/members/{member.id}").status_code == 204
        assert api.get("/api/v1/account").status_code == 401
        entry = AuditEntry.objects.for_account(account.id).get(verb="member.changed")
        assert (entry.object_id, entry.before, entry.after) == (member.id, {"is_active": True}, {"is_active": False})

    def test_can_be_taken_back(self, admin_api: APIClient, account: Account) -> None:
        member = MembershipFactory(account=account, is_active=False)
        response = admin_api.patch(f"/api/v1/members/{member.id}", {"is_active": True})
        assert (response.status_code, response.json()["is_active"]) == (200, True)

    def test_of_who_is_out_already_changes_nothing(self, admin_api: APIClient, account: Account) -> None:
        member = MembershipFactory(account=account, is_active=False)
        assert admin_api.delete(f"/api/v1/members/{member.id}").status_code == 204
        assert AuditEntry.objects.for_account(account.id).count() == 0
