"""The editor's figures: how long adding an action and reordering fifty take, at the function and over HTTP."""

import json
import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.actors import SYSTEM
from accounts.models import Account
from accounts.services.accounts import MAXIMUM_LIMIT
from accounts.tenancy import account_scope
from accounts.tests.factories import ApiKeyFactory
from workflows.authoring.chain import add_action, list_actions, reorder_actions
from workflows.authoring.workflows import create_workflow
from workflows.models import Workflow

LENGTH = 50
WORKFLOWS = 12
REORDERS = 300
CONFIG = {"tag_name": "Customer since {{ contact.custom_fields.year | default: 'today' }}"}

Call = Callable[[], Any]


def measure() -> dict[str, float]:
    """Return every figure by its name."""
    account = Account.objects.create(name="Editing", workflow_limit=10 * WORKFLOWS, request_limit=MAXIMUM_LIMIT)
    chance = random.Random(1)
    figures: dict[str, float] = {}
    figures |= at_the_function(account, chance)
    with serving() as port:
        figures |= over_http(account, chance, Client(port, ApiKeyFactory(account=account).plain_key))
    return figures


def at_the_function(account: Account, chance: random.Random) -> dict[str, float]:
    with account_scope(account.id):
        return in_its_account(account, chance)


def in_its_account(account: Account, chance: random.Random) -> dict[str, float]:
    workflows = [make_workflow(account, f"Function {number}") for number in range(WORKFLOWS)]

    def add(workflow: Workflow, position: int) -> None:
        add_action(**target(workflow), action_type="add_tag", action_config=CONFIG, position=position)

    def reorder(workflow: Workflow, order: list[UUID]) -> None:
        positions = {action_id: place for place, action_id in enumerate(order)}
        reorder_actions(**target(workflow), action_positions=positions)

    adds, reorders = all_adds(workflows, chance, add), all_reorders(workflows, chance, reorder)
    next(adds)()
    with CaptureQueriesContext(connection) as of_add:
        add(workflows[0], 0)
    next(adds)  # it would be one too many now
    timed_adds = [milliseconds(call) for call in adds]
    with CaptureQueriesContext(connection) as of_reorder:
        next(reorders)()
    return {
        "add_action_p95_ms": p95(timed_adds),
        "add_action_queries": len(of_add),
        "reorder_50_p95_ms": p95([milliseconds(call) for call in reorders]),
        "reorder_50_queries": len(of_reorder),
    }


def over_http(account: Account, chance: random.Random, client: "Client") -> dict[str, float]:
    workflows = [make_workflow(account, f"Over HTTP {number}") for number in range(WORKFLOWS)]

    def add(workflow: Workflow, position: int) -> None:
        body = {"action_type": "add_tag", "action_config": CONFIG, "position": position}
        client.post(f"/api/v1/workflows/{workflow.id}/actions", body, 201)

    def reorder(workflow: Workflow, order: list[UUID]) -> None:
        positions = {str(action_id): place for place, action_id in enumerate(order)}
        client.post(f"/api/v1/workflows/{workflow.id}/actions/reorder", {"action_positions": positions}, 200)

    adds, reorders = all_adds(workflows, chance, add), all_reorders(workflows, chance, reorder)
    return {
        "add_action_http_p95_ms": p95([milliseconds(call) for call in adds]),
        "reorder_50_http_p95_ms": p95([milliseconds(call) for call in reorders]),
    }


def target(workflow: Workflow) -> dict[str, Any]:
    return {"account_id": workflow.account_id, "actor": SYSTEM, "workflow_id": workflow.id}


def make_workflow(account: Account, name: str) -> Workflow:
    return create_workflow(account_id=account.id, actor=SYSTEM, name=name)


def all_adds(workflows: list[Workflow], chance: random.Random, add: Callable[[Workflow, int], None]) -> Iterator[Call]:
    """Fill every workflow up to its limit, at random positions."""
    for workflow in workflows:
        for length in range(LENGTH):
            yield partial(add, workflow, chance.randint(0, length))


def all_reorders(
    workflows: list[Workflow], chance: random.Random, reorder: Callable[[Workflow, list[UUID]], None]
) -> Iterator[Call]:
    """Shuffle all fifty actions of one workflow after the other."""
    for number in range(REORDERS):
        workflow = workflows[number % len(workflows)]
        items = list_actions(account_id=workflow.account_id, workflow_id=workflow.id)
        order = chance.sample([item.action.id for item in items], LENGTH)
        yield partial(reorder, workflow, order)


def milliseconds(call: Call) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


class Client:
    """An API client that keeps its connection."""

    def __init__(self, port: int, key: str) -> None:
        self.connection = HTTPConnection("127.0.0.1", port, timeout=30)
        self.headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def post(self, path: str, body: dict[str, Any], expected: int) -> None:
        self.connection.request("POST", path, json.dumps(body), self.headers)
        response = self.connection.getresponse()
        answer = response.read()
        if response.status != expected:
            raise RuntimeError(f"{path} answered {response.status}: {answer[:500]!r}")


class QuietHandler(WSGIRequestHandler):
    """Leaves the log lines out."""

    def log_message(self, *_: Any) -> None:
        return


@contextmanager
def serving() -> Iterator[int]:
    """Serve the project on a free port of 127.0.0.1, a thread a request; yields the port."""
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    server = ThreadedWSGIServer(("127.0.0.1", 0), QuietHandler)
    server.set_app(get_wsgi_application())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
