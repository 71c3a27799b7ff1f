"""The example of each operation in docs/openapi.yaml is accepted as it is, once its ids are those of rows there are."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml

from accounts.models import Account, Role
from accounts.tests.fixtures import client_for
from config.testing import ROOT
from workflows.api.tests.routes import (
    JSON_WRITES,
    REFERENCES,
    Ids,
    Route,
    accepted_body,
    fields_of,
    is_reference,
    sample,
)
from workflows.api.tests.test_action_executions import lose_the_reply, unknown
from workflows.engine.tests.kinds import Outside, registered_type
from workflows.tests.factories import ActionFactory, ActiveWorkflowFactory, WorkflowFactory

DOCUMENT = yaml.load((ROOT / "docs/openapi.yaml").read_text(), Loader=yaml.CSafeLoader)
OF_IDS = {"ids", "stage_positions"}
"""Fields with ids in them that `is_reference` leaves out, as foreign ones have a test of their own."""


def body_schema(route: Route, method: str) -> Mapping[str, Any]:
    """Return the schema of the body of an operation; empty where it takes none."""
    operation = DOCUMENT["paths"][f"/api/v1/{route.path}"][method]
    if "requestBody" not in operation:
        return {}
    name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    schema: Mapping[str, Any] = DOCUMENT["components"]["schemas"][name]
    return schema


def with_own_ids(example: Mapping[str, Any], route: Route, method: str, account: Account, ids: Ids) -> dict[str, Any]:
    """Return the example with ids of the account's rows where it has any."""
    accepted, fields = accepted_body(route, method, account, ids), fields_of(route, method)
    body = dict(example)
    for name in example:
        if name in accepted and (is_reference(name, fields[name]) or name in OF_IDS):
            body[name] = accepted[name]
        elif is_reference(name, fields[name]):
            identifier = str(REFERENCES[name](account))
            body[name] = [identifier] if isinstance(example[name], list) else identifier
    return body


def trial(account: Account) -> Ids:
    config = {"url": "http://127.0.0.1:9/", "method": "POST"}  # nobody answers, which is an answer
    step = ActionFactory(workflow=WorkflowFactory(account=account), action_type="webhook_call", action_config=config)
    return {"workflow_id": step.workflow_id, "id": step.id}


def unsettled(account: Account) -> Ids:
    with registered_type(Outside(lose_the_reply)):
        return {"id": unknown(ActiveWorkflowFactory(account=account, chain=[("call_out", {})])).id}


IN_A_FITTING_STATE: Mapping[str, Callable[[Account], Ids]] = {
    "action-executions/{id}/settle": unsettled,
    "workflows/{workflow_id}/actions/{id}/test": trial,
    "workflows/{workflow_id}/execute": lambda account: {"workflow_id": ActiveWorkflowFactory(account=account).id},
}
"""How to make the object of an operation that the usual sample is in no state for."""

WITH_BODY = [(route, method) for route, method in JSON_WRITES if body_schema(route, method).get("properties")]


@pytest.mark.parametrize(("route", "method"), WITH_BODY, ids=str)
class TestExamples:
    def test_are_given(self, route: Route, method: str) -> None:
        assert body_schema(route, method).get("example"), "say an `example` in the serializer of the body"

    def test_are_accepted(self, route: Route, method: str, account: Account) -> None:
        make = IN_A_FITTING_STATE.get(route.path)
        client, ids = client_for(account, Role.OWNER), make(account) if make else sample(route, account)
        body = with_own_ids(body_schema(route, method)["example"], route, method, account, ids)
        response = getattr(client, method)(route.url(ids), body, format="json")
        assert response.status_code in (200, 201, 202), response.content
