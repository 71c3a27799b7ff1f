import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from accounts.admin.base import AccountScopedAdmin
from accounts.models import Account, AuditEntry, Membership, Role, User
from accounts.services.accounts import LIMITS, SENDING_LIMITS
from accounts.tests.factories import (
    PASSWORD,
    ApiKeyFactory,
    AuditEntryFactory,
    MembershipFactory,
    TeamFactory,
    UserFactory,
)

MODELS = ["account", "apikey", "auditentry", "membership", "team"]


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def superuser(db: None) -> User:
    return UserFactory(is_staff=True, is_superuser=True)


@pytest.fixture
def staff(account: Account) -> User:
    """An owner who may open the admin."""
    return MembershipFactory(account=account, role=Role.OWNER, user=UserFactory(is_staff=True)).user


def rows_of(account: Account) -> dict[str, object]:
    return {
        "account": account,
        "apikey": ApiKeyFactory(account=account, name=f"Key of {account}"),
        "auditentry": AuditEntryFactory(account=account, actor_label=f"Actor of {account}"),
        "membership": MembershipFactory(account=account, user=UserFactory(name=f"Member of {account}")),
        "team": TeamFactory(account=account, name=f"Team of {account}"),
    }


class TestLogin:
    def test_takes_the_address_in_any_case(self, staff: User) -> None:
        client = Client()
        page = client.get("/admin/login/")
        assert page.status_code == 200
        assert b"Followthrough" in page.content
        response = client.post("/admin/login/", {"username": staff.email.upper(), "password": PASSWORD})
        assert response.status_code == 302
        assert client.get("/admin/").status_code == 200

    def test_refuses_members_who_are_no_staff(self, account: Account) -> None:
        user = MembershipFactory(account=account).user
        response = Client().post("/admin/login/", {"username": user.email, "password": PASSWORD})
        assert response.status_code == 200
        assert b"staff account" in response.content


class TestPages:
    @pytest.mark.parametrize("model", MODELS)
    def test_open_for_superusers(self, model: str, superuser: User, other_account: Account) -> None:
        row = rows_of(other_account)[model]
        client = client_of(superuser)
        changelist = client.get(reverse(f"admin:accounts_{model}_changelist"))
        assert changelist.status_code == 200
        assert client.get(reverse(f"admin:accounts_{model}_change", args=[row.pk])).status_code == 200

    @pytest.mark.parametrize("model", MODELS)
    def test_show_staff_their_own_accounts_only(
        self, model: str, staff: User, account: Account, other_account: Account
    ) -> None:
        own, foreign = rows_of(account)[model], rows_of(other_account)[model]
        client = client_of(staff)
        content = client.get(reverse(f"admin:accounts_{model}_changelist")).content.decode()
        assert str(own.pk) in content
        assert str(foreign.pk) not in content
        assert client.get(reverse(f"admin:accounts_{model}_change", args=[own.pk])).status_code == 200
        assert client.get(reverse(f"admin:accounts_{model}_change", args=[foreign.pk])).status_code == 302

    @pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
    def test_stay_closed_below_admin(self, role: Role, account: Account) -> None:
        user = MembershipFactory(account=account, role=role, user=UserFactory(is_staff=True)).user
        for model in ["apikey", "auditentry", "user"]:
            assert client_of(user).get(reverse(f"admin:accounts_{model}_changelist")).status_code == 403
        for model in ["account", "membership", "team"]:
            assert client_of(user).get(reverse(f"admin:accounts_{model}_changelist")).status_code == 200
            assert client_of(user).get(reverse(f"admin:accounts_{model}_add")).status_code == 403

    @pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
    def test_change_nothing_below_admin(self, role: Role, account: Account) -> None:
        client = client_of(MembershipFactory(account=account, role=role, user=UserFactory(is_staff=True)).user)
        for model, row in rows_of(account).items():
            fields = {"name": "Changed"}
            assert client.post(reverse(f"admin:accounts_{model}_change", args=[row.pk]), fields).status_code == 403
            assert client.post(reverse(f"admin:accounts_{model}_delete", args=[row.pk])).status_code == 403
        assert Account.objects.get(pk=account.pk).name == "Acme"

    def test_never_show_a_digest(self, superuser: User, account: Account) -> None:
        api_key = ApiKeyFactory(account=account)
        content = client_of(superuser).get(reverse("admin:accounts_apikey_change", args=[api_key.pk])).content
        assert api_key.digest.encode() not in content

    def test_of_account_rows_are_scoped(self) -> None:
        for model, model_admin in admin.site._registry.items():
            if model._meta.app_label == "accounts" and model is not User:
                assert isinstance(model_admin, AccountScopedAdmin), model


class TestAccountPage:
    def change(self, user: User, account: Account, **changes: str) -> int:
        fields = {name: getattr(account, name) for name in ("name", "timezone", "currency", "default_country")}
        limits = (*LIMITS, *SENDING_LIMITS, "log_retention_days")
        fields |= {name: getattr(account, name) for name in limits} | changes
        return client_of(user).post(reverse("admin:accounts_account_change", args=[account.pk]), fields).status_code

    def test_saves_and_audits(self, superuser: User, account: Account) -> None:
        assert self.change(superuser, account, currency="EUR") == 302
        assert Account.objects.get(pk=account.pk).currency == "EUR"
        entry = AuditEntry.objects.get()
        assert (entry.verb, entry.actor_user_id, entry.after) == ("account.changed", superuser.id, {"currency": "EUR"})

    def test_refuses_what_the_api_refuses(self, superuser: User, account: Account) -> None:
        assert self.change(superuser, account, timezone="Mars/Olympus") == 200
        assert Account.objects.get(pk=account.pk).timezone == "UTC"
        assert AuditEntry.objects.count() == 0


class TestUserPages:
    def test_are_for_superusers(self, staff: User) -> None:
        client = client_of(staff)
        assert client.get(reverse("admin:accounts_user_changelist")).status_code == 403
        assert client.get(reverse("admin:accounts_user_change", args=[staff.pk])).status_code == 403

    def test_add_a_user_with_a_password(self, superuser: User) -> None:
        client = client_of(superuser)
        assert client.get(reverse("admin:accounts_user_add")).status_code == 200
        fields = {"email": "New@Example.com", "name": "New", "usable_password": "true"}
        response = client.post(
            reverse("admin:accounts_user_add"), {**fields, "password1": PASSWORD, "password2": PASSWORD}
        )
        assert response.status_code == 302
        assert Client().login(email="new@example.com", password=PASSWORD)

    def test_change_a_password(self, superuser: User) -> None:
        user = UserFactory()
        client, path = client_of(superuser), reverse("admin:auth_user_password_change", args=[user.pk])
        assert client.get(path).status_code == 200
        new = "a completely different one"
        fields = {"usable_password": "true", "password1": new, "password2": new}
        assert client.post(path, fields).status_code == 302
        assert Client().login(email=user.email, password=new)

    def test_deactivate_but_never_delete(self, superuser: User) -> None:
        user = MembershipFactory().user
        client = client_of(superuser)
        assert client.post(reverse("admin:accounts_user_delete", args=[user.pk])).status_code == 403
        response = client.post(reverse("admin:accounts_user_change", args=[user.pk]), {"email": user.email, "name": ""})
        assert response.status_code == 302
        user.refresh_from_db()
        assert user.is_active is False
        assert Membership.objects.filter(user=user).exists()
