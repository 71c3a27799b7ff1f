"""The pages of connections to providers other than mail servers."""

import pytest
from django.test import Client

from accounts.models import Role
from accounts.tests.factories import MembershipFactory, UserFactory
from workflows.messaging.models import Connection, Secret

pytestmark = pytest.mark.django_db
ADD = "/admin/messaging/connection/add/?kind=twilio"
SID = "AC" + "0a" * 16
BODY = {
    "name": "SMS",
    "account_sid": SID,
    "api_host": "postbox.test",
    "numbers": "+14155550100 sms voice\n\n +1 415 555 0101",
    "messages_per_second": "3",
    "password": "open sesame",
    "is_enabled": "on",
}


@pytest.fixture
def browser(account):
    user = UserFactory(is_staff=True)
    MembershipFactory(account=account, user=user, role=Role.ADMIN)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def connection(browser):
    response = browser.post(ADD, BODY)
    assert response.status_code == 302, response.content.decode()
    return Connection.objects.get()


class TestTwilio:
    def test_is_offered_where_connections_are_added(self, browser):
        page = browser.get("/admin/messaging/connection/add/").content.decode()
        assert 'href="?kind=twilio"' in page
        assert 'name="account_sid"' in browser.get(ADD).content.decode()

    def test_is_called_by_its_name(self, browser, connection):
        assert "<strong>Twilio</strong>" in browser.get(ADD).content.decode()
        assert '<a class="underline" href="?kind=ses">Amazon SES</a>' in browser.get(ADD).content.decode()
        assert "Twilio" in browser.get("/admin/messaging/connection/").content.decode()

    def test_is_connected_with_its_numbers(self, connection):
        assert (connection.kind, connection.name, connection.is_enabled) == ("twilio", "SMS", True)
        assert connection.messages_per_second == 3
        assert connection.settings == {
            "account_sid": SID,
            "api_host": "postbox.test",
            "numbers": [
                {"number": "+14155550100", "types": ["sms", "voice"]},
                {"number": "+14155550101", "types": ["sms"]},
            ],
        }
        assert connection.secret_id is not None

    def test_shows_everything_but_the_token(self, browser, connection):
        page = browser.get(f"/admin/messaging/connection/{connection.id}/change/").content.decode()
        assert "+14155550100 sms voice" in page
        assert 'name="messages_per_second" value="3"' in page
        assert "sesame" not in page
        assert "+14155550101" in browser.get("/admin/messaging/connection/").content.decode()

    def test_keeps_the_token_while_only_numbers_change(self, browser, connection):
        url = f"/admin/messaging/connection/{connection.id}/change/"
        response = browser.post(url, BODY | {"numbers": "+14155550102", "password": ""})
        assert response.status_code == 302, response.content.decode()
        connection.refresh_from_db()
        assert connection.settings["numbers"] == [{"number": "+14155550102", "types": ["sms"]}]
        assert Secret.objects.count() == 1

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"numbers": "12"}, "Give a phone number with its country prefix"),
            ({"numbers": "+14155550100\n+14155550100"}, "is a number of this account already"),
            ({"numbers": "+14155550100 fax"}, "A number is for sms or voice, not fax."),
            ({"account_sid": "AC1"}, "An account SID is AC and 32 digits"),
        ],
    )
    def test_says_at_the_field_what_is_wrong(self, browser, changes, said):
        response = browser.post(ADD, BODY | changes)
        assert response.status_code == 200
        assert said in response.content.decode()
        assert not Connection.objects.exists()
        assert not Secret.objects.exists()


class TestMailServices:
    FORMS = {
        "sendgrid": {"verification_key": "", "api_host": "postbox.test"},
        "mailgun": {"domain": "mg.acme.example", "api_host": "postbox.test", "webhook_secret": "hocus pocus"},
        "postmark": {"message_stream": "", "api_host": "postbox.test", "webhook_secret": "basic password"},
        "ses": {"region": "eu-west-1", "access_key_id": "AKIA0123456789ABCDEF", "api_host": "postbox.test"},
    }

    @pytest.mark.parametrize("kind", sorted(FORMS))
    def test_are_connected_changed_and_forgotten(self, browser, kind):
        url = f"/admin/messaging/connection/add/?kind={kind}"
        assert browser.get(url).status_code == 200
        given = {"name": kind, "password": "open sesame", "is_enabled": "on", **self.FORMS[kind]}
        response = browser.post(url, given)
        assert response.status_code == 302, response.content.decode()
        connection = Connection.objects.get()
        has_webhook_secret = "webhook_secret" in self.FORMS[kind]
        assert (connection.kind, connection.settings["api_host"]) == (kind, "postbox.test")
        assert connection.secret_id is not None
        assert (connection.webhook_secret_id is not None) == has_webhook_secret
        change = f"/admin/messaging/connection/{connection.id}/change/"
        page = browser.get(change).content.decode()
        assert f"/hooks/{kind}/{connection.id}" in page
        assert not any(secret in page for secret in ("sesame", "hocus pocus", "basic password"))
        quiet = {**given, "password": "", "webhook_secret": "", "name": "Renamed"}
        assert browser.post(change, quiet).status_code == 302
        assert Secret.objects.count() == 1 + has_webhook_secret
        forget = {**quiet, "forget_password": "on", "forget_webhook_secret": "on"}
        assert browser.post(change, forget).status_code == 302
        assert not Secret.objects.exists()
        connection.refresh_from_db()
        assert (connection.name, connection.secret_id, connection.webhook_secret_id) == ("Renamed", None, None)

    def test_say_at_the_field_what_is_wrong(self, browser):
        given = {"name": "x", "domain": "acme", "api_host": "postbox.test", "password": "", "is_enabled": "on"}
        response = browser.post("/admin/messaging/connection/add/?kind=mailgun", given)
        assert response.status_code == 200
        assert "Give the sending domain as Mailgun lists it" in response.content.decode()
        assert not Connection.objects.exists()


class TestMailServers:
    def test_are_names_and_no_addresses_of_pages(self, browser):
        body = {"name": "Mail", "host": "https://smtp.example.com", "security": "starttls", "is_enabled": "on"}
        page = browser.post("/admin/messaging/connection/add/?kind=smtp", body).content.decode()
        assert "Give the name of the mail server alone, such as smtp.example.com." in page
        assert not Connection.objects.exists()
