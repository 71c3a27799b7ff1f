"""Webhooks as editors have them: secrets sent once, never shown, and a step tried for real."""

import pytest

from accounts.models import AuditEntry
from workflows.crm.tests.factories import ContactFactory
from workflows.messaging.models import Secret
from workflows.models import Action, ActionExecution, WorkflowExecution, WorkflowVersion
from workflows.tests.factories import ActionFactory, WorkflowFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def workflow(account):
    return WorkflowFactory(account=account)


@pytest.fixture
def url(workflow):
    return f"/api/v1/workflows/{workflow.id}/actions"


@pytest.fixture
def config(postbox):
    return {
        "url": postbox.url(),
        "method": "POST",
        "payload": {"name": "{{ contact.first_name }}"},
        "auth_type": "basic",
        "auth_config": {"username": "ada", "password": "open sesame"},
    }


@pytest.fixture
def webhook(api, url, config):
    response = api.post(url, {"action_type": "webhook_call", "action_config": config})
    assert response.status_code == 201, response.content
    return response.json()


def stored_auth(action_id):
    return Action.objects.get(id=action_id).action_config["auth_config"]


class TestSecretsOfAnAction:
    def test_are_not_shown(self, api, url, config, webhook):
        shown = {name: value for name, value in config.items() if name != "auth_config"}
        assert webhook["action_config"] == shown
        assert api.get(f"{url}/{webhook['id']}").json()["action_config"] == shown
        assert stored_auth(webhook["id"]).keys() == {"username", "password_secret_id"}

    @pytest.mark.parametrize("method", ["put", "patch"])
    def test_stay_when_the_config_is_sent_as_it_was_shown(self, api, url, webhook, method):
        before = stored_auth(webhook["id"])
        changed = {**webhook["action_config"], "method": "PUT"}
        response = getattr(api, method)(f"{url}/{webhook['id']}", {"action_config": changed})
        assert response.status_code == 200
        assert response.json()["action_config"] == changed
        assert stored_auth(webhook["id"]) == before

    def test_go_when_the_type_changes(self, api, url, webhook):
        changed = {**webhook["action_config"], "auth_type": "none"}
        assert api.patch(f"{url}/{webhook['id']}", {"action_config": changed}).status_code == 200
        assert "auth_config" not in Action.objects.get(id=webhook["id"]).action_config

    def test_are_asked_for(self, api, url, account, config):
        config = {**config, "auth_config": {"username": "ada"}}
        response = api.post(url, {"action_type": "webhook_call", "action_config": config})
        assert response.status_code == 400
        assert [(error["code"], error["attr"]) for error in response.json()["errors"]] == [
            ("required", "action_config.auth_config.password")
        ]

    def test_are_not_kept_when_something_else_is_wrong(self, api, url, account, config):
        body = {"action_type": "webhook_call", "action_config": config, "position": 7}
        assert api.post(url, body).status_code in (400, 409)
        assert not Secret.objects.filter(account=account).exists()
        assert not Action.objects.filter(account=account).exists()

    def test_are_shared_with_copies(self, api, url, workflow, webhook):
        copy = api.post(f"{url}/{webhook['id']}/duplicate", {}).json()
        assert stored_auth(copy["id"]) == stored_auth(webhook["id"])
        clone = api.post(f"/api/v1/workflows/{workflow.id}/clone", {"name": "Copy"}).json()
        cloned = Action.objects.filter(workflow_id=clone["id"]).first()
        assert cloned.action_config["auth_config"] == stored_auth(webhook["id"])

    def test_are_ids_in_versions_and_dots_in_the_audit_log(self, api, account, workflow, webhook):
        assert api.post(f"/api/v1/workflows/{workflow.id}/activate", {}).status_code == 200
        assert "sesame" not in str(WorkflowVersion.objects.get(workflow=workflow).definition)
        entry = AuditEntry.objects.get(account=account, verb="action.added")
        assert entry.after["action_config"]["auth_config"] == "********"


class TestTrying:
    @pytest.fixture
    def contact(self, account):
        return ContactFactory(account=account, first_name="Zoë")

    def test_shows_the_real_answer_and_records_nothing(self, api, url, webhook, contact, postbox):
        postbox.add_rule("accept", status=202, body='{"id": 7}')
        response = api.post(f"{url}/{webhook['id']}/test", {"contact_id": str(contact.id)})
        assert response.status_code == 200
        answer = response.json()
        assert (answer["status"], answer["error_class"], answer["error_message"]) == ("completed", "", "")
        assert (answer["result_data"]["status_code"], answer["result_data"]["body"]) == (202, {"id": 7})
        assert answer["execution_data"]["url"] == postbox.url()
        assert postbox.requests()[0]["body"] == '{"name":"Zoë"}'
        assert not WorkflowExecution.objects.exists()
        assert not ActionExecution.objects.exists()

    def test_shows_a_failure(self, api, url, webhook, contact, postbox):
        postbox.add_rule("status", status=422, body="no such lead")
        answer = api.post(f"{url}/{webhook['id']}/test", {"contact_id": str(contact.id)}).json()
        assert (answer["status"], answer["error_class"]) == ("failed", "rejected")
        assert (answer["result_data"]["status_code"], answer["result_data"]["body"]) == (422, "no such lead")

    def test_is_for_steps_with_an_effect_outside(self, api, workflow, url, contact):
        action = ActionFactory(workflow=workflow)
        response = api.post(f"{url}/{action.id}/test", {"contact_id": str(contact.id)})
        assert (response.status_code, response.json()["errors"][0]["code"]) == (409, "not_testable")

    def test_is_not_for_viewers(self, viewer_api, url, webhook, contact, postbox):
        response = viewer_api.post(f"{url}/{webhook['id']}/test", {"contact_id": str(contact.id)})
        assert response.status_code == 403
        assert postbox.requests() == []
