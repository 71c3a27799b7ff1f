"""The actions of a workflow over HTTP."""

from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from accounts.models import Account
from workflows.models import Action, Workflow, WorkflowStatus
from workflows.tests.factories import ActiveWorkflowFactory, WorkflowFactory

pytestmark = pytest.mark.django_db

FIELDS = {
    "id", "key", "workflow_id", "action_type", "category", "action_config", "name", "summary", "position",
    "previous_action_id", "next_action_id", "branch_id", "branches", "is_enabled", "on_error", "retry", "created_at",
    "updated_at", "created_by", "updated_by",
}  # fmt: skip
TAG = {"action_type": "add_tag", "action_config": {"tag_name": "VIP"}}


@pytest.fixture
def workflow(account: Account) -> Workflow:
    return WorkflowFactory(account=account, chain=["add_tag", "add_note", "wait_time"])


@pytest.fixture
def path(workflow: Workflow) -> str:
    return f"/api/v1/workflows/{workflow.id}/actions"


def order(api: APIClient, path: str) -> list[str]:
    return [item["key"] for item in api.get(path).json()["items"]]


def ids(api: APIClient, path: str) -> list[str]:
    return [item["id"] for item in api.get(path).json()["items"]]


def errors(response: Any) -> set[tuple[str, str | None]]:
    return {(error["code"], error["attr"]) for error in response.json()["errors"]}


class TestList:
    def test_is_in_order_and_whole(self, api: APIClient, workflow: Workflow, path: str) -> None:
        body = api.get(path).json()

        items = body.pop("items")
        assert body == {
            "total": 3, "workflow_id": str(workflow.id), "limit": 50, "offset": 0, "has_more": False,
        }  # fmt: skip
        assert [item["key"] for item in items] == ["add_tag", "add_note", "wait_time"]
        assert [item["position"] for item in items] == [0, 1, 2]
        assert [item["previous_action_id"] for item in items] == [None, items[0]["id"], items[1]["id"]]
        assert [item["next_action_id"] for item in items] == [items[1]["id"], items[2]["id"], None]
        assert set(items[0]) == FIELDS
        assert [item["category"] for item in items] == ["crm", "crm", "timing"]
        assert all(item["name"] and item["summary"] for item in items)
        assert (items[0]["branch_id"], items[0]["branches"], items[0]["retry"]) == (None, [], None)

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("include_disabled=true", ["add_tag", "add_note", "wait_time"]),
            ("include_disabled=false", ["add_tag", "wait_time"]),
            ("action_type=wait_time", ["wait_time"]),
            ("category=crm", ["add_tag", "add_note"]),
            ("category=crm&include_disabled=false", ["add_tag"]),
            ("branch_id=null", ["add_tag", "add_note", "wait_time"]),
            ("branch_id=00000000-0000-4000-8000-000000000000", []),
            ("limit=1&offset=1", ["add_note"]),
        ],
    )
    def test_is_narrowed(self, api: APIClient, path: str, query: str, expected: list[str]) -> None:
        Action.objects.filter(key="add_note").update(is_enabled=False)

        body = api.get(f"{path}?{query}").json()

        assert [item["key"] for item in body["items"]] == expected

    def test_keeps_true_positions_when_narrowed(self, api: APIClient, path: str) -> None:
        (item,) = api.get(f"{path}?action_type=wait_time").json()["items"]

        assert item["position"] == 2

    @pytest.mark.parametrize(
        "query",
        ["include_disabled=maybe", "action_type=pigeon", "category=birds", "branch_id=main", "colour=red", "limit=0"],
    )
    def test_refuses_what_it_does_not_know(self, api: APIClient, path: str, query: str) -> None:
        response = api.get(f"{path}?{query}")

        assert response.status_code == 400
        assert errors(response) == {("invalid_filter", query.split("=", maxsplit=1)[0])}

    def test_takes_the_same_queries_for_few_and_for_many(
        self, api: APIClient, workflow: Workflow, account: Account, path: str, django_assert_num_queries: Any
    ) -> None:
        long = WorkflowFactory(account=account, chain=["add_tag"] * 40)
        api.get(path)  # the key's time of use is noted once a minute

        for url in (path, path.replace(str(workflow.id), str(long.id))):
            with django_assert_num_queries(4):
                api.get(url)


class TestCreate:
    def test_answers_the_action(self, api: APIClient, path: str) -> None:
        response = api.post(path, {**TAG, "key": "mark", "name": "Mark", "is_enabled": False, "on_error": "continue"})

        assert response.status_code == 201
        body = response.json()
        assert set(body) == FIELDS
        assert (body["key"], body["name"], body["is_enabled"], body["on_error"]) == ("mark", "Mark", False, "continue")
        assert (body["position"], body["action_config"]) == (3, {"tag_name": "VIP"})
        assert api.get(f"{path}/{body['id']}").json() == body
        assert order(api, path) == ["add_tag", "add_note", "wait_time", "mark"]

    def test_inserts_in_the_middle(self, api: APIClient, path: str) -> None:
        first = ids(api, path)[0]

        api.post(path, {**TAG, "key": "second", "position": 1})
        api.post(path, {**TAG, "key": "third", "previous_action_id": first, "position": 1})

        assert order(api, path) == ["add_tag", "third", "second", "add_note", "wait_time"]

    def test_takes_null_for_what_is_left_out(self, api: APIClient, path: str) -> None:
        nothing = {"key": None, "position": None, "previous_action_id": None, "branch_id": None, "retry": None}

        body = api.post(path, {**TAG, **nothing}).json()

        assert (body["key"], body["position"]) == ("add_tag_2", 3)

    def test_takes_a_retry_rule_that_can_be_cleared(self, api: APIClient, path: str) -> None:
        rule = {"max_retries": 10, "base_seconds": 1, "max_seconds": 86400, "strategy": "linear"}
        added = api.post(path, {**TAG, "retry": rule}).json()
        assert added["retry"] == rule

        assert api.patch(f"{path}/{added['id']}", {"retry": {"max_retries": 0}}).json()["retry"] == {"max_retries": 0}
        assert api.patch(f"{path}/{added['id']}", {"retry": {}}).json()["retry"] is None
        assert api.patch(f"{path}/{added['id']}", {"retry": None}).json()["retry"] is None

    def test_refuses_places_that_do_not_agree(self, api: APIClient, path: str) -> None:
        response = api.post(path, {**TAG, "previous_action_id": ids(api, path)[0], "position": 0})

        assert (response.status_code, errors(response)) == (409, {("action_position_conflict", "position")})
        assert len(order(api, path)) == 3

    @pytest.mark.parametrize(
        ("sent", "expected"),
        [
            ({"action_type": "send_pigeon"}, {("invalid_action_type", "action_type")}),
            ({"action_type": None}, {("null", "action_type")}),
            ({"action_config": {"tag_nam": "x", "tag_name": "y"}}, {("unknown_field", "action_config.tag_nam")}),
            ({"action_config": {"tag_name": "x" * 51}}, {("max_length", "action_config.tag_name")}),
            ({"action_config": {"tag_name": "{{ nobody.name }}"}}, {("invalid_template", "action_config.tag_name")}),
            ({"action_config": []}, {("not_a_dict", "action_config")}),
            ({"action_config": None}, {("null", "action_config")}),
            ({"position": -1}, {("min_value", "position")}),
            ({"position": 4}, {("max_value", "position")}),
            ({"position": "1"}, {("invalid", "position")}),
            ({"position": 1.0}, {("invalid", "position")}),
            ({"position": True}, {("invalid", "position")}),
            ({"position": 2**62}, {("max_value", "position")}),
            ({"previous_action_id": str(uuid4())}, {("action_not_found", "previous_action_id")}),
            ({"previous_action_id": "first"}, {("invalid", "previous_action_id")}),
            ({"branch_id": str(uuid4())}, {("branch_not_found", "branch_id")}),
            ({"key": "No Key"}, {("invalid", "key")}),
            ({"key": ""}, {("blank", "key")}),
            ({"key": "k" * 51}, {("max_length", "key")}),
            ({"key": "mark\n"}, {("invalid", "key")}),
            ({"name": "n" * 121}, {("max_length", "name")}),
            ({"is_enabled": "yes"}, {("invalid", "is_enabled")}),
            ({"on_error": "fallback"}, {("invalid_choice", "on_error")}),
            ({"retry": {"max_retries": 11}}, {("max_value", "retry.max_retries")}),
            ({"retry": {"max_retries": "2"}}, {("invalid", "retry.max_retries")}),
            ({"retry": {"max_retries": True}}, {("invalid", "retry.max_retries")}),
            ({"retry": {"max_retries": None}}, {("null", "retry.max_retries")}),
            ({"retry": {"base_seconds": 0}}, {("min_value", "retry.base_seconds")}),
            ({"retry": {"base_seconds": 20, "max_seconds": 10}}, {("min_value", "retry.max_seconds")}),
            ({"retry": {"base_seconds": 4000}}, {("min_value", "retry.max_seconds")}),
            ({"retry": {"strategy": "random"}}, {("invalid_choice", "retry.strategy")}),
            ({"retry": {"tries": 2}}, {("unknown_field", "retry.tries")}),
            ({"retry": []}, {("not_a_dict", "retry")}),
            ({"retry": "often"}, {("not_a_dict", "retry")}),
            ({"colour": "red"}, {("unknown_field", "colour")}),
        ],
    )
    def test_refuses_what_is_wrong(
        self, api: APIClient, path: str, sent: dict[str, Any], expected: set[tuple[str, str]]
    ) -> None:
        response = api.post(path, {**TAG, **sent})

        assert (response.status_code, errors(response)) == (400, expected)
        assert order(api, path) == ["add_tag", "add_note", "wait_time"]

    def test_needs_type_and_config(self, api: APIClient, path: str) -> None:
        response = api.post(path, {})

        assert errors(response) == {("required", "action_type"), ("required", "action_config")}

    def test_refuses_a_key_that_is_taken(self, api: APIClient, path: str) -> None:
        response = api.post(path, {**TAG, "key": "add_note"})

        assert (response.status_code, errors(response)) == (409, {("name_taken", "key")})

    def test_refuses_the_fifty_first(self, api: APIClient, account: Account) -> None:
        workflow = WorkflowFactory(account=account, chain=["add_tag"] * 50)
        path = f"/api/v1/workflows/{workflow.id}/actions"

        response = api.post(path, TAG)

        assert (response.status_code, errors(response)) == (409, {("maximum_actions_exceeded", None)})
        assert Action.objects.filter(workflow=workflow).count() == 50


class TestAnActiveWorkflow:
    @pytest.mark.parametrize("verb", ["add", "put", "patch", "delete", "reorder", "duplicate", "move"])
    def test_is_not_edited(self, api: APIClient, account: Account, verb: str) -> None:
        workflow = ActiveWorkflowFactory(account=account, chain=["add_tag", "add_note"])
        path = f"/api/v1/workflows/{workflow.id}/actions"
        before = api.get(f"/api/v1/workflows/{workflow.id}").json()
        first = before["actions"][0]["id"]

        match verb:
            case "add":
                response = api.post(path, TAG)
            case "put":
                response = api.put(f"{path}/{first}", {"position": 1})
            case "patch":
                response = api.patch(f"{path}/{first}", {"is_enabled": False})
            case "delete":
                response = api.delete(f"{path}/{first}")
            case "reorder":
                response = api.post(f"{path}/reorder", {"action_positions": {first: 1}})
            case "duplicate":
                response = api.post(f"{path}/{first}/duplicate")
            case "move":
                response = api.post(f"{path}/{first}/move", {"position": 1})

        assert (response.status_code, errors(response)) == (409, {("workflow_must_be_in_draft", None)})
        assert api.get(f"/api/v1/workflows/{workflow.id}").json() == before


class TestUpdate:
    @pytest.mark.parametrize("method", ["put", "patch"])
    def test_changes_what_is_sent(self, api: APIClient, path: str, method: str) -> None:
        first = ids(api, path)[0]

        response = getattr(api, method)(
            f"{path}/{first}",
            {"action_config": {"tag_name": "Lead"}, "name": "Mark", "is_enabled": False, "position": 2, "key": "mark"},
        )

        assert response.status_code == 200
        body = response.json()
        assert (body["action_config"], body["name"], body["is_enabled"]) == ({"tag_name": "Lead"}, "Mark", False)
        assert (body["position"], body["key"], body["on_error"]) == (2, "mark", "stop")
        assert order(api, path) == ["add_note", "wait_time", "mark"]

    def test_refuses_what_is_wrong(self, api: APIClient, path: str) -> None:
        first = ids(api, path)[0]

        response = api.patch(f"{path}/{first}", {"action_config": {}, "position": 3, "key": "a b"})

        assert response.status_code == 400
        assert errors(response) == {
            ("required", "action_config.tag_name"),
            ("max_value", "position"),
            ("invalid", "key"),
        }

    def test_refuses_another_type(self, api: APIClient, path: str) -> None:
        response = api.patch(f"{path}/{ids(api, path)[0]}", {"action_type": "add_note"})

        assert errors(response) == {("unknown_field", "action_type")}

    def test_refuses_to_rename_a_key_in_use(self, api: APIClient, path: str) -> None:
        first = ids(api, path)[0]
        api.post(path, {"action_type": "add_note", "action_config": {"content": "{{ steps.add_tag.changed }}"}})

        response = api.patch(f"{path}/{first}", {"key": "mark"})

        assert (response.status_code, errors(response)) == (409, {("in_use", "key")})


class TestDelete:
    def test_links_the_neighbours(self, api: APIClient, path: str) -> None:
        first, second, third = ids(api, path)

        assert api.delete(f"{path}/{second}").status_code == 204

        assert ids(api, path) == [first, third]
        assert api.get(f"{path}/{second}").status_code == 404
        assert api.delete(f"{path}/{second}").status_code == 404


class TestReorder:
    def test_answers_the_list_in_its_new_order(self, api: APIClient, workflow: Workflow, path: str) -> None:
        first, second, third = ids(api, path)

        response = api.post(f"{path}/reorder", {"action_positions": {third: 0}})

        assert response.status_code == 200
        body = response.json()
        assert [item["id"] for item in body.pop("items")] == [third, first, second]
        assert body == {
            "total": 3, "workflow_id": str(workflow.id), "limit": 50, "offset": 0, "has_more": False,
        }  # fmt: skip
        assert ids(api, path) == [third, first, second]

    @pytest.mark.parametrize(
        ("positions", "expected"),
        [
            ({}, {("empty", "action_positions")}),
            (None, {("null", "action_positions")}),
            ([1], {("not_a_dict", "action_positions")}),
            ({"first": "0"}, {("invalid", "action_positions.{first}")}),
            ({"first": 3}, {("max_value", "action_positions.{first}")}),
            ({"first": -1}, {("min_value", "action_positions.{first}")}),
            ({"first": 1, "second": 1}, {("unique", "action_positions.{second}")}),
            ({"stranger": 0}, {("action_not_found", "action_positions.{stranger}")}),
            ({"first": 0, "FIRST": 1}, {("unique", "action_positions.{FIRST}")}),
            ({"nonsense": 0}, {("action_not_found", "action_positions.nonsense")}),
        ],
    )
    def test_refuses_what_is_wrong(
        self, api: APIClient, path: str, positions: Any, expected: set[tuple[str, str]]
    ) -> None:
        before = ids(api, path)
        names = {"first": before[0], "second": before[1], "stranger": str(uuid4()), "FIRST": before[0].upper()}
        if isinstance(positions, dict):
            positions = {names.get(name, name): position for name, position in positions.items()}

        response = api.post(f"{path}/reorder", {"action_positions": positions})

        assert response.status_code == 400
        assert errors(response) == {(code, attr.format(**names)) for code, attr in expected}
        assert ids(api, path) == before

    def test_needs_positions(self, api: APIClient, path: str) -> None:
        assert errors(api.post(f"{path}/reorder", {})) == {("required", "action_positions")}


class TestDuplicateAndMove:
    def test_duplicate_puts_a_copy_right_behind(self, api: APIClient, path: str) -> None:
        first = ids(api, path)[0]

        response = api.post(f"{path}/{first}/duplicate")

        assert response.status_code == 201
        assert (response.json()["position"], response.json()["previous_action_id"]) == (1, first)
        assert order(api, path) == ["add_tag", "add_tag_2", "add_note", "wait_time"]

    def test_move_takes_the_action_to_a_position(self, api: APIClient, path: str) -> None:
        response = api.post(f"{path}/{ids(api, path)[2]}/move", {"position": 0})

        assert (response.status_code, response.json()["position"]) == (200, 0)
        assert order(api, path) == ["wait_time", "add_tag", "add_note"]

    def test_move_refuses_an_unknown_branch_and_a_missing_position(self, api: APIClient, path: str) -> None:
        first = ids(api, path)[0]

        unknown = api.post(f"{path}/{first}/move", {"position": 0, "branch_id": str(uuid4())})
        missing = api.post(f"{path}/{first}/move", {})

        assert (unknown.status_code, errors(unknown)) == (400, {("branch_not_found", "branch_id")})
        assert (missing.status_code, errors(missing)) == (400, {("required", "position")})


class TestWhoMay:
    def test_viewers_read_only(self, viewer_api: APIClient, path: str) -> None:
        first = ids(viewer_api, path)[0]

        assert viewer_api.post(path, TAG).status_code == 403
        assert viewer_api.patch(f"{path}/{first}", {"is_enabled": False}).status_code == 403
        assert viewer_api.delete(f"{path}/{first}").status_code == 403
        assert viewer_api.post(f"{path}/reorder", {"action_positions": {first: 1}}).status_code == 403
        assert order(viewer_api, path) == ["add_tag", "add_note", "wait_time"]

    def test_an_action_is_found_in_its_own_workflow_only(self, api: APIClient, account: Account, path: str) -> None:
        other = WorkflowFactory(account=account, chain=["add_tag"], status=WorkflowStatus.DRAFT)
        stranger = Action.objects.get(workflow=other)

        assert api.get(f"{path}/{stranger.id}").status_code == 404
        assert api.patch(f"{path}/{stranger.id}", {"is_enabled": False}).status_code == 404
        assert api.delete(f"{path}/{stranger.id}").status_code == 404
        assert api.get(f"{path}/nonsense").status_code == 404
        assert Action.objects.get(id=stranger.id).is_enabled
