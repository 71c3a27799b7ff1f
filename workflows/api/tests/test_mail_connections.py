"""Connections to mail services, as admins make and try them."""

import pytest

from workflows.messaging.models import Connection, Secret
from workflows.messaging.postbox.mail_services import TOPIC_ARN, verification_key
from workflows.messaging.secrets import reveal_secrets

pytestmark = pytest.mark.django_db
URL = "/api/v1/connections"
KEY = verification_key()
ACCESS = {"region": "eu-west-1", "access_key_id": "AKIA0123456789ABCDEF"}
GIVEN = {
    "sendgrid": {},
    "mailgun": {"domain": " MG.Acme.example "},
    "postmark": {},
    "ses": ACCESS,
}
COMPLETE = {
    "sendgrid": {"api_host": "api.sendgrid.com", "verification_key": ""},
    "mailgun": {"api_host": "api.mailgun.net", "domain": "mg.acme.example"},
    "postmark": {"api_host": "api.postmarkapp.com", "message_stream": "outbound"},
    "ses": {"api_host": "amazonaws.com", **ACCESS, "configuration_set": "", "topic_arn": ""},
}
KINDS = sorted(GIVEN)


def body(kind, **settings):
    return {"kind": kind, "name": kind, "settings": {**GIVEN[kind], **settings}, "password": "the key"}


@pytest.mark.parametrize("kind", KINDS)
class TestEveryService:
    def test_is_connected_with_the_usual_settings(self, admin_api, kind):
        response = admin_api.post(URL, body(kind))
        assert response.status_code == 201, response.content
        made = response.json()
        assert (made["settings"], made["has_password"], made["status"]) == (COMPLETE[kind], True, "untested")
        assert "the key" not in response.content.decode()
        row = Connection.objects.get(id=made["id"])
        kept = reveal_secrets(account_id=row.account_id, secret_ids=[row.secret_id])
        assert kept[row.secret_id].reveal() == "the key"

    def test_is_tried_by_signing_in(self, admin_api, settings, postbox, tmp_path, kind):
        settings.DATA_DIR = tmp_path
        postbox.address.write(tmp_path)
        made = admin_api.post(URL, body(kind, api_host="postbox.test")).json()
        assert admin_api.post(f"{URL}/{made['id']}/test", {}).json()["status"] == "working"
        postbox.add_rule("status", status=401, body="{}")
        answer = admin_api.post(f"{URL}/{made['id']}/test", {}).json()
        assert (answer["status"], "answered 401" in answer["last_error"]) == ("failing", True)
        assert [entry for entry in postbox.mails() if entry["outcome"] == "new"] == []

    def test_is_led_elsewhere_only_with_the_key_sent_again(self, admin_api, kind):
        made = admin_api.post(URL, body(kind)).json()
        change = {"settings": {"api_host": "postbox.test"}}
        response = admin_api.patch(f"{URL}/{made['id']}", change)
        assert [(error["code"], error["attr"]) for error in response.json()["errors"]] == [("required", "password")]
        assert Connection.objects.get(id=made["id"]).settings == COMPLETE[kind]
        again = admin_api.patch(f"{URL}/{made['id']}", {**change, "password": "other"})
        assert again.json()["settings"]["api_host"] == "postbox.test"

    def test_has_a_webhook_secret_only_where_the_service_uses_one(self, admin_api, account, kind):
        response = admin_api.post(URL, {**body(kind), "webhook_secret": "signing key"})
        if kind in {"mailgun", "postmark"}:
            assert (response.status_code, response.json()["has_webhook_secret"]) == (201, True)
        else:
            assert [error["attr"] for error in response.json()["errors"]] == ["webhook_secret"]
            assert not Secret.objects.filter(account=account).exists()

    def test_leads_nowhere_else(self, admin_api, account, kind):
        for host in ("evil.example", "127.0.0.1", "api.sendgrid.com.evil.example", ""):
            response = admin_api.post(URL, body(kind, api_host=host))
            assert [error["attr"] for error in response.json()["errors"]] == ["settings.api_host"]
        assert not Connection.objects.filter(account=account).exists()


class TestSettings:
    @pytest.mark.parametrize(
        ("kind", "settings", "attr"),
        [
            ("sendgrid", {"verification_key": "abc"}, "verification_key"),
            ("sendgrid", {"verification_key": KEY[:-8]}, "verification_key"),
            ("sendgrid", {"domain": "x"}, "domain"),
            ("mailgun", {"domain": "acme"}, "domain"),
            ("mailgun", {"domain": "a/b.example"}, "domain"),
            ("mailgun", {"domain": "mg.acme.example/../x"}, "domain"),
            ("postmark", {"message_stream": "a b"}, "message_stream"),
            ("postmark", {"message_stream": "../server"}, "message_stream"),
            ("ses", {"region": "evil.example/"}, "region"),
            ("ses", {"region": ""}, "region"),
            ("ses", {"access_key_id": "a b"}, "access_key_id"),
            ("ses", {"configuration_set": "a/b"}, "configuration_set"),
            ("ses", {"topic_arn": "arn:aws:sqs:eu-west-1:000000000000:x"}, "topic_arn"),
            ("ses", {"topic_arn": "arn:aws:sns:evil.example/:000000000000:x"}, "topic_arn"),
        ],
    )
    def test_that_cannot_be_are_refused(self, admin_api, account, kind, settings, attr):
        response = admin_api.post(URL, body(kind, **settings))
        assert response.status_code == 400
        assert [error["attr"] for error in response.json()["errors"]] == [f"settings.{attr}"]
        assert not Connection.objects.filter(account=account).exists()
        assert not Secret.objects.filter(account=account).exists()

    def test_are_kept_as_services_want_them(self, admin_api):
        pasted = f"{KEY[:40]}\n  {KEY[40:]}\n"
        made = admin_api.post(URL, body("sendgrid", verification_key=pasted)).json()
        assert made["settings"]["verification_key"] == KEY
        topic = admin_api.post(URL, body("ses", topic_arn=f" {TOPIC_ARN} ")).json()
        assert topic["settings"]["topic_arn"] == TOPIC_ARN
