"""`/connections` to Facebook pages."""

import pytest

from workflows.messaging.models import Connection, Secret
from workflows.messaging.postbox import POSTBOX_APP_SECRET
from workflows.messaging.providers.messenger import MessengerPage
from workflows.messaging.tests.factories import ConnectionFactory
from workflows.tests.factories import WorkflowFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/connections"
PAGE = "104270000000001"
BODY = {
    "kind": "messenger",
    "name": "Page",
    "settings": {"page_id": PAGE, "api_host": "postbox.test"},
    "password": "page token",
    "webhook_secret": POSTBOX_APP_SECRET,
}


@pytest.fixture
def connection(admin_api, settings, tmp_path, postbox):
    settings.DATA_DIR, settings.PUBLIC_URL = tmp_path, "https://crm.example"
    postbox.address.write(tmp_path)
    response = admin_api.post(URL, BODY)
    assert response.status_code == 201, response.content
    return response.json()


def errors(response):
    return [(error["code"], error["attr"]) for error in response.json()["errors"]]


class TestConnections:
    def test_say_what_to_set_at_meta_and_hide_their_secrets(self, admin_api, connection):
        row = Connection.objects.get(id=connection["id"])
        assert connection["settings"] == {"page_id": PAGE, "api_host": "postbox.test", "api_version": "v26.0"}
        assert (connection["has_password"], connection["has_webhook_secret"]) == (True, True)
        assert connection["webhook"] == {
            "url": f"https://crm.example/hooks/messenger/{row.id}",
            "verify_token": MessengerPage.of(row).verify_token,
        }
        for response in (admin_api.get(URL), admin_api.get(f"{URL}/{row.id}")):
            assert "page token" not in response.content.decode()
            assert POSTBOX_APP_SECRET not in response.content.decode()

    @pytest.mark.parametrize(
        ("change", "code", "attr"),
        [
            ({}, "required", "settings.page_id"),
            ({"page_id": "my page"}, "invalid", "settings.page_id"),
            ({"page_id": "1234"}, "invalid", "settings.page_id"),
            ({"page_id": "1" * 31}, "max_length", "settings.page_id"),
            ({"page_id": PAGE, "api_host": "evil.example"}, "invalid_choice", "settings.api_host"),
            ({"page_id": PAGE, "api_version": "latest"}, "invalid", "settings.api_version"),
            ({"page_id": PAGE, "api_version": "v1/../"}, "invalid", "settings.api_version"),
            ({"page_id": PAGE, "app_id": "1"}, "unknown_field", "settings.app_id"),
        ],
    )
    def test_are_refused(self, admin_api, account, change, code, attr):
        response = admin_api.post(URL, {**BODY, "settings": change})
        assert (response.status_code, errors(response)) == (400, [(code, attr)])
        assert not Connection.objects.filter(account=account).exists()
        assert not Secret.objects.filter(account=account).exists()

    def test_hold_a_page_once_in_an_account(self, admin_api, connection, other_account):
        ConnectionFactory(account=other_account, kind="messenger", settings={"page_id": "55555"})
        assert errors(admin_api.post(URL, {**BODY, "name": "Twice"})) == [("page_taken", "settings.page_id")]
        other = {**BODY, "name": "Other", "settings": {"page_id": "55555"}}
        made = admin_api.post(URL, other)
        assert made.status_code == 201
        change = {"settings": {"page_id": PAGE}, "password": "x"}
        assert errors(admin_api.patch(f"{URL}/{made.json()['id']}", change)) == [("page_taken", "settings.page_id")]
        assert admin_api.patch(f"{URL}/{connection['id']}", {"name": "Still mine"}).status_code == 200

    @pytest.mark.parametrize("change", [{"page_id": "55555"}, {"api_host": "graph.facebook.com"}])
    def test_ask_for_the_token_again_when_they_lead_elsewhere(self, admin_api, connection, change):
        response = admin_api.patch(f"{URL}/{connection['id']}", {"settings": change})
        assert errors(response) == [("required", "password")]

    def test_are_tried_for_real(self, admin_api, connection, postbox):
        tried = admin_api.post(f"{URL}/{connection['id']}/test")
        assert (tried.json()["status"], tried.json()["last_error"]) == ("working", "")
        (entry,) = postbox.requests()
        assert entry["path"].startswith("/v26.0/me?fields=id%2Cname&appsecret_proof=")

    @pytest.mark.parametrize(
        ("status", "body", "error"),
        [
            (401, '{"error": {"code": 190, "message": "Expired."}}', "Meta answered 401, error 190: Expired."),
            (200, '{"id": "5"}', "The access token belongs to another page, or to a person."),
            (200, "x", "Meta's answer cannot be understood."),
        ],
        ids=["refused", "other-page", "junk"],
    )
    def test_say_what_failed_when_tried(self, admin_api, connection, postbox, status, body, error):
        behaviour = "status" if status != 200 else "accept"
        postbox.add_rule(behaviour, protocol="messenger", status=status, body=body)
        tried = admin_api.post(f"{URL}/{connection['id']}/test")
        assert (tried.json()["status"], tried.json()["last_error"]) == ("failing", error)

    def test_that_a_workflow_writes_from_stay(self, admin_api, account, connection):
        config = {"page_id": connection["id"], "message_type": "text", "content": {"text": "Hello"}}
        workflow = WorkflowFactory(account=account)
        made = admin_api.post(
            f"/api/v1/workflows/{workflow.id}/actions", {"action_type": "send_messenger", "action_config": config}
        )
        assert made.status_code == 201, made.content
        (usage,) = admin_api.get(f"{URL}/{connection['id']}/usages").json()["items"]
        assert (usage["action_id"], usage["attr"]) == (made.json()["id"], "action_config.page_id")
        assert errors(admin_api.delete(f"{URL}/{connection['id']}")) == [("in_use", None)]
        assert Connection.objects.filter(id=connection["id"]).exists()
        assert admin_api.delete(f"/api/v1/workflows/{workflow.id}/actions/{made.json()['id']}").status_code == 204
        assert admin_api.delete(f"{URL}/{connection['id']}").status_code == 204
        assert not Secret.objects.filter(account=account).exists()
