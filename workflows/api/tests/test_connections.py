from dataclasses import replace

import pytest

from accounts.models import AuditEntry
from workflows.messaging.models import Connection, ConnectionKind, Secret
from workflows.messaging.secrets import reveal_secrets
from workflows.messaging.services.connection_kinds import KINDS
from workflows.messaging.tests.factories import ConnectionFactory
from workflows.tests.factories import ActionFactory, WorkflowFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/connections"
BODY = {
    "kind": "smtp",
    "name": "Office",
    "settings": {"host": "mail.acme.example", "username": "ada"},
    "password": "open sesame",
}


def password_of(connection_id):
    connection = Connection.objects.get(id=connection_id)
    (text,) = reveal_secrets(account_id=connection.account_id, secret_ids=[connection.secret_id]).values()
    return text.reveal()


@pytest.fixture
def connection(admin_api):
    response = admin_api.post(URL, BODY)
    assert response.status_code == 201, response.content
    return response.json()


class TestConnections:
    def test_show_everything_but_the_password(self, admin_api, connection):
        assert connection["settings"] == {
            "host": "mail.acme.example",
            "port": 587,
            "security": "starttls",
            "username": "ada",
        }
        assert (connection["has_password"], connection["status"]) == (True, "untested")
        assert password_of(connection["id"]) == "open sesame"
        for response in (admin_api.get(URL), admin_api.get(f"{URL}/{connection['id']}")):
            assert "sesame" not in response.content.decode()

    @pytest.mark.parametrize(
        ("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)], ids=["starttls", "tls", "none"]
    )
    def test_have_the_usual_port(self, admin_api, security, port):
        body = {**BODY, "settings": {"host": "mail.acme.example", "security": security}}
        assert admin_api.post(URL, body).json()["settings"]["port"] == port

    @pytest.mark.parametrize(
        ("change", "code", "attr"),
        [
            ({"kind": "pigeon"}, "invalid_choice", "kind"),
            ({"name": ""}, "blank", "name"),
            ({"name": "x" * 81}, "max_length", "name"),
            ({"settings": {}}, "required", "settings.host"),
            ({"settings": {"host": "a.example", "hots": "x"}}, "unknown_field", "settings.hots"),
            ({"settings": {"host": "10.0.0.1"}}, "invalid", "settings.host"),
            ({"settings": {"host": "169.254.169.254"}}, "invalid", "settings.host"),
            ({"settings": {"host": "[::1]"}}, "invalid", "settings.host"),
            ({"settings": {"host": "a b"}}, "invalid", "settings.host"),
            ({"settings": {"host": "a.example/x"}}, "invalid", "settings.host"),
            ({"settings": {"host": "ada@a.example"}}, "invalid", "settings.host"),
            ({"settings": {"host": "a.example", "port": 0}}, "min_value", "settings.port"),
            ({"settings": {"host": "a.example", "port": 65536}}, "max_value", "settings.port"),
            ({"settings": {"host": "a.example", "security": "ssl"}}, "invalid_choice", "settings.security"),
            ({"password": "x" * 4097}, "max_length", "password"),
            ({"messages_per_second": 0}, "min_value", "messages_per_second"),
            ({"messages_per_second": 1001}, "max_value", "messages_per_second"),
        ],
    )
    def test_are_refused(self, admin_api, account, change, code, attr):
        response = admin_api.post(URL, {**BODY, **change})
        assert response.status_code == 400
        assert [(error["code"], error["attr"]) for error in response.json()["errors"]] == [(code, attr)]
        assert not Connection.objects.filter(account=account).exists()
        assert not Secret.objects.filter(account=account).exists()

    def test_have_a_limit_that_comes_and_goes(self, admin_api, account, connection):
        assert connection["messages_per_second"] is None
        for limit in (5, None):
            response = admin_api.patch(f"{URL}/{connection['id']}", {"messages_per_second": limit})
            assert (response.status_code, response.json()["messages_per_second"]) == (200, limit)
            entry = AuditEntry.objects.for_account(account.id).filter(verb="connection.updated").latest("id")
            assert entry.after["messages_per_second"] == limit
        assert (
            admin_api.post(URL, {**BODY, "name": "Slow", "messages_per_second": 1}).json()["messages_per_second"] == 1
        )

    def test_have_a_name_once(self, admin_api, account, connection):
        response = admin_api.post(URL, BODY)
        assert (response.status_code, response.json()["errors"][0]["code"]) == (409, "name_taken")
        assert Secret.objects.filter(account=account).count() == 1

    def test_keep_what_is_not_sent(self, admin_api, connection):
        response = admin_api.patch(f"{URL}/{connection['id']}", {"settings": {"username": "bob"}, "name": "Shop"})
        assert response.status_code == 200
        assert response.json()["settings"] == {**connection["settings"], "username": "bob"}
        assert (response.json()["name"], password_of(connection["id"])) == ("Shop", "open sesame")

    def test_change_and_forget_their_password(self, admin_api, account, connection):
        admin_api.patch(f"{URL}/{connection['id']}", {"password": "abracadabra"})
        assert password_of(connection["id"]) == "abracadabra"
        assert admin_api.patch(f"{URL}/{connection['id']}", {"password": None}).json()["has_password"] is False
        assert not Secret.objects.filter(account=account).exists()

    def test_lead_elsewhere_only_with_the_password_sent_again(self, admin_api, connection):
        change = {"settings": {"host": "mail.evil.example"}}
        response = admin_api.patch(f"{URL}/{connection['id']}", change)
        assert response.status_code == 400
        assert [(error["code"], error["attr"]) for error in response.json()["errors"]] == [("required", "password")]
        assert Connection.objects.get(id=connection["id"]).settings["host"] == "mail.acme.example"
        again = admin_api.patch(f"{URL}/{connection['id']}", {**change, "password": "other"})
        assert again.json()["settings"]["host"] == "mail.evil.example"

    def test_take_their_password_with_them(self, admin_api, account, connection):
        assert admin_api.delete(f"{URL}/{connection['id']}").status_code == 204
        assert not Connection.objects.filter(account=account).exists()
        assert not Secret.objects.filter(account=account).exists()

    def test_stay_while_a_workflow_names_them(self, admin_api, account, connection):
        ActionFactory(
            workflow=WorkflowFactory(account=account),
            action_type="send_email",
            action_config={"connection_id": connection["id"]},
        )
        response = admin_api.delete(f"{URL}/{connection['id']}")
        assert (response.status_code, response.json()["errors"][0]["code"]) == (409, "in_use")
        assert Connection.objects.filter(id=connection["id"]).exists()

    def test_are_audited_without_the_password(self, admin_api, account, connection):
        admin_api.patch(f"{URL}/{connection['id']}", {"password": "abracadabra", "name": "Shop"})
        admin_api.delete(f"{URL}/{connection['id']}")
        entries = AuditEntry.objects.filter(account=account, object_type="connection").order_by("id")
        assert [entry.verb for entry in entries] == ["connection.created", "connection.updated", "connection.deleted"]
        assert not any(word in str(entry.after) + str(entry.before) for entry in entries for word in ("sesame", "abra"))

    @pytest.mark.parametrize("role", ["api", "viewer_api"])
    def test_are_for_admins(self, request, role, connection):
        client = request.getfixturevalue(role)
        assert client.get(URL).status_code == 403
        assert client.post(URL, {**BODY, "name": "B"}).status_code == 403
        assert client.patch(f"{URL}/{connection['id']}", {"name": "B"}).status_code == 403
        assert client.post(f"{URL}/{connection['id']}/test", {}).status_code == 403


class TestWebhookSecrets:
    """Of kinds whose callbacks are proven by a secret beside the password."""

    @pytest.fixture(autouse=True)
    def kind_with_one(self, monkeypatch):
        monkeypatch.setitem(KINDS, ConnectionKind.SMTP, replace(KINDS[ConnectionKind.SMTP], has_webhook_secret=True))

    @pytest.fixture
    def connection(self, admin_api):
        response = admin_api.post(URL, {**BODY, "webhook_secret": "abracadabra"})
        assert response.status_code == 201, response.content
        return response.json()

    def test_are_kept_beside_the_password_and_never_shown(self, admin_api, connection):
        assert (connection["has_password"], connection["has_webhook_secret"]) == (True, True)
        row = Connection.objects.get(id=connection["id"])
        kept = reveal_secrets(account_id=row.account_id, secret_ids=[row.secret_id, row.webhook_secret_id])
        assert kept[row.secret_id].reveal() == "open sesame"
        assert kept[row.webhook_secret_id].reveal() == "abracadabra"
        for response in (admin_api.get(URL), admin_api.get(f"{URL}/{connection['id']}")):
            assert not any(word in response.content.decode() for word in ("sesame", "abra"))

    def test_are_changed_and_forgotten_alone(self, admin_api, account, connection):
        url = f"{URL}/{connection['id']}"
        assert admin_api.patch(url, {"webhook_secret": "hocus"}).json()["has_webhook_secret"] is True
        row = Connection.objects.get(id=connection["id"])
        kept = reveal_secrets(account_id=row.account_id, secret_ids=[row.webhook_secret_id])
        assert kept[row.webhook_secret_id].reveal() == "hocus"
        answer = admin_api.patch(url, {"webhook_secret": None}).json()
        assert (answer["has_password"], answer["has_webhook_secret"]) == (True, False)
        assert [secret.id for secret in Secret.objects.filter(account=account)] == [row.secret_id]

    def test_hold_their_secret_until_the_connection_is_deleted(self, admin_api, account, connection):
        row = Connection.objects.get(id=connection["id"])
        assert admin_api.delete(f"/api/v1/secrets/{row.webhook_secret_id}").status_code == 409
        assert admin_api.delete(f"{URL}/{row.id}").status_code == 204
        assert not Secret.objects.filter(account=account).exists()

    def test_are_audited_only_as_being_there(self, admin_api, account, connection):
        admin_api.patch(f"{URL}/{connection['id']}", {"webhook_secret": None})
        made, changed = AuditEntry.objects.filter(account=account, object_type="connection").order_by("id")
        assert (made.after["has_webhook_secret"], changed.after["has_webhook_secret"]) == (True, False)
        assert "abra" not in f"{made.before}{made.after}{changed.before}{changed.after}"

    def test_are_refused_by_kinds_without(self, admin_api, account, connection):
        body = {**TestTwilio.TWILIO, "webhook_secret": "hocus"}
        error = admin_api.post(URL, body).json()["errors"][0]
        assert (error["code"], error["attr"]) == ("invalid", "webhook_secret")
        twilio = admin_api.post(URL, TestTwilio.TWILIO).json()
        assert admin_api.patch(f"{URL}/{twilio['id']}", {"webhook_secret": "hocus"}).status_code == 400
        assert Secret.objects.filter(account=account).count() == 3


class TestTwilio:
    SID = "AC" + "0a" * 16
    NUMBERS = [{"number": "+1 415 555 0100", "types": ["voice", "sms"]}]
    TWILIO = {
        "kind": "twilio",
        "name": "SMS",
        "settings": {"account_sid": SID, "numbers": NUMBERS},
        "password": "token",
    }

    def test_has_numbers_and_shows_no_token(self, admin_api):
        response = admin_api.post(URL, self.TWILIO)
        assert response.status_code == 201
        assert response.json()["settings"] == {
            "account_sid": self.SID,
            "api_host": "api.twilio.com",
            "numbers": [{"number": "+14155550100", "types": ["sms", "voice"]}],
        }
        assert (response.json()["has_password"], password_of(response.json()["id"])) == (True, "token")
        assert "token" not in response.content.decode()

    @pytest.mark.parametrize(
        ("settings", "code", "attr"),
        [
            ({}, "required", "settings.account_sid"),
            ({"account_sid": "AC12"}, "invalid", "settings.account_sid"),
            ({"account_sid": SID, "host": "x"}, "unknown_field", "settings.host"),
            ({"account_sid": SID, "api_host": "evil.example"}, "invalid_choice", "settings.api_host"),
            ({"account_sid": SID, "numbers": [{"number": "+14155550100"}]}, "required", "settings.numbers.0.types"),
            (
                {"account_sid": SID, "numbers": [{"number": "12", "types": ["sms"]}]},
                "invalid",
                "settings.numbers.0.number",
            ),
            (
                {"account_sid": SID, "numbers": [{"number": "+14155550100", "types": ["fax"]}]},
                "invalid_choice",
                "settings.numbers.0.types.0",
            ),
            ({"account_sid": SID, "numbers": NUMBERS * 2}, "number_taken", "settings.numbers.1.number"),
            ("x", "invalid", "settings"),
        ],
    )
    def test_is_refused(self, admin_api, account, settings, code, attr):
        response = admin_api.post(URL, {**self.TWILIO, "settings": settings})
        assert response.status_code == 400
        assert [(error["code"], error["attr"]) for error in response.json()["errors"]] == [(code, attr)]
        assert not Connection.objects.filter(account=account).exists()
        assert not Secret.objects.filter(account=account).exists()

    def test_has_a_number_of_the_account_once(self, admin_api, account):
        first = admin_api.post(URL, self.TWILIO).json()
        again = admin_api.post(URL, {**self.TWILIO, "name": "More SMS"})
        assert [error["code"] for error in again.json()["errors"]] == ["number_taken"]
        assert Connection.objects.filter(account=account).count() == 1
        same = admin_api.patch(f"{URL}/{first['id']}", {"settings": {"numbers": self.NUMBERS}})
        assert same.status_code == 200

    def test_may_have_the_number_of_another_account(self, admin_api):
        ConnectionFactory(kind="twilio", settings={"numbers": [{"number": "+14155550100", "types": ["sms"]}]})
        assert admin_api.post(URL, self.TWILIO).status_code == 201

    def test_leads_elsewhere_only_with_the_token_sent_again(self, admin_api):
        made = admin_api.post(URL, self.TWILIO).json()
        change = {"settings": {"account_sid": "AC" + "1" * 32}}
        response = admin_api.patch(f"{URL}/{made['id']}", change)
        assert [(error["code"], error["attr"]) for error in response.json()["errors"]] == [("required", "password")]
        assert Connection.objects.get(id=made["id"]).settings["account_sid"] == self.SID

    def test_is_tried_by_asking_for_the_account(self, admin_api, settings, postbox, tmp_path):
        settings.DATA_DIR = tmp_path
        postbox.address.write(tmp_path)
        local = {**self.TWILIO, "settings": {**self.TWILIO["settings"], "api_host": "postbox.test"}}
        made = admin_api.post(URL, local).json()
        assert admin_api.post(f"{URL}/{made['id']}/test", {}).json()["status"] == "working"
        postbox.add_rule("status", protocol="sms", status=401, body='{"code": 20003, "message": "Authenticate"}')
        answer = admin_api.post(f"{URL}/{made['id']}/test", {}).json()
        assert (answer["status"], "20003" in answer["last_error"]) == ("failing", True)
        assert postbox.messages(method="POST") == []


class TestTrying:
    @pytest.fixture
    def local(self, admin_api, postbox):
        settings = {"host": "127.0.0.1", "port": postbox.address.smtp, "security": "none", "username": "ada"}
        return admin_api.post(URL, {**BODY, "settings": settings}).json()

    def test_connects_and_sends_nothing(self, admin_api, postbox, local):
        response = admin_api.post(f"{URL}/{local['id']}/test", {})
        assert response.status_code == 200
        assert (response.json()["status"], response.json()["last_error"]) == ("working", "")
        assert response.json()["checked_at"] is not None
        assert postbox.mails() == []

    def test_notes_why_it_failed(self, admin_api, postbox, local):
        postbox.add_rule("status", stage="auth", status=535)
        answer = admin_api.post(f"{URL}/{local['id']}/test", {}).json()
        assert answer["status"] == "failing"
        assert "535" in answer["last_error"]
        assert "sesame" not in str(answer)
        assert admin_api.get(f"{URL}/{local['id']}").json() == answer

    def test_notes_that_nobody_listens(self, admin_api):
        settings = {"host": "127.0.0.1", "port": 9, "security": "none"}
        made = admin_api.post(URL, {**BODY, "settings": settings}).json()
        answer = admin_api.post(f"{URL}/{made['id']}/test", {}).json()
        assert (answer["status"], bool(answer["last_error"])) == ("failing", True)
