"""Fifty clients edit one workflow over HTTP at once: one valid list at every moment, no 5xx, no deadlock."""

import json
import logging
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
from django.db import connection
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account
from accounts.tests.fixtures import client_for
from workflows.models import Action, Workflow
from workflows.tests.factories import WorkflowFactory

pytestmark = [pytest.mark.proof, pytest.mark.django_db(transaction=True)]

CLIENTS = 50
SECONDS = 60
ANSWERS = {200, 201, 204, 400, 404, 409}
TAG = {"action_type": "add_tag", "action_config": {"tag_name": "VIP"}}


class Client:
    """One HTTP client with a connection of its own; remembers what it was answered."""

    def __init__(self, server: LiveServer, key: str, workflow: Workflow) -> None:
        self.connection = HTTPConnection(server.thread.host, server.thread.port, timeout=60)
        self.connection.connect()
        self.headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self.path = f"/api/v1/workflows/{workflow.id}/actions"
        self.answers: Counter[tuple[str, int]] = Counter()

    def send(self, verb: str, method: str, path: str = "", body: Any = None) -> Any:
        self.connection.request(method, self.path + path, None if body is None else json.dumps(body), self.headers)
        response = self.connection.getresponse()
        answer = response.read()
        self.answers[verb, response.status] += 1
        if response.status not in ANSWERS:
            raise AssertionError(f"{verb}: {response.status} {answer[:300]!r}")
        return json.loads(answer) if answer else None

    def items(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.send("list", "GET")["items"]
        assert_valid(items)
        return items

    def wander(self, chance: random.Random) -> None:
        """Make one random change of what it sees; others may be quicker."""
        ids = [item["id"] for item in self.items()]
        verb = chance.choice(["add", "add", "insert", "change", "move", "reorder", "delete", "delete", "duplicate"])
        if not ids:
            verb = "add"
        match verb:
            case "add":
                self.send(verb, "POST", "", TAG)
            case "insert":
                self.send(verb, "POST", "", {**TAG, "position": chance.randint(0, len(ids))})
            case "change":
                self.send(verb, "PATCH", f"/{chance.choice(ids)}", {"position": chance.randrange(len(ids))})
            case "move":
                self.send(verb, "POST", f"/{chance.choice(ids)}/move", {"position": chance.randrange(len(ids))})
            case "reorder":
                moved = chance.sample(ids, min(5, len(ids)))
                places = chance.sample(range(len(ids)), len(moved))
                self.send(verb, "POST", "/reorder", {"action_positions": dict(zip(moved, places, strict=True))})
            case "delete":
                self.send(verb, "DELETE", f"/{chance.choice(ids)}")
            case "duplicate":
                self.send(verb, "POST", f"/{chance.choice(ids)}/duplicate")


def assert_valid(items: list[dict[str, Any]]) -> None:
    """Every answer shows one whole list: positions without gaps, both links in line with them."""
    ids = [item["id"] for item in items]
    assert [item["position"] for item in items] == list(range(len(items)))
    assert [item["previous_action_id"] for item in items] == [None, *ids][: len(ids)]
    assert [item["next_action_id"] for item in items] == [*ids[1:], None][: len(ids)]
    assert len({item["key"] for item in items}) == len(items) <= 50


def all_at_once(clients: list[Client], work: Callable[[Client, random.Random], None]) -> Counter[tuple[str, int]]:
    """Let every client work in a thread of its own; return all answers, or raise the first failure."""
    failures: list[BaseException] = []
    barrier = threading.Barrier(len(clients))

    def run(client: Client, seed: int) -> None:
        try:
            barrier.wait()
            work(client, random.Random(seed))
        except BaseException as failure:  # noqa: BLE001 - raised again below
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(client, seed)) for seed, client in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return sum((client.answers for client in clients), Counter())


def deadlocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


@pytest.fixture
def workflow(account: Account) -> Workflow:
    workflow: Workflow = WorkflowFactory(account=account)
    return workflow


@pytest.fixture
def clients(live_server: LiveServer, workflow: Workflow, caplog: pytest.LogCaptureFixture) -> Iterator[list[Client]]:
    """Sixty clients with five keys, connected; refusals are expected here and not worth a log line."""
    caplog.set_level(logging.ERROR)
    keys = [client_for(workflow.account).api_key.plain_key for _ in range(5)]  # type: ignore[attr-defined]
    clients = [Client(live_server, keys[number % len(keys)], workflow) for number in range(60)]
    yield clients
    for client in clients:
        client.connection.close()


def test_fifty_clients_keep_one_valid_list_for_a_minute(
    workflow: Workflow, clients: list[Client], capsys: pytest.CaptureFixture[str]
) -> None:
    deadlocks_before = deadlocks()
    ends_at = time.monotonic() + SECONDS

    def work(client: Client, chance: random.Random) -> None:
        while time.monotonic() < ends_at:
            client.wander(chance)

    answers = all_at_once(clients[:CLIENTS], work)

    changes = sum(count for (verb, status), count in answers.items() if verb != "list" and status < 300)
    refusals = sum(count for (_, status), count in answers.items() if status >= 400)
    with capsys.disabled():
        sys.stdout.write(f"\n{changes} changes, {refusals} refusals, {answers['list', 200]} lists in {SECONDS} s\n")
    assert changes > CLIENTS
    assert deadlocks() == deadlocks_before
    items = clients[-1].items()
    assert Action.objects.for_account(workflow.account_id).filter(workflow=workflow).count() == len(items)


def test_sixty_adds_at_once_make_exactly_fifty_actions(clients: list[Client]) -> None:
    answers = all_at_once(clients, lambda client, chance: client.send("add", "POST", "", TAG))

    assert answers == {("add", 201): 50, ("add", 409): 10}
    assert len(clients[0].items()) == 50
