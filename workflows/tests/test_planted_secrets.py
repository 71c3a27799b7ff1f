"""Secrets are planted wherever one can be sent, and then looked for wherever something can be read."""

import base64
import itertools
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.core import mail
from django.db import connection
from rest_framework.test import APIClient

from accounts.tests.factories import MembershipFactory
from workflows.api.tests.routes import ROUTES
from workflows.crm.tests.factories import ContactFactory
from workflows.engine import clock
from workflows.engine.advance import advance
from workflows.engine.alerts import tell_owners
from workflows.engine.enroll import enroll
from workflows.engine.perform.lanes import perform_due
from workflows.messaging.models import Secret
from workflows.messaging.postbox.testing import PostboxClient
from workflows.messaging.providers.smtp import pool
from workflows.messaging.secrets import reveal_secrets
from workflows.models import ActionExecution, Workflow

pytestmark = pytest.mark.django_db


class Planter:
    """Makes secrets that are recognised wherever they turn up."""

    def __init__(self) -> None:
        self.planted: list[str] = []
        self._numbers = itertools.count(1)

    def secret(self) -> str:
        self.planted.append(f"planted-{next(self._numbers):02}-Zq7xW")
        return self.planted[-1]

    def signing_secret(self) -> str:
        key = f"planted-{next(self._numbers):02}-" + "k" * 22
        self.planted.append(base64.b64encode(key.encode()).decode())
        return f"whsec_{self.planted[-1]}"

    def found_in(self, text: str) -> list[str]:
        """Return the secrets in a text, in clear or as basic authentication and JSON write them."""
        return [
            secret
            for secret in self.planted
            if secret in text or base64.b64encode(f"ada:{secret}".encode()).decode() in text
        ]


@pytest.fixture
def planter() -> Planter:
    return Planter()


@pytest.fixture
def leaving_servers() -> Iterator[None]:
    yield
    pool.clear()


def everything_stored() -> str:
    """Return every row of every table as text, as a dump would hold it."""
    parts = []
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        assert {model._meta.db_table for model in apps.get_models()} <= set(tables)
        for table in tables:
            with cursor.copy(f'COPY (SELECT * FROM "{table}") TO STDOUT') as rows:
                parts.append(f"{table}\n" + b"".join(bytes(row) for row in rows).decode())
    return "\n".join(parts)


def everything_answered(client: APIClient, workflow_ids: list[str]) -> str:
    """Return what the API shows to an admin: every list that needs no other object, and the workflows."""
    urls = [f"/api/v1/{route.path}" for route in ROUTES if route.methods.get("get") == "list" and not route.parameters]
    for workflow_id in workflow_ids:
        base = f"/api/v1/workflows/{workflow_id}"
        urls += [base, f"{base}/actions", f"{base}/executions", f"{base}/validate"]
    executions = client.get("/api/v1/executions").json()["items"]
    urls += [f"/api/v1/executions/{execution['id']}/logs" for execution in executions]
    return "\n".join(client.get(url).content.decode() for url in urls)


class Scene:
    """An account's work with secrets, through the API alone."""

    def __init__(self, client: APIClient, planter: Planter, postbox: PostboxClient) -> None:
        self.client = client
        self.planter = planter
        self.postbox = postbox
        self.answers: list[str] = []
        self.workflow = self.send("post", "workflows", {"name": "Planted"})

    def send(self, method: str, path: str, body: Any, expected: int | None = None) -> Any:
        response = getattr(self.client, method)(f"/api/v1/{path}", body)
        self.answers.append(response.content.decode())
        assert response.status_code == (expected or (201 if method == "post" else 200)), response.content
        return response.json()

    def plant_secrets(self) -> str:
        plant = self.planter
        self.send("post", "secrets", {"name": "One", "value": plant.secret()})
        two = self.send("post", "secrets", {"name": "Two", "value": plant.secret()})
        self.send("put", f"secrets/{two['id']}", {"value": plant.secret()})
        self.send("post", "secrets", {"name": "One", "value": plant.secret()}, 409)
        self.send("post", "secrets", {"name": "Three", "value": plant.secret(), "x": 1}, 400)
        self.send("post", "secrets", {"name": "webhook_signing", "value": plant.secret()}, 400)
        self.send("post", "secrets", {"name": "webhook_signing", "value": plant.signing_secret()})
        partner = self.send("post", "secrets", {"name": "Partner", "value": plant.signing_secret()})
        return str(partner["id"])

    def plant_connections(self) -> None:
        settings = {"host": "127.0.0.1", "port": self.postbox.address.smtp, "security": "none", "username": "ada"}
        body = {"kind": "smtp", "name": "Office", "settings": settings}
        office = self.send("post", "connections", {**body, "password": self.planter.secret()})
        self.send("patch", f"connections/{office['id']}", {"password": self.planter.secret()})
        self.send("post", "connections", {**body, "password": self.planter.secret()}, 409)
        self.send("post", f"connections/{office['id']}/test", {}, 200)
        self.postbox.add_rule("status", protocol="smtp", stage="auth", status=535, times=1)
        self.send("post", f"connections/{office['id']}/test", {}, 200)

    def plant_webhooks(self, partner: str) -> None:
        plant, path = self.planter, f"workflows/{self.workflow['id']}/actions"
        for name, auth_type, part, extra in [
            ("basic", "basic", "password", {"username": "ada"}),
            ("bearer", "bearer", "token", {}),
            ("api_key", "api_key", "value", {"header": "X-Team"}),
            ("refused", "bearer", "token", {}),
        ]:
            config = {
                "url": self.postbox.url(f"/hooks/{name}"),
                "method": "POST",
                "payload": {"name": "{{ contact.first_name }}"},
                "auth_type": auth_type,
                "store_response": True,
                "response_mapping": [{"path": "echo", "to": "echo"}, {"path": "echo", "to": "contact.source"}],
                "signing_secret_id": partner,
            }
            with_auth = {**config, "auth_config": {**extra, part: plant.secret()}}
            made = self.send("post", path, {"action_type": "webhook_call", "action_config": with_auth})
            again = {**config, "auth_config": {**extra, part: plant.secret()}}
            self.send("patch", f"{path}/{made['id']}", {"action_config": again})
            header = "Bearer " if auth_type == "bearer" else ""
            echo = f'{{"echo": "{header}{plant.planted[-1]}"}}'
            behaviour = {"behaviour": "status", "status": 401} if name == "refused" else {"behaviour": "accept"}
            self.postbox.add_rule(path=f"/hooks/{name}", body=echo, **behaviour)
            contact = ContactFactory(account_id=self.client.api_key.account_id, first_name="Zoë")  # type: ignore[attr-defined]
            self.send("post", f"{path}/{made['id']}/test", {"contact_id": str(contact.id)}, 200)
        wrong = {"url": "https://a.example", "method": "GET", "auth_type": "bearer"}
        for config in (
            {**wrong, "auth_config": {"tokn": plant.secret()}},
            {**wrong, "auth_config": {"token": f"{plant.secret()}\r\nX: y"}},
            {**wrong, "auth_config": plant.secret()},
            {**wrong, "headers": {"Authorization": plant.secret()}},
        ):
            self.send("post", path, {"action_type": "webhook_call", "action_config": config}, 400)
        good = {**wrong, "auth_config": {"token": plant.secret()}}
        self.send("post", path, {"action_type": "webhook_call", "action_config": good, "position": 99}, 400)

    def run(self) -> None:
        self.clone = self.send("post", f"workflows/{self.workflow['id']}/clone", {"name": "Copy"})
        for workflow_id in (self.workflow["id"], self.clone["id"]):
            self.send("post", f"workflows/{workflow_id}/activate", {}, 200)
            workflow = Workflow.objects.get(id=workflow_id)
            workflow.owner = MembershipFactory(account=workflow.account).user
            workflow.save(update_fields=["owner"])
            contact = ContactFactory(account=workflow.account)
            enroll(
                account_id=workflow.account_id,
                workflow_id=workflow.id,
                contact_id=contact.id,
                source="api",
                now=clock.now(),
            )
        for _ in range(5):
            advance(seconds=60)
            perform_due("http")
        tell_owners()


class TestPlantedSecrets:
    def test_are_found_nowhere(
        self,
        admin_api: APIClient,
        planter: Planter,
        postbox: PostboxClient,
        leaving_servers: None,
        caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        caplog.set_level(logging.DEBUG)
        scene = Scene(admin_api, planter, postbox)
        partner = scene.plant_secrets()
        scene.plant_connections()
        scene.plant_webhooks(partner)
        scene.run()

        assert len(planter.planted) >= 20
        used = [entry["path"] for entry in postbox.requests()]
        assert {path: used.count(path) for path in used} == {
            "/hooks/basic": 3,
            "/hooks/bearer": 3,
            "/hooks/api_key": 3,
            "/hooks/refused": 3,
        }
        statuses = ActionExecution.objects.order_by("id").values_list("status", flat=True)
        assert sorted(statuses) == ["completed"] * 6 + ["failed"] * 2
        assert len(mail.outbox) == 2

        assert planter.found_in(everything_stored()) == []
        assert planter.found_in("\n".join(scene.answers)) == []
        assert planter.found_in(everything_answered(admin_api, [scene.workflow["id"], scene.clone["id"]])) == []
        assert planter.found_in("\n".join(str(letter.message()) for letter in mail.outbox)) == []
        printed = capfd.readouterr()
        assert planter.found_in(caplog.text + printed.out + printed.err) == []

    def test_are_there_all_the_same(self, admin_api: APIClient, planter: Planter, postbox: PostboxClient) -> None:
        """What is looked for can be found: the receiver gets it, and who holds the key reads it."""
        scene = Scene(admin_api, planter, postbox)
        scene.plant_webhooks(scene.plant_secrets())
        arrived = str(postbox.requests())
        assert len(planter.found_in(arrived)) == 4
        rows = Secret.objects.all()
        texts = reveal_secrets(account_id=rows[0].account_id, secret_ids=[row.id for row in rows])
        assert len(planter.found_in("\n".join(text.reveal() for text in texts.values()))) == len(rows)
