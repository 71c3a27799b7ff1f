import pytest

from accounts.models import AuditEntry
from workflows.messaging.models import Secret
from workflows.messaging.secrets import reveal_secrets
from workflows.messaging.signing import new_signing_secret
from workflows.messaging.tests.factories import ConnectionFactory, SecretFactory
from workflows.tests.factories import ActionFactory, WorkflowFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/secrets"


def value_of(secret_id):
    secret = Secret.objects.get(id=secret_id)
    (text,) = reveal_secrets(account_id=secret.account_id, secret_ids=[secret.id]).values()
    return text.reveal()


@pytest.fixture
def secret(admin_api):
    return admin_api.post(URL, {"name": "Partner", "value": " open sesame "}).json()


class TestSecrets:
    def test_go_in_and_do_not_come_out(self, admin_api, secret):
        assert secret.keys() == {"id", "name", "created_at", "updated_at"}
        assert value_of(secret["id"]) == " open sesame "
        assert admin_api.get(f"{URL}/{secret['id']}").json() == secret
        assert admin_api.get(URL).json()["items"] == [secret]

    @pytest.mark.parametrize("method", ["put", "patch"])
    def test_get_another_value(self, admin_api, secret, method):
        response = getattr(admin_api, method)(f"{URL}/{secret['id']}", {"value": "abracadabra"})
        assert response.status_code == 200
        assert "abracadabra" not in response.content.decode()
        assert value_of(secret["id"]) == "abracadabra"

    @pytest.mark.parametrize(
        ("body", "code", "attr"),
        [
            ({"name": "A"}, "required", "value"),
            ({"value": "x"}, "required", "name"),
            ({"name": "A", "value": ""}, "blank", "value"),
            ({"name": "A", "value": "x" * 8193}, "max_length", "value"),
            ({"name": "A" * 121, "value": "x"}, "max_length", "name"),
            ({"name": "A", "value": 1}, "invalid", "value"),
            ({"name": "webhook_signing", "value": "open sesame"}, "invalid", "value"),
        ],
    )
    def test_are_refused(self, admin_api, account, body, code, attr):
        response = admin_api.post(URL, body)
        assert response.status_code == 400
        assert [(error["code"], error["attr"]) for error in response.json()["errors"]] == [(code, attr)]
        assert "sesame" not in response.content.decode()
        assert not Secret.objects.filter(account=account).exists()

    def test_have_a_name_once(self, admin_api, secret):
        response = admin_api.post(URL, {"name": "Partner", "value": "x"})
        assert (response.status_code, response.json()["errors"][0]["code"]) == (409, "name_taken")

    def test_sign_webhooks_under_their_own_name(self, admin_api):
        value = new_signing_secret()
        made = admin_api.post(URL, {"name": "webhook_signing", "value": value})
        assert (made.status_code, value_of(made.json()["id"])) == (201, value)

    def test_are_deleted(self, admin_api, secret):
        assert admin_api.delete(f"{URL}/{secret['id']}").status_code == 204
        assert not Secret.objects.filter(id=secret["id"]).exists()

    def test_stay_while_a_workflow_uses_them(self, admin_api, account, secret):
        config = {"url": "https://a.example", "method": "GET", "signing_secret_id": secret["id"]}
        workflow = WorkflowFactory(account=account, name="Welcome")
        ActionFactory(workflow=workflow, action_type="webhook_call", action_config=config)
        response = admin_api.delete(f"{URL}/{secret['id']}")
        assert (response.status_code, response.json()["errors"][0]["code"]) == (409, "in_use")
        assert "“Welcome”" in response.json()["errors"][0]["detail"]
        assert Secret.objects.filter(id=secret["id"]).exists()

    def test_stay_while_a_connection_uses_them(self, admin_api, account):
        used = SecretFactory(account=account)
        ConnectionFactory(account=account, secret=used)
        response = admin_api.delete(f"{URL}/{used.id}")
        assert (response.status_code, response.json()["errors"][0]["code"]) == (409, "in_use")

    def test_are_audited_by_name(self, admin_api, account, secret):
        entry = AuditEntry.objects.get(account=account, verb="secret.created")
        assert (entry.before, entry.after) == (None, {"name": "Partner"})

    @pytest.mark.parametrize("role", ["api", "viewer_api"])
    def test_are_for_admins(self, request, role, secret):
        client = request.getfixturevalue(role)
        for method, url, body in [
            ("get", URL, None),
            ("post", URL, {"name": "A", "value": "x"}),
            ("get", f"{URL}/{secret['id']}", None),
            ("put", f"{URL}/{secret['id']}", {"value": "x"}),
            ("delete", f"{URL}/{secret['id']}", None),
        ]:
            assert getattr(client, method)(url, body).status_code == 403
        assert value_of(secret["id"]) == " open sesame "
