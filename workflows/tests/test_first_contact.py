"""What a newcomer does first, over HTTP against a running installation with worker and all."""

import http.client
import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from config.tests.running import ROOT, Installation, installation

pytestmark = pytest.mark.proof

WALKTHROUGH = ROOT / "docs" / "first-five-minutes.md"
NAMES = ("ACCOUNT", "KEY", "WORKFLOW", "TAG", "FIELD", "PARTNER", "NOTE", "TASK", "UNTAG", "WAIT", "END", "CONTACT",
         "EXECUTION", "IMPORT", "SEEDS", "READER", "FIRST", "SECOND", "FAILING", "SIGNING")  # fmt: skip
SECONDS_OF_PATIENCE = 120


class Caller:
    """A program that calls the API with a key."""

    def __init__(self, port: int, key: str) -> None:
        self.port = port
        self.headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, f"/api/v1{path}", json.dumps(body) if body is not None else None, self.headers)
            response = connection.getresponse()
            text = response.read()
            return response.status, json.loads(text) if text else None
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        status, body = self.call("GET", path)
        assert status == 200, body
        return body


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with installation(tmp_path_factory.mktemp("first-contact") / "data") as started:
        yield started


def walk_through(running: Installation) -> tuple[dict[str, str], str]:
    """Run every block of the walkthrough in one shell; return its variables and everything it printed."""
    blocks = re.findall(r"```sh\n(.*?)```", WALKTHROUGH.read_text(), re.DOTALL)
    script = "\n".join(["set -euo pipefail", *blocks, *(f'echo "{name}=${name}"' for name in NAMES)])
    script = script.replace(".venv/bin/python", shlex.quote(sys.executable))
    environment = {
        name: value for name, value in os.environ.items() if name not in ("DJANGO_SETTINGS_MODULE", "DATABASE_URL")
    }
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env=environment | {"PORT": str(running.port), "DATA_DIR": str(running.data_dir)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(re.findall(r"^([A-Z]+)=(.*)$", done.stdout, re.MULTILINE)), done.stdout


def test_the_walkthrough_does_what_it_says(running):
    names, printed = walk_through(running)
    api = Caller(running.port, names["KEY"])

    actions = api.get(f"/workflows/{names['WORKFLOW']}/actions")["items"]
    expected = ["TAG", "PARTNER", "FIELD", "NOTE", "TASK", "UNTAG", "WAIT", "END"]
    assert [action["id"] for action in actions] == [names[name] for name in expected]
    assert [action["position"] for action in actions] == list(range(8))
    assert [action["previous_action_id"] for action in actions] == [None, *(action["id"] for action in actions[:-1])]
    assert {action["action_type"] for action in actions} == {
        "add_tag", "remove_tag", "create_contact", "update_contact", "add_note", "create_task", "wait_time",
        "end_workflow",
    }  # fmt: skip
    assert "\n409\n" in printed

    job = api.get(f"/imports/{names['IMPORT']}")
    assert (job["status"], job["created"], job["failed"]) == ("completed", 190, 10)

    contact = api.get(f"/contacts/{names['CONTACT']}")
    assert (contact["first_name"], contact["source"]) == ("Zoë 7", "Catalogue Spring")
    assert contact["tags"] == ["Spring 2027", "Autumn 2026"]  # the second import of the file put it back
    (another,) = api.get("/contacts?search=gardener8@example.com")["items"]
    assert another["tags"] == ["Spring 2027"]
    notes = api.get(f"/contacts/{names['CONTACT']}/notes")["items"]
    assert [note["content"] for note in notes] == ["Zoë 7 asked for the catalogue."]
    tasks = api.get(f"/contacts/{names['CONTACT']}/tasks")["items"]
    assert [task["title"] for task in tasks] == ["Post the catalogue to Zoë 7 Müller"]

    assert "189 contacts enrolled in Spring catalogue; 1 inside already or not allowed again." in printed
    assert "189 executions: 189 waiting." in printed

    give_up_at = time.monotonic() + SECONDS_OF_PATIENCE
    while (execution := api.get(f"/executions/{names['EXECUTION']}"))["status"] == "waiting":
        assert time.monotonic() < give_up_at, execution
        time.sleep(1)
    assert (execution["status"], execution["completion_reason"]) == ("completed", "ended_by_step")
    assert execution["progress_percent"] == 100
    logs = api.get(f"/executions/{names['EXECUTION']}/logs")["items"]
    assert [row["action_id"] for row in logs] == [names[name] for name in expected]
    assert {row["status"] for row in logs} == {"completed"}
    wait = logs[6]
    assert wait["duration_ms"] >= 60_000
    kinds = [entry["kind"] for entry in api.get(f"/contacts/{names['CONTACT']}/timeline")["items"]]
    assert kinds.count("step") == 8
    assert kinds.count("note") == 1
    assert kinds.count("event") >= 5

    assert_that_mails_and_webhooks_arrived(running, api, names, printed)


def assert_that_mails_and_webhooks_arrived(
    running: Installation, api: Caller, names: dict[str, str], printed: str
) -> None:
    def ledger(query: str) -> list[dict[str, Any]]:
        port = json.loads((running.data_dir / "postbox.json").read_text())["http"]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("GET", f"/ledger?order=oldest&{query}")
            items: list[dict[str, Any]] = json.loads(connection.getresponse().read())["items"]
            return items
        finally:
            connection.close()

    (mail,) = ledger("protocol=smtp&recipient=ada@example.com")
    assert mail["subject"] == "Seeds for Ada"
    assert "\n200 image/gif\n302 https://example.com/seeds\n200\n200\n" in printed
    messages = api.get(f"/messages?contact_id={names['READER']}")["items"]
    (sent,) = [message for message in messages if message["execution_id"] == names["FIRST"]]
    assert (sent["status"], sent["opens"], sent["clicks"]) == ("clicked", 1, 1)
    consents = api.get(f"/contacts/{names['READER']}/consents")["items"]
    assert [(consent["channel"], consent["state"]) for consent in consents] == [("email", "opt_out")]
    first, second = (
        [(row["action_type"], row["status"]) for row in api.get(f"/executions/{names[name]}/logs")["items"]]
        for name in ("FIRST", "SECOND")
    )
    assert first == [("send_email", "completed"), ("webhook_call", "completed")]
    assert second == [("send_email", "skipped"), ("webhook_call", "completed")]

    hooks = ledger("protocol=http&path=/hooks/seeds")
    assert [hook["outcome"] for hook in hooks] == ["new", "new", "refused", "new"]
    for hook in hooks:
        headers = {name.lower(): value for name, value in hook["headers"]}
        assert Webhook(names["SIGNING"]).verify(hook["body"], headers)["email"] == "ada@example.com"
    assert printed.count("verified: ") == 2

    (told,) = api.get("/notifications")["items"]
    assert (told["kind"], told["execution_id"], told["count"]) == ("execution_failed", names["FAILING"], 1)
    assert told["read_at"] is not None
    (letter,) = ledger("protocol=smtp&recipient=gardener@example.com")
    assert letter["subject"] == "Seeds: 1 execution needs you"
    assert api.get(f"/executions/{names['FAILING']}")["status"] == "completed"


def test_cancel_and_retry_answer_as_the_contract_says(running):
    account = manage(running, "create_account", "Beta", "--owner", "beta@example.com", "--password", "a-long-password")
    api = Caller(running.port, manage(running, "create_api_key", "--account", account, "--role", "editor"))
    contact = created(api.call("POST", "/contacts", {"email": "one@example.com"}))
    workflow = created(api.call("POST", "/workflows", {"name": "Fails and rests"}))
    failing = {"field_updates": [{"field": "timezone", "value": "{{ trigger.zone }}"}]}
    for action_type, config in (("update_contact", failing), ("wait_time", {"duration": 1, "unit": "days"})):
        created(
            api.call(
                "POST",
                f"/workflows/{workflow['id']}/actions",
                {"action_type": action_type, "action_config": config},
            )
        )
    assert api.call("POST", f"/workflows/{workflow['id']}/activate")[0] == 200
    body = {"contact_id": contact["id"], "data": {"zone": "Mars/Olympus"}}
    execution = created(api.call("POST", f"/workflows/{workflow['id']}/execute", body))
    failed = eventually(api, execution["id"], "failed")
    assert failed["completion_reason"] == "step_failed"
    assert "time zone" in failed["error_message"]

    assert api.call("POST", f"/executions/{execution['id']}/cancel")[0] == 409
    status, retried = api.call("POST", f"/executions/{execution['id']}/retry")
    assert (status, retried["status"]) == (200, "active")
    eventually(api, execution["id"], "failed")
    logs = api.get(f"/executions/{execution['id']}/logs")["items"]
    assert [(row["visit"], row["status"]) for row in logs] == [(0, "failed"), (1, "failed")]

    body["data"] = {"zone": "Europe/Berlin"}
    second = created(api.call("POST", f"/workflows/{workflow['id']}/execute", body))
    waiting = eventually(api, second["id"], "waiting")
    assert waiting["due_at"] is not None
    status, refused = api.call("POST", f"/executions/{execution['id']}/retry")
    assert (status, refused["errors"][0]["code"]) == (409, "already_enrolled")
    status, cancelled = api.call("POST", f"/executions/{second['id']}/cancel")
    assert (status, cancelled["status"], cancelled["completion_reason"]) == (200, "cancelled", "cancelled_by_user")
    logs = api.get(f"/executions/{second['id']}/logs")["items"]
    assert [(row["status"], row["result_data"].get("reason")) for row in logs] == [
        ("completed", None),
        ("skipped", "cancelled"),
    ]


def manage(running: Installation, *arguments: str) -> str:
    environment = {
        name: value for name, value in os.environ.items() if name not in ("DJANGO_SETTINGS_MODULE", "DATABASE_URL")
    }
    done = subprocess.run(
        [sys.executable, str(Path(ROOT, "manage.py")), *arguments],
        cwd=ROOT,
        env=environment | {"DATA_DIR": str(running.data_dir)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def created(answer: tuple[int, Any]) -> Any:
    status, body = answer
    assert status == 201, body
    return body


def eventually(api: Caller, execution_id: str, status: str) -> Any:
    give_up_at = time.monotonic() + SECONDS_OF_PATIENCE
    while (execution := api.get(f"/executions/{execution_id}"))["status"] != status:
        assert time.monotonic() < give_up_at, execution
        time.sleep(0.2)
    return execution
