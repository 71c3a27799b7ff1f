"""Workflows over HTTP: shapes, states, refusals."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from rest_framework.test import APIClient

from accounts.models import Account
from accounts.tests.factories import MembershipFactory
from workflows.models import Workflow, WorkflowStatus, WorkflowVersion
from workflows.tests.factories import ActiveWorkflowFactory, ExecutionFactory, TriggerFactory, WorkflowFactory

pytestmark = pytest.mark.django_db

FIELDS = {
    "id", "name", "description", "status", "revision", "version", "settings", "owner", "actions_count", "stats",
    "created_at", "updated_at", "created_by", "updated_by",
}  # fmt: skip
LIST = "/api/v1/workflows"


def detail(workflow: Workflow) -> str:
    return f"{LIST}/{workflow.id}"


def errors(response: Any) -> set[tuple[str, str | None]]:
    return {(error["code"], error["attr"]) for error in response.json()["errors"]}


class TestList:
    def test_shows_the_account_s_workflows_newest_first(
        self, api: APIClient, account: Account, other_account: Account
    ) -> None:
        WorkflowFactory(account=other_account)
        first = WorkflowFactory(account=account, chain=["add_tag", "add_note"])
        second = WorkflowFactory(account=account)

        body = api.get(LIST).json()

        assert [item["id"] for item in body["items"]] == [str(second.id), str(first.id)]
        assert [item["actions_count"] for item in body["items"]] == [0, 2]
        assert set(body["items"][0]) == FIELDS
        assert (body["total"], body["limit"], body["offset"], body["has_more"]) == (2, 50, 0, False)

    def test_counts_who_went_through(self, api: APIClient, account: Account) -> None:
        workflow = ActiveWorkflowFactory(account=account)
        ExecutionFactory(workflow=workflow)
        ExecutionFactory(workflow=workflow, completed=True)
        ExecutionFactory(workflow=workflow, failed=True)

        assert api.get(LIST).json()["items"][0]["stats"] == {
            "total_enrolled": 3,
            "currently_active": 1,
            "completed": 1,
        }

    def test_takes_the_same_queries_for_one_and_for_many(
        self, api: APIClient, account: Account, django_assert_num_queries: Any
    ) -> None:
        WorkflowFactory(account=account, chain=["add_tag"])
        api.get(LIST)  # the key's time of use is noted once a minute
        with django_assert_num_queries(5):
            api.get(LIST)

        for _ in range(5):
            WorkflowFactory(account=account, chain=["add_tag", "add_note"])
        with django_assert_num_queries(5):
            assert api.get(LIST).json()["total"] == 6

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ("status=active", ["Beta"]),
            ("search=alp", ["Alpha"]),
            ("ordering=name", ["Alpha", "Beta"]),
            ("ordering=-name&limit=1", ["Beta"]),
        ],
    )
    def test_is_narrowed_and_ordered(self, api: APIClient, account: Account, query: str, names: list[str]) -> None:
        WorkflowFactory(account=account, name="Alpha")
        WorkflowFactory(account=account, name="Beta", status=WorkflowStatus.ACTIVE)

        assert [item["name"] for item in api.get(f"{LIST}?{query}").json()["items"]] == names

    @pytest.mark.parametrize("query", ["status=asleep", "colour=red", "ordering=revision", "limit=0", "limit=201"])
    def test_refuses_what_it_does_not_know(self, api: APIClient, query: str) -> None:
        response = api.get(f"{LIST}?{query}")

        assert response.status_code == 400
        assert {code for code, _ in errors(response)} == {"invalid_filter"}

    def test_leaves_out_deleted_ones(self, api: APIClient, account: Account) -> None:
        workflow = WorkflowFactory(account=account)

        assert api.delete(detail(workflow)).status_code == 204

        assert api.get(LIST).json()["total"] == 0
        assert api.get(detail(workflow)).status_code == 404


class TestCreate:
    def test_answers_the_draft(self, api: APIClient) -> None:
        response = api.post(
            LIST, {"name": "Welcome", "description": "Hello", "settings": {"timezone": "Europe/Berlin"}}
        )

        assert response.status_code == 201
        body = response.json()
        assert set(body) == FIELDS | {"actions", "triggers", "goals"}
        assert (body["status"], body["revision"], body["version"], body["description"]) == ("draft", 1, 0, "Hello")
        assert body["settings"] == {"reentry": "after_exit", "timezone": "Europe/Berlin", "notify_on_failure": True}
        assert body["stats"] == {"total_enrolled": 0, "currently_active": 0, "completed": 0}
        assert (body["actions_count"], body["actions"], body["triggers"], body["goals"]) == (0, [], [], [])
        assert api.get(f"{LIST}/{body['id']}").json() == body

    def test_makes_the_key_s_user_the_owner(self, api: APIClient) -> None:
        body = api.post(LIST, {"name": "Welcome"}).json()

        user_id = str(api.api_key.user_id)  # type: ignore[attr-defined]
        assert (body["owner"], body["created_by"], body["updated_by"]) == (user_id, user_id, user_id)

    @pytest.mark.parametrize(
        ("sent", "expected"),
        [
            ({}, {("required", "name")}),
            ({"name": None}, {("null", "name")}),
            ({"name": 5}, {("invalid", "name")}),
            ({"name": "ab"}, {("min_length", "name")}),
            ({"name": "x" * 101}, {("max_length", "name")}),
            ({"name": "no/slash"}, {("invalid", "name")}),
            ({"name": "Fine", "nam": 1}, {("unknown_field", "nam")}),
            ({"name": "Fine", "status": "active"}, {("unknown_field", "status")}),
            ({"name": "Fine", "owner": "me"}, {("invalid", "owner")}),
            ({"name": "Fine", "owner": str(UUID(int=1))}, {("user_not_found", "owner")}),
            ({"name": "Fine", "settings": []}, {("invalid", "settings")}),
            ({"name": "Fine", "settings": {"zone": 1}}, {("unknown_field", "settings.zone")}),
            ({"name": "Fine", "settings": {"reentry": "never"}}, {("invalid_choice", "settings.reentry")}),
            ({"name": "Fine", "settings": {"timezone": "Mars/Base"}}, {("invalid_choice", "settings.timezone")}),
            ({"name": "Fine", "settings": {"notify_on_failure": 1}}, {("invalid", "settings.notify_on_failure")}),
        ],
    )
    def test_refuses_what_is_wrong(self, api: APIClient, sent: Any, expected: set[tuple[str, str]]) -> None:
        response = api.post(LIST, sent)

        assert response.status_code == 400
        assert errors(response) == expected
        assert not Workflow.objects.exists()

    def test_refuses_a_name_that_is_taken(self, api: APIClient, account: Account) -> None:
        WorkflowFactory(account=account, name="Welcome")

        response = api.post(LIST, {"name": "WELCOME"})

        assert (response.status_code, errors(response)) == (409, {("name_taken", "name")})
        assert Workflow.objects.count() == 1

    def test_refuses_beyond_the_account_s_limit(self, api: APIClient, account: Account) -> None:
        Account.objects.filter(id=account.id).update(workflow_limit=0)

        response = api.post(LIST, {"name": "Welcome"})

        assert (response.status_code, errors(response)) == (409, {("workflow_limit_reached", None)})

    def test_is_not_for_viewers(self, viewer_api: APIClient) -> None:
        assert viewer_api.post(LIST, {"name": "Welcome"}).status_code == 403
        assert not Workflow.objects.exists()


class TestUpdate:
    def test_changes_what_is_sent(self, api: APIClient, account: Account) -> None:
        workflow = WorkflowFactory(account=account, description="Old", timezone="Asia/Tokyo")
        owner = MembershipFactory(account=account).user

        body = api.patch(
            detail(workflow), {"name": "Renamed", "owner": str(owner.id), "settings": {"reentry": "single"}}
        ).json()

        assert (body["name"], body["description"], body["owner"]) == ("Renamed", "Old", str(owner.id))
        assert body["settings"] == {"reentry": "single", "timezone": "Asia/Tokyo", "notify_on_failure": True}
        assert body["revision"] == workflow.revision + 1

    def test_refuses_what_a_version_holds_while_active(self, api: APIClient, account: Account) -> None:
        workflow = ActiveWorkflowFactory(account=account)

        response = api.patch(detail(workflow), {"settings": {"reentry": "single"}})

        assert (response.status_code, errors(response)) == (409, {("workflow_must_be_in_draft", None)})
        assert Workflow.objects.get(id=workflow.id).reentry == "after_exit"

    def test_has_no_put(self, api: APIClient, account: Account) -> None:
        assert api.put(detail(WorkflowFactory(account=account)), {"name": "Whole"}).status_code == 405


class TestStates:
    def test_go_from_draft_to_active_to_paused_to_archived_and_back(self, api: APIClient, account: Account) -> None:
        workflow = WorkflowFactory(account=account, chain=["add_tag"])

        seen = []
        for verb in ("activate", "pause", "activate", "archive", "restore"):
            response = api.post(f"{detail(workflow)}/{verb}")
            assert response.status_code == 200, response.json()
            seen.append((response.json()["status"], response.json()["version"]))

        assert seen == [("active", 1), ("paused", 1), ("active", 1), ("archived", 1), ("draft", 1)]

    @pytest.mark.parametrize("verb", ["pause", "restore"])
    def test_refuse_other_ways(self, api: APIClient, account: Account, verb: str) -> None:
        workflow = WorkflowFactory(account=account, chain=["add_tag"])

        response = api.post(f"{detail(workflow)}/{verb}")

        assert (response.status_code, errors(response)) == (409, {("invalid_transition", None)})
        assert Workflow.objects.get(id=workflow.id).status == "draft"

    def test_count_contacts_inside(self, api: APIClient, account: Account) -> None:
        workflow = ActiveWorkflowFactory(account=account, chain=["add_tag", "add_note"])
        ExecutionFactory(workflow=workflow)
        api.post(f"{detail(workflow)}/pause")
        first = api.get(f"{detail(workflow)}/actions").json()["items"][0]["id"]
        api.delete(f"{detail(workflow)}/actions/{first}")

        body = api.post(f"{detail(workflow)}/activate", {"contacts_inside": "move"}).json()

        assert body["contacts_inside"] == {"kept": 0, "moved": 1, "completed": 0}
        assert body["version"] == 2

    def test_refuse_an_unknown_choice_for_contacts_inside(self, api: APIClient, account: Account) -> None:
        workflow = WorkflowFactory(account=account, chain=["add_tag"])

        response = api.post(f"{detail(workflow)}/activate", {"contacts_inside": "drop"})

        assert (response.status_code, errors(response)) == (400, {("invalid_choice", "contacts_inside")})

    def test_report_every_problem_of_an_activation(self, api: APIClient, account: Account) -> None:
        workflow = WorkflowFactory(account=account, chain=[("add_tag", {}), ("add_note", {"text": "x"})])
        tag, note = (item["id"] for item in api.get(f"{detail(workflow)}/actions").json()["items"])

        response = api.post(f"{detail(workflow)}/activate")

        assert response.status_code == 400
        assert errors(response) == {
            ("required", f"actions.{tag}.action_config.tag_name"),
            ("unknown_field", f"actions.{note}.action_config.text"),
            ("required", f"actions.{note}.action_config.content"),
        }
        assert not WorkflowVersion.objects.exists()

    def test_are_not_for_viewers(self, viewer_api: APIClient, account: Account) -> None:
        workflow = WorkflowFactory(account=account, chain=["add_tag"])

        assert viewer_api.post(f"{detail(workflow)}/activate").status_code == 403
        assert Workflow.objects.get(id=workflow.id).status == "draft"

    def test_refuse_a_body_that_is_not_expected(self, api: APIClient, account: Account) -> None:
        workflow = ActiveWorkflowFactory(account=account)

        response = api.post(f"{detail(workflow)}/pause", {"force": True})

        assert (response.status_code, errors(response)) == (400, {("unknown_field", "force")})
        assert Workflow.objects.get(id=workflow.id).status == "active"


class TestClone:
    def test_answers_the_copy(self, api: APIClient, account: Account) -> None:
        workflow = WorkflowFactory(account=account, name="Welcome", chain=["add_tag", "add_note"])

        response = api.post(f"{detail(workflow)}/clone")

        assert response.status_code == 201
        body = response.json()
        assert (body["name"], body["status"], body["actions_count"]) == ("Welcome copy", "draft", 2)
        assert [action["key"] for action in body["actions"]] == ["add_tag", "add_note"]

    def test_takes_a_name(self, api: APIClient, account: Account) -> None:
        workflow = WorkflowFactory(account=account)

        assert api.post(f"{detail(workflow)}/clone", {"name": "Second"}).json()["name"] == "Second"
        assert api.post(f"{detail(workflow)}/clone", {"name": "SECOND"}).status_code == 409


class TestValidate:
    def test_tells_warnings_from_errors(self, api: APIClient, account: Account) -> None:
        workflow = WorkflowFactory(account=account, chain=[("add_tag", {})])
        (action,) = api.get(f"{detail(workflow)}/actions").json()["items"]

        body = api.get(f"{detail(workflow)}/validate").json()

        assert body["valid"] is False
        assert [(item["code"], item["severity"], item["action_id"], item["attr"]) for item in body["problems"]] == [
            ("required", "error", action["id"], f"actions.{action['id']}.action_config.tag_name"),
            ("no_trigger", "warning", None, "triggers"),
        ]
        assert all(item["detail"] for item in body["problems"])

    def test_says_that_all_is_well(self, api: APIClient, account: Account) -> None:
        workflow = WorkflowFactory(account=account, chain=["add_tag"])
        TriggerFactory(workflow=workflow)

        assert api.get(f"{detail(workflow)}/validate").json() == {"valid": True, "problems": []}


class TestTriggers:
    def test_are_added_changed_listed_and_removed(self, api: APIClient, account: Account) -> None:
        workflow = WorkflowFactory(account=account)
        path = f"{detail(workflow)}/triggers"

        response = api.post(path, {"trigger_type": "manual"})
        assert response.status_code == 201
        trigger = response.json()
        assert (trigger["workflow_id"], trigger["trigger_type"]) == (str(workflow.id), "manual")
        assert (trigger["filters"], trigger["settings"], trigger["is_active"]) == (None, {}, True)

        assert api.patch(f"{path}/{trigger['id']}", {"is_active": False}).json()["is_active"] is False
        assert [item["id"] for item in api.get(path).json()["items"]] == [trigger["id"]]
        assert [item["id"] for item in api.get(detail(workflow)).json()["triggers"]] == [trigger["id"]]
        assert api.delete(f"{path}/{trigger['id']}").status_code == 204
        assert api.get(path).json()["items"] == []

    @pytest.mark.parametrize(
        ("sent", "expected"),
        [
            ({}, {("required", "trigger_type")}),
            ({"trigger_type": "full_moon"}, {("invalid_trigger_type", "trigger_type")}),
            ({"trigger_type": "manual", "settings": {"x": 1}}, {("unknown_field", "settings.x")}),
            ({"trigger_type": "manual", "filters": {"rules": []}}, {("invalid_choice", "filters")}),
            ({"trigger_type": "manual", "active": True}, {("unknown_field", "active")}),
        ],
    )
    def test_refuse_what_is_wrong(
        self, api: APIClient, account: Account, sent: Any, expected: set[tuple[str, str]]
    ) -> None:
        workflow = WorkflowFactory(account=account)

        response = api.post(f"{detail(workflow)}/triggers", sent)

        assert (response.status_code, errors(response)) == (400, expected)
        assert api.get(f"{detail(workflow)}/triggers").json()["items"] == []

    def test_need_a_draft_or_paused_workflow(self, api: APIClient, account: Account) -> None:
        workflow = ActiveWorkflowFactory(account=account)

        response = api.post(f"{detail(workflow)}/triggers", {"trigger_type": "manual"})

        assert (response.status_code, errors(response)) == (409, {("workflow_must_be_in_draft", None)})


def test_a_workflow_that_does_not_exist_is_not_found(api: APIClient) -> None:
    for path in (f"{LIST}/{uuid4()}", f"{LIST}/nonsense", f"{LIST}/{uuid4()}/actions", f"{LIST}/{uuid4()}/validate"):
        assert api.get(path).status_code == 404
