"""What the ETags of workflows, their parts and the records of an account guard."""

import threading
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from accounts.models import Account, Role
from accounts.tests.fixtures import client_for
from workflows.api.tests.routes import ROUTES, SHARED, Route, accepted_body, sample, takes_json
from workflows.models import Action, Workflow, WorkflowStatus
from workflows.tests.factories import WorkflowFactory

SINGLE = [
    route
    for route in ROUTES
    if route.methods.get("get") == "retrieve" and route.parameters and route.sample_key not in SHARED
]
STALE = {"if-match": '"0"'}

CREATIONS = [
    (route, single)
    for route in ROUTES
    for single in SINGLE
    if route.methods.get("post") == "create" and takes_json(route) and single.path.rpartition("/")[0] == route.path
]


@pytest.fixture
def workflow(account: Account) -> Workflow:
    return WorkflowFactory(account=account, chain=["add_tag", "add_note", "end_workflow"])


@pytest.fixture
def path(workflow: Workflow) -> str:
    return f"/api/v1/workflows/{workflow.id}"


def order_of(workflow: Workflow, api: APIClient) -> list[str]:
    return [item["id"] for item in api.get(f"/api/v1/workflows/{workflow.id}/actions").json()["items"]]


class TestSingleObjects:
    @pytest.mark.parametrize("route", SINGLE, ids=str)
    def test_are_guarded(self, route: Route, account: Account) -> None:
        client = client_for(account, Role.OWNER)
        url = route.url(sample(route, account))
        response = client.get(url)
        tag = response["ETag"]
        assert tag == client.get(url)["ETag"]
        for method in {"patch", "delete"} & route.methods.keys():
            refused = client.generic(method.upper(), url, "{}", "application/json", headers={"if-match": '"stale"'})
            assert (refused.status_code, refused.json()["errors"][0]["code"]) == (412, "stale_revision")
            assert client.get(url).json() == response.json()
        if "delete" in route.methods and "actions" not in route.path:
            assert client.delete(url, headers={"if-match": tag}).status_code == 204

    @pytest.mark.parametrize(("route", "single"), CREATIONS, ids=str)
    def test_have_the_same_etag_when_created_and_when_read(self, route: Route, single: Route, account: Account) -> None:
        client = client_for(account, Role.OWNER)
        ids = sample(route, account)
        created = client.post(route.url(ids), accepted_body(route, "post", account, ids))
        assert created.status_code == 201
        url = single.url({**ids, single.parameters[-1]: created.json()["id"]})
        assert created["ETag"] == client.get(url)["ETag"]


class TestAWorkflow:
    def test_has_its_revision_as_etag(self, api: APIClient, path: str, workflow: Workflow) -> None:
        assert api.get(path)["ETag"] == '"1"'
        assert api.patch(path, {"name": "Renamed"}, headers={"if-match": '"1"'})["ETag"] == '"2"'
        assert api.get(path + "/actions")["ETag"] == '"2"'

    @pytest.mark.parametrize(
        ("method", "below", "body"),
        [
            ("patch", "", {"name": "Renamed"}),
            ("delete", "", None),
            ("post", "/activate", {}),
            ("post", "/archive", {}),
            ("post", "/clone", {}),
            ("post", "/triggers", {"trigger_type": "manual"}),
            ("post", "/actions", {"action_type": "add_tag", "action_config": {"tag_name": "VIP"}}),
            ("post", "/actions/{first}/duplicate", {}),
            ("post", "/actions/{first}/move", {"position": 2}),
            ("post", "/actions/reorder", {"action_positions": {"{first}": 2}}),
            ("delete", "/actions/{first}", None),
        ],
    )
    def test_guards_what_depends_on_order_and_state(
        self, api: APIClient, workflow: Workflow, path: str, method: str, below: str, body: Any
    ) -> None:
        order = order_of(workflow, api)
        if body and "action_positions" in body:
            body = {"action_positions": {order[0]: 2}}
        url = path + below.format(first=order[0])
        refused = getattr(api, method)(url, body, headers=STALE)
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (412, "stale_revision")
        assert order_of(workflow, api) == order
        workflow.refresh_from_db()
        assert (workflow.revision, workflow.status, workflow.deleted_at) == (1, WorkflowStatus.DRAFT, None)
        assert Workflow.objects.count() == 1
        assert getattr(api, method)(url, body, headers={"if-match": '"0", "1"'}).status_code in (200, 201, 204)

    @pytest.mark.parametrize("verb", ["pause", "archive", "restore"])
    def test_guards_its_states(self, api: APIClient, path: str, workflow: Workflow, verb: str) -> None:
        refused = api.post(f"{path}/{verb}", {}, headers=STALE)
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (412, "stale_revision")

    def test_answers_its_new_revision_with_the_new_order(self, api: APIClient, path: str, workflow: Workflow) -> None:
        first = order_of(workflow, api)[0]
        answer = api.post(f"{path}/actions/reorder", {"action_positions": {first: 1}}, headers={"if-match": '"1"'})
        assert answer["ETag"] == '"2"'
        assert api.delete(f"{path}/actions/{first}", headers={"if-match": '"2"'}).status_code == 204


class TestAnAction:
    @pytest.fixture
    def url(self, path: str, workflow: Workflow) -> str:
        return f"{path}/actions/{Action.objects.get(workflow=workflow, key='add_tag').id}"

    @pytest.mark.parametrize("method", ["put", "patch"])
    def test_is_guarded_by_its_own_etag(self, api: APIClient, url: str, method: str) -> None:
        seen = api.get(url)["ETag"]
        assert getattr(api, method)(url, {"name": "First"}, headers={"if-match": seen}).status_code == 200
        refused = getattr(api, method)(url, {"name": "Second"}, headers={"if-match": seen})
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (412, "stale_revision")
        assert api.get(url).json()["name"] == "First"

    def test_keeps_its_etag_when_others_change(self, api: APIClient, url: str, workflow: Workflow, path: str) -> None:
        seen = api.get(url)["ETag"]
        first, second, _ = order_of(workflow, api)
        api.post(f"{path}/actions/{first}/move", {"position": 2})
        api.patch(f"{path}/actions/{second}", {"name": "Other"})
        assert api.get(url)["ETag"] == seen
        assert api.patch(url, {"name": "Mine"}, headers={"if-match": seen}).status_code == 200


@pytest.mark.django_db(transaction=True)
class TestTogether:
    def test_one_of_many_with_the_same_etag_gets_through(self, account: Account) -> None:
        workflow = WorkflowFactory(account=account, chain=["add_tag", "add_note"])
        client, answers = client_for(account), []
        url = f"/api/v1/workflows/{workflow.id}/actions"
        body = {"action_type": "add_tag", "action_config": {"tag_name": "VIP"}}
        own = f"{url}/{Action.objects.filter(workflow=workflow).first().id}"
        own_tag = client.get(own)["ETag"]

        def add(number: int) -> None:
            try:
                answers.append(client.post(url, body, headers={"if-match": '"1"'}).status_code)
                changed = client.patch(own, {"name": f"Name {number}"}, headers={"if-match": own_tag})
                answers.append(changed.status_code)
            finally:
                connection.close()

        threads = [threading.Thread(target=add, args=(number,)) for number in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == [200, 201] + [412] * 18
        assert Action.objects.filter(workflow=workflow).count() == 3
