import re

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client

from accounts.login.encryption import keyring, rotate_second_factors
from accounts.tests.factories import UserFactory
from accounts.tests.fixtures import client_for
from accounts.tests.login.conftest import SECRET, code_of, give_second_factor, is_signed_in, sign_in

AUTHENTICATE = "/account/2fa/authenticate/"


def second_step(client, code):
    return client.post(AUTHENTICATE, {"code": code})


@pytest.fixture
def asked(staff):
    """A client whose password was right, of a person with a second factor."""
    give_second_factor(staff)
    client = Client()
    response = sign_in(client, staff)
    assert (response.status_code, response["Location"]) == (302, AUTHENTICATE)
    return client


class TestSecondStep:
    def test_lets_nobody_in_by_the_password_alone(self, asked):
        assert not is_signed_in(asked)
        assert asked.get("/admin/").status_code == 302
        assert asked.get("/api/v1/account").status_code == 401

    def test_takes_the_code_of_the_phone(self, asked):
        assert second_step(asked, code_of(SECRET))["Location"] == "/admin/"
        assert asked.get("/admin/").status_code == 200

    @pytest.mark.parametrize("periods", [-1, 1])
    def test_bears_a_clock_that_is_off_a_little(self, periods, asked):
        assert second_step(asked, code_of(SECRET, periods=periods)).status_code == 302

    @pytest.mark.parametrize("code", ["", "000000x", "\x00", "１２３４５６", "9" * 500])
    def test_refuses_anything_else(self, code, asked):
        assert second_step(asked, code).status_code == 200
        assert not is_signed_in(asked)

    def test_takes_a_code_once(self, asked, staff):
        code = code_of(SECRET)
        second_step(asked, code)
        other = Client()
        sign_in(other, staff)
        assert second_step(other, code).status_code == 200
        assert not is_signed_in(other)

    def test_takes_a_recovery_code_once(self, asked, staff):
        code = Authenticator.objects.get(user=staff, type="recovery_codes").wrap().get_unused_codes()[0]
        assert second_step(asked, code).status_code == 302
        other = Client()
        sign_in(other, staff)
        assert second_step(other, code).status_code == 200
        assert not is_signed_in(other)

    def test_locks_after_five_wrong_codes(self, locking, asked, staff):
        answers = [second_step(asked, f"{number:06}").status_code for number in range(5)]
        assert answers == [200] * 4 + [429]
        assert second_step(asked, code_of(SECRET)).status_code == 429
        assert not is_signed_in(asked)
        assert sign_in(Client(), staff).status_code == 429


class TestSetUp:
    def test_asks_for_a_code_before_it_counts(self, staff):
        client = Client()
        sign_in(client, staff)
        page = client.get("/account/2fa/totp/activate/")
        assert page.status_code == 200
        secret = page.context["form"].secret
        assert client.post("/account/2fa/totp/activate/", {"code": "000000"}).status_code == 200
        assert Authenticator.objects.count() == 0
        response = client.post("/account/2fa/totp/activate/", {"code": code_of(secret)})
        assert (response.status_code, response["Location"]) == (302, "/account/2fa/recovery-codes/")
        assert {each.type for each in Authenticator.objects.filter(user=staff)} == {"totp", "recovery_codes"}
        codes = client.get("/account/2fa/recovery-codes/").content.decode()
        assert len(re.findall(r"^\d{8}$|(?<=>)\d{8}$|^\d{8}(?=<)", codes, re.MULTILINE)) == 10

    def test_keeps_secrets_encrypted(self, staff):
        factor = give_second_factor(staff)
        factor.refresh_from_db()
        assert SECRET not in str(factor.data)
        assert keyring().decrypt(factor.data["secret"].encode()).decode() == SECRET
        seed = Authenticator.objects.get(type="recovery_codes").data["seed"]
        assert keyring().decrypt(seed.encode())

    def test_is_told_by_mail(self, staff, monkeypatch):
        monkeypatch.setattr("django.db.transaction.on_commit", lambda call: call())
        client = Client()
        sign_in(client, staff)
        secret = client.get("/account/2fa/totp/activate/").context["form"].secret
        client.post("/account/2fa/totp/activate/", {"code": code_of(secret)})
        assert [message.to for message in mail.outbox] == [[staff.email]]
        assert secret not in mail.outbox[0].body

    def test_asks_for_the_password_again_after_five_minutes(self, staff):
        client = Client()
        sign_in(client, staff)
        session = client.session
        session["account_authentication_methods"][0]["at"] -= 301
        session.save()
        response = client.get("/account/2fa/totp/activate/")
        assert response["Location"].startswith("/account/confirm/")

    def test_of_one_person_is_out_of_reach_for_others(self, staff):
        give_second_factor(staff)
        other = UserFactory(is_staff=True)
        client = Client()
        sign_in(client, other)
        client.post("/account/2fa/totp/deactivate/")
        client.post("/account/2fa/recovery-codes/generate/")
        assert Authenticator.objects.filter(user=staff).count() == 2

    def test_lists_keys_and_offers_to_add_one(self, staff):
        client = Client()
        sign_in(client, staff)
        for path in ("", "webauthn/", "webauthn/add/", "totp/activate/"):
            page = client.get(f"/account/2fa/{path}")
            assert (page.status_code, b"http://" in page.content.replace(b"http://www.w3.org", b"")) == (200, False)

    @pytest.mark.parametrize("model", ["emailaddress", "authenticator"])
    def test_is_on_no_page_of_the_admin(self, model):
        from django.contrib import admin

        assert model not in {each._meta.model_name for each in admin.site._registry}


class TestRequirement:
    @pytest.fixture(autouse=True)
    def required(self, settings):
        settings.REQUIRE_MFA = "staff"

    def test_leads_to_the_set_up(self, staff):
        client = Client()
        sign_in(client, staff)
        assert client.get("/admin/")["Location"] == "/account/2fa/"
        page = client.get("/account/2fa/")
        assert "Set up an authenticator app or a security key first" in page.content.decode()

    def test_lets_in_who_has_one(self, staff):
        give_second_factor(staff)
        client = Client()
        sign_in(client, staff)
        second_step(client, code_of(SECRET))
        assert client.get("/admin/").status_code == 200

    def test_counts_no_recovery_codes(self, staff):
        give_second_factor(staff).delete()
        client = Client()
        sign_in(client, staff)
        assert client.get("/admin/").status_code == 302

    def test_closes_the_api_to_the_session(self, staff):
        client = Client()
        sign_in(client, staff)
        response = client.get("/api/v1/account")
        assert response.status_code == 403
        assert response.json()["errors"][0]["code"] == "permission_denied"

    @pytest.mark.parametrize(("header", "status"), [("", 403), (" ", 401), ("Basic x", 401), ("Bearer unknown", 401)])
    def test_closes_it_whatever_else_is_sent(self, header, status, staff):
        """What is no key must not open the way to the session behind it."""
        client = Client()
        sign_in(client, staff)
        assert client.get("/api/v1/account", headers={"Authorization": header}).status_code == status

    def test_leaves_keys_alone(self, staff, account):
        client = client_for(account)
        assert client.get("/api/v1/account").status_code == 200
        client.force_login(staff)
        assert client.get("/api/v1/account").status_code == 200

    def test_lets_people_out(self, staff):
        client = Client()
        sign_in(client, staff)
        assert client.post("/admin/logout/")["Location"] == "/admin/login/"

    @pytest.mark.parametrize(("is_superuser", "status"), [(False, 200), (True, 302)])
    def test_may_concern_superusers_alone(self, is_superuser, status, staff, settings):
        settings.REQUIRE_MFA = "superusers"
        staff.is_superuser = is_superuser
        staff.save(update_fields=["is_superuser"])
        client = Client()
        sign_in(client, staff)
        assert client.get("/admin/").status_code == status


class TestRotation:
    def test_brings_everything_under_the_first_key(self, staff, settings):
        factor = give_second_factor(staff)
        old = settings.SECRET_KEYS
        new = "bmV3LWtleS1uZXcta2V5LW5ldy1rZXktbmV3LWtleSE="
        settings.SECRET_KEYS = [new, *old]
        assert rotate_second_factors() == (2, 0)
        settings.SECRET_KEYS = [new]
        factor.refresh_from_db()
        assert keyring().decrypt(factor.data["secret"].encode()).decode() == SECRET

    def test_counts_what_it_cannot_read(self, staff, settings):
        factor = give_second_factor(staff)
        settings.SECRET_KEYS = ["bmV3LWtleS1uZXcta2V5LW5ldy1rZXktbmV3LWtleSE="]
        assert rotate_second_factors() == (0, 2)
        before = factor.data
        factor.refresh_from_db()
        assert factor.data == before
