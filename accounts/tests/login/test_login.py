import re

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.urls import NoReverseMatch, reverse

from accounts.models import Role
from accounts.tests.factories import PASSWORD, MembershipFactory, UserFactory
from accounts.tests.login.conftest import is_signed_in, sign_in

NEW_PASSWORD = "an entirely different one"


class TestLogin:
    def test_opens_the_admin(self, staff):
        client = Client(enforce_csrf_checks=True)
        page = client.get("/admin/", follow=True)
        assert page.redirect_chain == [("/admin/login/?next=/admin/", 302)]
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.content.decode())[1]
        fields = {"csrfmiddlewaretoken": token, "username": staff.email, "password": PASSWORD}
        response = client.post("/admin/login/", fields | {"next": "/admin/accounts/account/"})
        assert (response.status_code, response["Location"]) == (302, "/admin/accounts/account/")
        assert client.get("/admin/").status_code == 200

    def test_leads_nowhere_else(self, staff):
        client = Client()
        fields = {"username": staff.email, "password": PASSWORD, "next": "https://elsewhere.test/"}
        assert client.post("/admin/login/", fields)["Location"] == "/admin/"

    @pytest.mark.parametrize("change", [{"password": "wrong"}, {"username": "nobody@example.com"}])
    def test_says_the_same_of_a_wrong_password_and_an_unknown_address(self, change, staff):
        client = Client()
        response = client.post("/admin/login/", {"username": staff.email, "password": PASSWORD} | change)
        assert response.status_code == 200
        assert "The e-mail address or the password is not right." in response.content.decode()
        assert not is_signed_in(client)

    def test_refuses_who_was_deactivated(self, staff):
        staff.is_active = False
        staff.save(update_fields=["is_active"])
        client = Client()
        assert sign_in(client, staff).status_code == 200
        assert not is_signed_in(client)

    @pytest.mark.parametrize("value", ["", "\x00", "a" * 10_000, "ä@ö.test", "'; --", "<script>"])
    def test_bears_anything_for_an_address(self, value, db, locking):
        client = Client()
        assert client.post("/admin/login/", {"username": value, "password": value}).status_code == 200
        assert not is_signed_in(client)

    def test_is_not_shown_to_who_is_signed_in(self, staff):
        client = Client()
        client.force_login(staff)
        assert client.get("/admin/login/")["Location"] == "/admin/"

    def test_asks_members_who_are_no_staff_for_another_login(self, account):
        client = Client()
        client.force_login(MembershipFactory(account=account, role=Role.ADMIN).user)
        page = client.get("/admin/", follow=True)
        assert (page.status_code, len(page.redirect_chain)) == (200, 1)
        assert is_signed_in(client)

    def test_needs_its_token(self, staff):
        client = Client(enforce_csrf_checks=True)
        response = sign_in(client, staff)
        assert response.status_code == 403
        assert "This page has expired" in response.content.decode()

    def test_leaves_addresses_to_the_user(self, staff):
        sign_in(Client(), staff)
        assert EmailAddress.objects.count() == 0

    @pytest.mark.parametrize("name", ["account_signup", "account_email"])
    def test_has_no_sign_up(self, name):
        with pytest.raises(NoReverseMatch):
            reverse(name)

    def test_ends_with_the_logout(self, staff):
        client = Client()
        sign_in(client, staff)
        assert client.post("/admin/logout/")["Location"] == "/admin/login/"
        assert client.get("/admin/").status_code == 302


class TestPasswordReset:
    def ask(self, email, client=None):
        return (client or Client()).post("/account/reset/", {"email": email})

    def link(self):
        return re.search(r"^(\S+)(/account/reset/\S+)$", mail.outbox[-1].body, re.MULTILINE).groups()

    def test_sends_a_link_that_works_once(self, staff, settings):
        settings.PUBLIC_URL = "https://crm.example.test"
        assert self.ask(staff.email.upper())["Location"] == "/account/reset/sent/"
        assert [message.to for message in mail.outbox] == [[staff.email]]
        host, path = self.link()
        assert host == "https://crm.example.test"
        client = Client()
        form = client.get(path, follow=True)
        fields = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
        done = client.post(form.request["PATH_INFO"], fields, follow=True)
        assert done.request["PATH_INFO"] == "/account/reset/done/"
        assert not is_signed_in(client)
        assert sign_in(Client(), staff).status_code == 200
        assert sign_in(Client(), staff, NEW_PASSWORD).status_code == 302
        assert "was invalid" in Client().get(path, follow=True).content.decode()

    def test_ends_sessions_of_the_old_password(self, staff):
        session = Client()
        sign_in(session, staff)
        self.ask(staff.email)
        client = Client()
        form = client.get(self.link()[1], follow=True)
        client.post(form.request["PATH_INFO"], {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
        assert session.get("/admin/").status_code == 302

    def test_takes_no_weak_password(self, staff):
        self.ask(staff.email)
        client = Client()
        form = client.get(self.link()[1], follow=True)
        response = client.post(form.request["PATH_INFO"], {"password1": "12345678", "password2": "12345678"})
        assert response.status_code == 200
        staff.refresh_from_db()
        assert staff.check_password(PASSWORD)

    @pytest.mark.parametrize("who", ["unknown", "inactive"])
    def test_tells_nobody_who_exists(self, who, staff):
        if who == "inactive":
            staff.is_active = False
            staff.save(update_fields=["is_active"])
        response = self.ask(staff.email if who == "inactive" else "nobody@example.com")
        assert response["Location"] == "/account/reset/sent/"
        assert mail.outbox == []

    def test_says_so_too_when_mail_is_down(self, staff, monkeypatch, caplog):
        def fail(*args, **kwargs):
            raise ConnectionRefusedError(f"smtp: no route for {staff.email}")

        monkeypatch.setattr("django.core.mail.EmailMessage.send", fail)
        assert self.ask(staff.email)["Location"] == "/account/reset/sent/"
        assert "could not be sent" in caplog.text
        assert staff.email not in caplog.text

    def test_does_not_follow_a_forged_host(self, staff, settings):
        settings.PUBLIC_URL, settings.ALLOWED_HOSTS = "https://crm.example.test", ["*"]
        Client().post("/account/reset/", {"email": staff.email}, headers={"host": "evil.test"})
        assert "evil.test" not in mail.outbox[0].body

    def test_is_asked_for_five_times_a_minute_at_most(self, staff):
        answers = [self.ask(staff.email).status_code for _ in range(6)]
        assert answers == [302] * 5 + [429]
        assert len(mail.outbox) == 5


class TestPasswordChange:
    def test_needs_the_old_one(self, staff):
        client = Client()
        sign_in(client, staff)
        fields = {"oldpassword": "wrong", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
        assert client.post("/account/password/", fields).status_code == 200
        response = client.post("/account/password/", fields | {"oldpassword": PASSWORD})
        assert (response.status_code, response["Location"]) == (302, "/account/2fa/")
        staff.refresh_from_db()
        assert staff.check_password(NEW_PASSWORD)
        assert is_signed_in(client)

    def test_is_for_the_signed_in(self, db):
        assert Client().get("/account/password/")["Location"] == "/admin/login/?next=/account/password/"


class TestSession:
    def test_keeps_its_cookie_from_scripts_and_other_sites(self, staff):
        client = Client()
        sign_in(client, staff)
        cookie = client.cookies["sessionid"]
        assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
        assert int(cookie["max-age"]) == 12 * 60 * 60

    def test_gets_a_new_key_at_the_login(self, staff):
        client = Client()
        client.session.save()
        before = client.session.session_key
        sign_in(client, staff)
        assert client.session.session_key != before

    def test_opens_the_api(self, staff, account):
        client = Client()
        sign_in(client, staff)
        assert client.get("/api/v1/account").json()["id"] == str(account.id)


def test_staff_flag_taken_away_closes_the_admin(account):
    user = MembershipFactory(account=account, role=Role.OWNER, user=UserFactory(is_staff=True)).user
    client = Client()
    sign_in(client, user)
    user.is_staff = False
    user.save(update_fields=["is_staff"])
    assert client.get("/admin/").status_code == 302
