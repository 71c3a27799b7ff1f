"""Executions over HTTP: lists, details, logs, cancel and retry."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from accounts.models import AuditEntry
from workflows.models import ActionExecution, WorkflowExecution
from workflows.tests.factories import ActionExecutionFactory, ActiveWorkflowFactory, ExecutionFactory, step_ids

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
FIELDS = {
    "id", "workflow_id", "workflow_version", "contact_id", "status", "pause_reason", "completion_reason",
    "enrollment_source", "current_action_id", "total_steps", "progress_percent", "due_at", "error_message", "steps",
    "started_at", "completed_at", "created_at",
}  # fmt: skip
LOG_FIELDS = {
    "id", "workflow_execution_id", "workflow_id", "action_id", "action_key", "action_type", "contact_id", "visit",
    "status", "started_at", "completed_at", "scheduled_at", "duration_ms", "execution_data", "result_data",
    "error_class", "error_message", "failed_with_fallback", "retry_count", "attempts",
}  # fmt: skip


@pytest.fixture
def workflow(account):
    return ActiveWorkflowFactory(account=account, chain=["add_tag", "wait_time", "add_tag", "add_note"])


def code_of(response):
    return response.json()["errors"][0]["code"]


def ids_of(response):
    return [item["id"] for item in response.json()["items"]]


class TestExecution:
    def test_is_shown_as_the_contract_says(self, api, workflow):
        execution = ExecutionFactory(workflow=workflow, current_action_id=step_ids(workflow)[2], due_at=NOW)
        response = api.get(f"/api/v1/executions/{execution.id}")
        body = response.json()
        assert response.status_code == 200
        assert body.keys() == FIELDS
        assert body["id"] == str(execution.id)
        assert (body["workflow_id"], body["contact_id"]) == (str(workflow.id), str(execution.contact_id))
        assert (body["workflow_version"], body["total_steps"], body["progress_percent"]) == (1, 4, 50)
        assert (body["status"], body["completion_reason"], body["error_message"]) == ("queued", None, None)
        assert body["current_action_id"] == str(step_ids(workflow)[2])
        assert (body["due_at"], body["completed_at"]) == ("2026-05-04T09:00:00Z", None)
        assert (body["enrollment_source"], body["steps"]) == ("api", {})

    def test_has_come_all_the_way_when_completed(self, api, workflow):
        execution = ExecutionFactory(workflow=workflow, completed=True)
        body = api.get(f"/api/v1/executions/{execution.id}").json()
        assert (body["progress_percent"], body["completion_reason"], body["current_action_id"]) == (
            100,
            "finished",
            None,
        )

    def test_says_why_it_failed(self, api, workflow):
        execution = ExecutionFactory(workflow=workflow, failed=True)
        body = api.get(f"/api/v1/executions/{execution.id}").json()
        assert (body["status"], body["completion_reason"]) == ("failed", "step_failed")
        assert body["error_message"] == "The record does not exist."

    @pytest.mark.parametrize("identifier", [uuid4(), "nonsense"])
    def test_is_not_found_under_an_unknown_id(self, api, identifier):
        response = api.get(f"/api/v1/executions/{identifier}")
        assert (response.status_code, code_of(response)) == (404, "not_found")

    def test_is_hidden_from_another_account(self, api):
        foreign = ExecutionFactory()
        response = api.get(f"/api/v1/executions/{foreign.id}")
        assert response.json() == api.get(f"/api/v1/executions/{uuid4()}").json()
        assert response.status_code == 404

    def test_takes_no_parameters(self, api, workflow):
        response = api.get(f"/api/v1/executions/{ExecutionFactory(workflow=workflow).id}?status=failed")
        assert (response.status_code, code_of(response)) == (400, "invalid_filter")


class TestExecutionList:
    def test_shows_the_newest_first_in_pages(self, api, workflow):
        executions = [ExecutionFactory(workflow=workflow) for _ in range(5)]
        newest_first = [str(execution.id) for execution in reversed(executions)]
        first = api.get("/api/v1/executions?limit=2")
        assert ids_of(first) == newest_first[:2]
        assert first.json()["items"][0].keys() == FIELDS
        assert first.json()["previous"] is None
        second = api.get("/api/v1/executions", {"limit": 2, "cursor": first.json()["next"]})
        assert ids_of(second) == newest_first[2:4]
        third = api.get("/api/v1/executions", {"limit": 2, "cursor": second.json()["next"]})
        assert ids_of(third) == newest_first[4:]
        assert third.json()["next"] is None
        back = api.get("/api/v1/executions", {"limit": 2, "cursor": third.json()["previous"]})
        assert ids_of(back) == newest_first[2:4]

    def test_shows_only_the_accounts_own(self, api, workflow):
        own = ExecutionFactory(workflow=workflow)
        ExecutionFactory()
        assert ids_of(api.get("/api/v1/executions")) == [str(own.id)]

    def test_filters(self, api, workflow):
        failed = ExecutionFactory(workflow=workflow, failed=True)
        queued = ExecutionFactory(workflow=workflow)
        other = ExecutionFactory(workflow=ActiveWorkflowFactory(account=workflow.account), completed=True)
        dates = {failed: NOW - timedelta(days=2), queued: NOW - timedelta(days=1), other: NOW}
        for execution, created_at in dates.items():
            WorkflowExecution.objects.for_account(workflow.account_id).filter(id=execution.id).update(
                created_at=created_at
            )
        for parameters, expected in (
            ({"status": "failed"}, [failed]),
            ({"contact_id": queued.contact_id}, [queued]),
            ({"workflow_id": workflow.id}, [queued, failed]),
            ({"action_id": step_ids(workflow)[0]}, [queued, failed]),
            ({"from": (NOW - timedelta(days=1)).isoformat()}, [other, queued]),
            ({"to": (NOW - timedelta(days=1)).isoformat()}, [failed]),
            ({"status": "failed", "contact_id": queued.contact_id}, []),
        ):
            assert ids_of(api.get("/api/v1/executions", parameters)) == [str(row.id) for row in expected], parameters

    @pytest.mark.parametrize(
        "query", ["status=nonsense", "contact_id=7", "from=yesterday", "colour=red", "cursor=x", "limit=0"]
    )
    def test_refuses_filters_that_cannot_be(self, api, query):
        response = api.get(f"/api/v1/executions?{query}")
        assert (response.status_code, code_of(response)) == (400, "invalid_filter")

    def test_takes_the_same_queries_for_one_and_for_many(self, api, workflow, django_assert_num_queries):
        ExecutionFactory(workflow=workflow)
        api.get("/api/v1/executions")  # the key's last use is written, the plan is read
        with django_assert_num_queries(3):
            api.get("/api/v1/executions")
        for _ in range(20):
            ExecutionFactory(workflow=workflow)
        with django_assert_num_queries(3):
            assert len(ids_of(api.get("/api/v1/executions"))) == 21


class TestLogs:
    def test_are_shown_in_order(self, api, workflow):
        execution = ExecutionFactory(workflow=workflow)
        rows = [
            ActionExecutionFactory(
                workflow_execution=execution,
                action_id=action_id,
                visit=visit,
                result_data={"visit": visit},
                duration_ms=visit,
            )
            for visit, action_id in enumerate(step_ids(workflow))
        ]
        first = api.get(f"/api/v1/executions/{execution.id}/logs?limit=3")
        assert ids_of(first) == [str(row.id) for row in rows[:3]]
        rest = api.get(f"/api/v1/executions/{execution.id}/logs", {"limit": 3, "cursor": first.json()["next"]})
        assert ids_of(rest) == [str(rows[3].id)]
        body = first.json()["items"][1]
        assert body.keys() == LOG_FIELDS
        assert (body["action_key"], body["action_type"], body["status"]) == ("wait_time", "wait_time", "completed")
        assert (body["result_data"], body["duration_ms"], body["attempts"]) == ({"visit": 1}, 1, [])
        assert (body["error_class"], body["error_message"], body["retry_count"]) == (None, None, 0)
        assert body["workflow_execution_id"] == str(execution.id)

    def test_filter_by_status_and_action(self, api, workflow):
        execution = ExecutionFactory(workflow=workflow, failed=True)
        failed = ActionExecution.objects.for_account(workflow.account_id).get()
        ActionExecutionFactory(workflow_execution=execution, action_id=step_ids(workflow)[1], visit=1)
        for query in ("status=failed", f"action_id={step_ids(workflow)[0]}"):
            assert ids_of(api.get(f"/api/v1/executions/{execution.id}/logs?{query}")) == [str(failed.id)]

    def test_of_another_accounts_execution_are_not_found(self, api):
        response = api.get(f"/api/v1/executions/{ExecutionFactory(failed=True).id}/logs")
        assert (response.status_code, code_of(response)) == (404, "not_found")


class TestCancel:
    def test_ends_the_execution(self, api, workflow):
        execution = ExecutionFactory(workflow=workflow)
        response = api.post(f"/api/v1/executions/{execution.id}/cancel")
        assert response.status_code == 200
        assert response.json().keys() == FIELDS
        assert (response.json()["status"], response.json()["completion_reason"]) == ("cancelled", "cancelled_by_user")
        entry = AuditEntry.objects.for_account(workflow.account_id).get()
        assert (entry.verb, entry.actor_api_key_id) == ("execution.cancelled", api.api_key.id)

    def test_refuses_one_that_has_ended(self, api, workflow):
        execution = ExecutionFactory(workflow=workflow, completed=True)
        response = api.post(f"/api/v1/executions/{execution.id}/cancel")
        assert (response.status_code, code_of(response)) == (409, "invalid_transition")
        execution.refresh_from_db()
        assert execution.status == "completed"

    def test_refuses_fields(self, api, workflow):
        execution = ExecutionFactory(workflow=workflow)
        response = api.post(f"/api/v1/executions/{execution.id}/cancel", {"why": "x"})
        assert (response.status_code, code_of(response)) == (400, "unknown_field")
        execution.refresh_from_db()
        assert execution.status == "queued"

    def test_is_not_for_viewers(self, viewer_api, workflow):
        execution = ExecutionFactory(workflow=workflow)
        response = viewer_api.post(f"/api/v1/executions/{execution.id}/cancel")
        assert (response.status_code, code_of(response)) == (403, "permission_denied")
        execution.refresh_from_db()
        assert execution.status == "queued"

    def test_does_not_reach_another_account(self, api):
        foreign = ExecutionFactory()
        response = api.post(f"/api/v1/executions/{foreign.id}/cancel")
        assert (response.status_code, code_of(response)) == (404, "not_found")
        foreign.refresh_from_db()
        assert foreign.status == "queued"


class TestRetry:
    def test_sends_a_failed_execution_on(self, api, workflow):
        execution = ExecutionFactory(workflow=workflow, failed=True)
        response = api.post(f"/api/v1/executions/{execution.id}/retry")
        assert response.status_code == 200
        body = response.json()
        assert (body["status"], body["completion_reason"], body["error_message"]) == ("active", None, None)
        assert body["current_action_id"] == str(execution.current_action_id)

    def test_refuses_one_that_has_not_failed(self, api, workflow):
        execution = ExecutionFactory(workflow=workflow)
        response = api.post(f"/api/v1/executions/{execution.id}/retry")
        assert (response.status_code, code_of(response)) == (409, "invalid_transition")

    def test_refuses_while_a_newer_one_is_inside(self, api, workflow):
        execution = ExecutionFactory(workflow=workflow, failed=True)
        ExecutionFactory(workflow=workflow, contact=execution.contact)
        response = api.post(f"/api/v1/executions/{execution.id}/retry")
        assert (response.status_code, code_of(response)) == (409, "already_enrolled")
