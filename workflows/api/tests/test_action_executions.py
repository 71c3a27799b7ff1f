"""Steps across executions over HTTP, settling them, and steering single executions."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Account, AuditEntry
from workflows.actions.outcomes import Done
from workflows.actions.outside import OutcomeUnknown
from workflows.crm.tests.factories import ContactFactory
from workflows.engine import clock, enroll
from workflows.engine.advance import advance
from workflows.engine.perform.lanes import perform_due
from workflows.engine.tests.kinds import Outside, registered_type
from workflows.models import ActionExecution, Workflow, WorkflowExecution
from workflows.tests.factories import ActionExecutionFactory, ActiveWorkflowFactory, ExecutionFactory, step_ids

pytestmark = pytest.mark.django_db

PATH = "/api/v1/action-executions"


def code_of(response: Any) -> str:
    return str(response.json()["errors"][0]["code"])


def lose_the_reply(payload: Mapping[str, Any], key: UUID) -> Done:
    raise OutcomeUnknown("The connection broke.")


@pytest.fixture
def outside() -> Iterator[Outside]:
    kind = Outside(lose_the_reply)
    with registered_type(kind):
        yield kind


@pytest.fixture
def workflow(account: Account, outside: Outside) -> Workflow:
    made: Workflow = ActiveWorkflowFactory(account=account, chain=[("call_out", {}), "add_tag"])
    return made


def unknown(workflow: Workflow) -> ActionExecution:
    """Return the log row of a step whose outcome nobody knows."""
    execution = enroll.enroll(
        account_id=workflow.account_id,
        workflow_id=workflow.id,
        contact_id=ContactFactory(account=workflow.account).id,
        source="api",
        now=clock.now(),
    )
    advance(seconds=60)
    perform_due("http")
    return ActionExecution.objects.get(workflow_execution=execution)


class TestList:
    def test_holds_what_the_filters_say(self, api: APIClient, account: Account, other_account: Account) -> None:
        workflow = ActiveWorkflowFactory(account=account, chain=["add_tag", "add_note"])
        failed = ActionExecutionFactory(
            workflow_execution=ExecutionFactory(workflow=workflow), status="failed", error_class="timeout"
        )
        other = ActionExecutionFactory(workflow_execution=ExecutionFactory(workflow=workflow))
        elsewhere = ActionExecutionFactory(
            workflow_execution=ExecutionFactory(workflow=ActiveWorkflowFactory(account=account))
        )
        ActionExecutionFactory(workflow_execution__workflow=ActiveWorkflowFactory(account=other_account))

        def found(**filters: Any) -> list[str]:
            response = api.get(PATH, filters)
            assert response.status_code == 200, response.content
            return [item["id"] for item in response.json()["items"]]

        assert found() == [str(row.id) for row in (elsewhere, other, failed)]
        assert found(status="failed") == [str(failed.id)]
        assert found(error_class="timeout") == [str(failed.id)]
        assert found(workflow_id=workflow.id) == [str(other.id), str(failed.id)]
        assert found(contact_id=other.contact_id) == [str(other.id)]
        assert found(action_id=step_ids(workflow)[0], status="completed") == [str(other.id)]
        assert found(**{"from": (timezone.now() + timedelta(minutes=1)).isoformat()}) == []
        page = api.get(PATH, {"limit": 2}).json()
        assert [item["id"] for item in page["items"]] == [str(elsewhere.id), str(other.id)]
        assert [item["id"] for item in api.get(PATH, {"cursor": page["next"]}).json()["items"]] == [str(failed.id)]
        assert api.get(f"{PATH}/{failed.id}").json()["error_class"] == "timeout"


class TestSettle:
    def test_sent_lets_the_contact_go_on(self, api: APIClient, workflow: Workflow) -> None:
        row = unknown(workflow)
        assert (row.status, row.error_class) == ("failed", "outcome_unknown")

        response = api.post(f"{PATH}/{row.id}/settle", {"outcome": "sent"})
        advance(seconds=60)

        assert response.status_code == 200
        assert (response.json()["status"], response.json()["error_class"]) == ("completed", None)
        assert WorkflowExecution.objects.get().status == "completed"
        assert AuditEntry.objects.filter(verb="execution.settled").count() == 1
        again = api.post(f"{PATH}/{row.id}/settle", {"outcome": "not_sent"})
        assert (again.status_code, code_of(again)) == (409, "invalid_transition")

    def test_not_sent_sends_again(self, api: APIClient, workflow: Workflow, outside: Outside) -> None:
        row = unknown(workflow)

        response = api.post(f"{PATH}/{row.id}/settle", {"outcome": "not_sent"})

        assert (response.status_code, response.json()["status"]) == (200, "pending")
        perform_due("http")
        assert len(outside.calls) == 2
        assert len(set(outside.calls)) == 1

    def test_many_get_a_verdict_each(self, api: APIClient, workflow: Workflow, other_account: Account) -> None:
        rows = [unknown(workflow), unknown(workflow)]
        known = ActionExecutionFactory(workflow_execution=ExecutionFactory(workflow=workflow))
        foreign = ActionExecutionFactory(
            workflow_execution=ExecutionFactory(workflow=ActiveWorkflowFactory(account=other_account))
        )
        missing = uuid4()
        ids = [str(each) for each in (rows[0].id, missing, known.id, rows[1].id, foreign.id, rows[0].id)]

        response = api.post(f"{PATH}/settle", {"ids": ids, "outcome": "sent"})

        assert response.status_code == 200
        assert response.json() == {
            "items": [
                {"id": ids[0], "verdict": "settled"},
                {"id": ids[1], "verdict": "not_found"},
                {"id": ids[2], "verdict": "not_unknown"},
                {"id": ids[3], "verdict": "settled"},
                {"id": ids[4], "verdict": "not_found"},
            ],
            "settled": 2,
        }

    @pytest.mark.parametrize(
        "body", [{}, {"outcome": "maybe"}, {"outcome": None}, {"outcome": "sent", "ids": []}], ids=str
    )
    def test_refuses_what_makes_no_sense(self, api: APIClient, workflow: Workflow, body: dict[str, Any]) -> None:
        row = unknown(workflow)
        assert api.post(f"{PATH}/{row.id}/settle", body).status_code == 400
        assert api.post(f"{PATH}/settle", body).status_code == 400
        assert WorkflowExecution.objects.get().status == "paused"

    def test_takes_a_thousand_and_no_more(self, api: APIClient, account: Account) -> None:
        ids = [str(uuid4()) for _ in range(1001)]
        assert api.post(f"{PATH}/settle", {"ids": ids, "outcome": "sent"}).status_code == 400
        assert len(api.post(f"{PATH}/settle", {"ids": ids[1:], "outcome": "sent"}).json()["items"]) == 1000

    def test_is_not_for_viewers(self, viewer_api: APIClient, workflow: Workflow) -> None:
        row = unknown(workflow)
        assert viewer_api.post(f"{PATH}/{row.id}/settle", {"outcome": "sent"}).status_code == 403


class TestSteering:
    def test_an_unknown_outcome_cannot_be_retried_but_skipped(self, api: APIClient, workflow: Workflow) -> None:
        execution_id = unknown(workflow).workflow_execution_id

        retried = api.post(f"/api/v1/executions/{execution_id}/retry")
        skipped = api.post(f"/api/v1/executions/{execution_id}/skip-step")

        assert (retried.status_code, code_of(retried)) == (409, "invalid_transition")
        assert "settle" in retried.json()["errors"][0]["detail"]
        assert (skipped.status_code, skipped.json()["status"]) == (200, "active")
        assert skipped.json()["current_action_id"] == str(step_ids(workflow)[1])

    def test_moves_to_a_step_of_its_version(self, api: APIClient, workflow: Workflow) -> None:
        execution = ExecutionFactory(workflow=workflow, failed=True)
        path = f"/api/v1/executions/{execution.id}/move"

        unknown_step = api.post(path, {"action_id": str(uuid4())})
        moved = api.post(path, {"action_id": str(step_ids(workflow)[1])})

        assert (unknown_step.status_code, code_of(unknown_step)) == (400, "action_not_found")
        assert (moved.status_code, moved.json()["status"]) == (200, "active")
        assert moved.json()["current_action_id"] == str(step_ids(workflow)[1])

    def test_leaves_what_is_over_alone(self, api: APIClient, workflow: Workflow) -> None:
        execution = ExecutionFactory(workflow=workflow, completed=True)
        for path, body in (("skip-step", {}), ("move", {"action_id": str(step_ids(workflow)[0])})):
            response = api.post(f"/api/v1/executions/{execution.id}/{path}", body)
            assert (response.status_code, code_of(response)) == (409, "invalid_transition")
