from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from rest_framework.test import APIClient
from time_machine import travel

from accounts.models import Account, ApiKey, Membership, Role
from accounts.tests.factories import (
    PASSWORD,
    AccountFactory,
    ApiKeyFactory,
    MembershipFactory,
    UserFactory,
)
from accounts.tests.fixtures import client_for

NOW = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)


def bearer(key: str) -> APIClient:
    return APIClient(HTTP_AUTHORIZATION=f"Bearer {key}")


def refusal(client: Client) -> tuple[int, str, str | None]:
    response = client.get("/api/v1/account")
    return response.status_code, response.json()["errors"][0]["code"], response.get("WWW-Authenticate")


FAILED = (401, "authentication_failed", 'Bearer realm="api"')


class TestApiKeyAuthentication:
    def test_acts_in_the_account_of_the_key(self, account: Account, api: APIClient) -> None:
        assert api.get("/api/v1/account").json()["id"] == str(account.id)

    def test_takes_the_scheme_in_any_case(self, account: Account) -> None:
        client = APIClient(HTTP_AUTHORIZATION=f"bEaReR {ApiKeyFactory(account=account).plain_key}")
        assert client.get("/api/v1/account").status_code == 200

    @pytest.mark.parametrize(
        "header",
        ["Bearer", "Bearer ", "Bearer nonsense", "Basic dTpw", "ft_key", "Bearer a b", "Bearer \xff\xfe", "Token x"],
    )
    def test_refuses_a_bad_credential(self, header: str, db: None) -> None:
        assert refusal(APIClient(HTTP_AUTHORIZATION=header)) == FAILED

    def test_refuses_no_credential(self, db: None) -> None:
        assert refusal(APIClient()) == (401, "not_authenticated", 'Bearer realm="api"')

    def test_refuses_the_digest_itself(self, account: Account) -> None:
        assert refusal(bearer(ApiKeyFactory(account=account).digest)) == FAILED

    def test_refuses_a_revoked_key(self, account: Account) -> None:
        assert refusal(bearer(ApiKeyFactory(account=account, revoked_at=NOW).plain_key)) == FAILED

    def test_refuses_an_expired_key_from_that_moment_on(self, account: Account) -> None:
        client = bearer(ApiKeyFactory(account=account, expires_at=NOW).plain_key)
        with travel(NOW - timedelta(seconds=1), tick=False):
            assert client.get("/api/v1/account").status_code == 200
        with travel(NOW, tick=False):
            assert refusal(client) == FAILED

    def test_refuses_the_key_of_an_inactive_user(self, account: Account) -> None:
        api_key = ApiKeyFactory(account=account)
        api_key.user.is_active = False
        api_key.user.save()
        assert refusal(bearer(api_key.plain_key)) == FAILED

    def test_refuses_the_key_of_a_member_who_was_shut_out(self, account: Account) -> None:
        api_key = ApiKeyFactory(account=account)
        Membership.objects.filter(user=api_key.user).update(is_active=False)
        assert refusal(bearer(api_key.plain_key)) == FAILED

    def test_refuses_the_key_of_a_user_who_is_a_member_elsewhere_only(self, account: Account) -> None:
        user = MembershipFactory().user
        assert refusal(bearer(ApiKeyFactory(account=account, user=user).plain_key)) == FAILED

    def test_lets_a_key_do_no_more_than_its_member_may_by_now(self, account: Account) -> None:
        api_key = ApiKeyFactory(account=account, role=Role.ADMIN)
        client = bearer(api_key.plain_key)
        assert client.get("/api/v1/api-keys").status_code == 200
        Membership.objects.filter(user=api_key.user).update(role=Role.VIEWER)
        assert client.get("/api/v1/api-keys").status_code == 403

    def test_notes_the_use_at_most_once_a_minute(self, account: Account) -> None:
        api_key = ApiKeyFactory(account=account)
        client = bearer(api_key.plain_key)
        seen = []
        for seconds in (0, 59, 60, 61):
            with travel(NOW + timedelta(seconds=seconds), tick=False):
                client.get("/api/v1/account")
            seen.append(ApiKey.objects.get(pk=api_key.pk).last_used_at)
        assert seen == [NOW, NOW, NOW + timedelta(seconds=60), NOW + timedelta(seconds=60)]

    def test_needs_one_query_when_the_use_was_noted(
        self, account: Account, api: APIClient, django_assert_num_queries
    ) -> None:
        api.get("/api/v1/account")
        with django_assert_num_queries(2):  # and the count of requests
            api.get("/api/v1/account")


class TestMemberSessionAuthentication:
    @pytest.fixture
    def member(self, account: Account) -> Membership:
        return MembershipFactory(account=account, role=Role.ADMIN)

    @pytest.fixture
    def browser(self, member: Membership) -> Client:
        client = Client(enforce_csrf_checks=True)
        assert client.login(email=member.user.email, password=PASSWORD)
        return client

    def test_acts_in_the_first_account_of_the_user(self, browser: Client, member: Membership) -> None:
        MembershipFactory(user=member.user)
        assert browser.get("/api/v1/account").json()["id"] == str(member.account_id)

    def test_acts_in_the_account_that_the_header_picks(self, browser: Client, member: Membership) -> None:
        second = MembershipFactory(user=member.user, role=Role.VIEWER)
        headers = {"X-Account-ID": str(second.account_id)}
        assert browser.get("/api/v1/account", headers=headers).json()["id"] == str(second.account_id)
        assert browser.get("/api/v1/api-keys", headers=headers).status_code == 403
        assert browser.get("/api/v1/api-keys").status_code == 200

    @pytest.mark.parametrize("wanted", ["", "junk", "00000000-0000-0000-0000-000000000000", "foreign", "left"])
    def test_refuses_an_account_the_user_is_not_in(
        self, wanted: str, browser: Client, member: Membership, other_account: Account
    ) -> None:
        left = MembershipFactory(user=member.user, is_active=False).account
        wanted = {"foreign": str(other_account.id), "left": str(left.id)}.get(wanted, wanted)
        response = browser.get("/api/v1/account", headers={"X-Account-ID": wanted})
        assert response.status_code == 403
        assert response.json()["errors"][0]["code"] == "permission_denied"

    def test_refuses_a_user_without_an_account(self, db: None) -> None:
        client = Client()
        client.force_login(UserFactory())
        assert client.get("/api/v1/account").status_code == 403

    def test_lets_a_superuser_act_in_any_account_as_owner(self, account: Account, other_account: Account) -> None:
        client = Client()
        client.force_login(UserFactory(is_superuser=True))
        for each in (account, other_account):
            headers = {"X-Account-ID": str(each.id)}
            assert client.get("/api/v1/account", headers=headers).json()["id"] == str(each.id)
            assert client.get("/api/v1/api-keys", headers=headers).status_code == 200
        missing = {"X-Account-ID": "00000000-0000-0000-0000-000000000000"}
        assert client.get("/api/v1/account", headers=missing).status_code == 403

    def test_asks_for_the_csrf_token_before_changes(self, browser: Client, account: Account) -> None:
        response = browser.patch("/api/v1/account", {"name": "Changed"}, content_type="application/json")
        assert response.status_code == 403
        assert Account.objects.get(pk=account.pk).name == "Acme"

    def test_changes_with_the_csrf_token(self, browser: Client, account: Account) -> None:
        browser.get("/admin/login/")
        browser.get("/admin/")
        token = "a" * 32
        browser.cookies["csrftoken"] = token
        response = browser.patch(
            "/api/v1/account",
            {"name": "Changed"},
            content_type="application/json",
            headers={"X-CSRFToken": token},
        )
        assert response.status_code == 200
        assert Account.objects.get(pk=account.pk).name == "Changed"

    def test_prefers_the_key_over_the_session(self, browser: Client) -> None:
        api_key = ApiKeyFactory(account=AccountFactory())
        response = browser.get("/api/v1/account", headers={"Authorization": f"Bearer {api_key.plain_key}"})
        assert response.json()["id"] == str(api_key.account_id)


class TestRolePermission:
    @pytest.mark.parametrize(
        ("role", "method", "path", "status"),
        [
            ("viewer", "get", "members", 200),
            ("viewer", "get", "teams", 200),
            ("viewer", "post", "teams", 403),
            ("editor", "post", "teams", 403),
            ("admin", "post", "teams", 400),
            ("owner", "post", "teams", 400),
            ("editor", "get", "api-keys", 403),
            ("admin", "get", "api-keys", 200),
            ("editor", "get", "audit-log", 403),
            ("admin", "get", "audit-log", 200),
            ("editor", "patch", "account", 403),
            ("admin", "patch", "account", 200),
        ],
    )
    def test_lets_in_from_the_least_role_on(
        self, role: str, method: str, path: str, status: int, account: Account
    ) -> None:
        response = getattr(client_for(account, role), method)(f"/api/v1/{path}", {})
        assert response.status_code == status
        if status == 403:
            assert response.json()["errors"][0]["code"] == "permission_denied"
