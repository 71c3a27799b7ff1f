from io import StringIO
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import Account, ApiKey, AuditEntry, Membership, Role, User
from accounts.tests.factories import PASSWORD, AccountFactory, MembershipFactory, UserFactory


def run(*arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command(*arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.mark.django_db
class TestCreateAccount:
    def test_prints_the_id_alone(self) -> None:
        out, err = run("create_account", "Acme", "--owner", "Ada@Example.com", "--password", PASSWORD)
        account = Account.objects.get()
        assert out == f"{account.id}\n"
        assert err == ""
        assert (account.name, account.request_limit, account.workflow_limit) == ("Acme", 100, 500)

    def test_makes_an_owner_who_can_sign_in(self) -> None:
        run("create_account", "Acme", "--owner", "Ada@Example.com", "--password", PASSWORD)
        membership = Membership.objects.get()
        assert (membership.role, membership.user.email, membership.user.is_staff) == ("owner", "ada@example.com", True)
        assert membership.user.is_superuser is False
        assert Client().login(email="ada@example.com", password=PASSWORD)
        assert AuditEntry.objects.get().verb == "account.created"

    def test_sets_every_api_limit(self) -> None:
        run("create_account", "Acme", "--owner", "a@example.com", "--password", PASSWORD, "--rate-limit", "7")
        account = Account.objects.get()
        assert (account.request_limit, account.workflow_creation_limit, account.workflow_limit) == (7, 7, 500)

    def test_leaves_the_password_of_a_user_who_exists(self) -> None:
        user = UserFactory(email="ada@example.com")
        out, err = run("create_account", "Acme", "--owner", "ADA@example.com", "--password", "another password")
        assert UUID(out.strip())
        assert "password was left as it is" in err
        assert Client().login(email="ada@example.com", password=PASSWORD)
        assert Membership.objects.get().user == user

    def test_notes_a_weak_password(self) -> None:
        out, err = run("create_account", "Acme", "--owner", "a@example.com", "--password", "secret")
        assert UUID(out.strip())
        assert "too short" in err

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["", "--owner", "a@example.com"], "name must have 1 to 120 characters"),
            (["x" * 121, "--owner", "a@example.com"], "name must have 1 to 120 characters"),
            (["Acme", "--owner", "ada"], "ada is not an e-mail address"),
            (["Acme", "--owner", "a@example.com", "--rate-limit", "0"], "request_limit must lie between"),
            (["Acme", "--owner", "a@example.com", "--rate-limit", str(10**30)], "request_limit must lie between"),
        ],
    )
    def test_refuses_bad_input(self, arguments: list[str], message: str) -> None:
        with pytest.raises(CommandError, match=message):
            run("create_account", *arguments, "--password", PASSWORD)
        assert (Account.objects.count(), User.objects.count()) == (0, 0)

    def test_refuses_an_empty_password(self) -> None:
        with pytest.raises(CommandError, match="password must not be empty"):
            run("create_account", "Acme", "--owner", "a@example.com", "--password", "")
        assert User.objects.count() == 0

    def test_refuses_a_deactivated_owner(self) -> None:
        UserFactory(email="ada@example.com", is_active=False)
        with pytest.raises(CommandError, match="deactivated"):
            run("create_account", "Acme", "--owner", "ada@example.com", "--password", PASSWORD)
        assert Account.objects.count() == 0


@pytest.mark.django_db
class TestCreateApiKey:
    def test_prints_a_key_that_works_alone(self) -> None:
        owner = MembershipFactory(role=Role.OWNER)
        out, err = run("create_api_key", "--account", str(owner.account_id), "--role", "editor")
        assert err == ""
        assert out.count("\n") == 1
        client = APIClient(HTTP_AUTHORIZATION=f"Bearer {out.strip()}")
        assert client.get("/api/v1/account").json()["id"] == str(owner.account_id)
        assert client.get("/api/v1/api-keys").status_code == 403
        api_key = ApiKey.objects.get()
        assert (api_key.user, api_key.role) == (owner.user, "editor")

    @pytest.mark.parametrize("account", ["", "junk", "00000000-0000-0000-0000-000000000000"])
    def test_refuses_an_account_that_is_not_there(self, account: str) -> None:
        with pytest.raises(CommandError, match="There is no account"):
            run("create_api_key", "--account", account, "--role", "editor")

    def test_refuses_an_unknown_role(self) -> None:
        with pytest.raises(CommandError, match="invalid choice"):
            run("create_api_key", "--account", str(AccountFactory().id), "--role", "king")

    def test_refuses_an_account_without_an_owner(self) -> None:
        account = MembershipFactory(role=Role.ADMIN).account
        with pytest.raises(CommandError, match="no active owner"):
            run("create_api_key", "--account", str(account.id), "--role", "editor")
        assert ApiKey.objects.count() == 0
