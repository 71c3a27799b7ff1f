"""Enrolling by hand over HTTP, and the lists below a workflow and a contact."""

from uuid import uuid4

import pytest

from workflows.crm.models import Channel
from workflows.crm.tests.factories import ConsentFactory, ContactFactory
from workflows.models import WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory, ExecutionFactory, WorkflowFactory, step_ids

pytestmark = pytest.mark.django_db


@pytest.fixture
def workflow(account):
    return ActiveWorkflowFactory(account=account, chain=["add_tag", "add_note"])


@pytest.fixture
def contact(account):
    return ContactFactory(account=account)


def execute(api, workflow, contact, **fields):
    return api.post(f"/api/v1/workflows/{workflow.id}/execute", {"contact_id": str(contact.id), **fields})


def refusal(response):
    """Return status and code of a refused enrollment, having seen that nobody was enrolled."""
    assert not WorkflowExecution.objects.exists()
    error = response.json()["errors"][0]
    return response.status_code, error["code"], error["attr"]


class TestExecute:
    def test_enrolls_the_contact(self, api, workflow, contact):
        response = execute(api, workflow, contact, data={"channel": "Messe Köln", "seats": [1, 2]})
        body = response.json()
        assert response.status_code == 201
        assert (body["status"], body["enrollment_source"], body["progress_percent"]) == ("queued", "api", 0)
        assert (body["workflow_id"], body["contact_id"]) == (str(workflow.id), str(contact.id))
        assert (body["workflow_version"], body["total_steps"]) == (1, 2)
        assert body["current_action_id"] == str(step_ids(workflow)[0])
        execution = WorkflowExecution.objects.for_account(workflow.account_id).get()
        assert str(execution.id) == body["id"]
        assert execution.trigger_data == {"channel": "Messe Köln", "seats": [1, 2]}

    def test_needs_no_data(self, api, workflow, contact):
        assert execute(api, workflow, contact).status_code == 201
        assert WorkflowExecution.objects.for_account(workflow.account_id).get().trigger_data == {}

    def test_refuses_a_second_time_inside(self, api, workflow, contact):
        execute(api, workflow, contact)
        response = execute(api, workflow, contact)
        assert (response.status_code, response.json()["errors"][0]["code"]) == (409, "already_enrolled")
        assert WorkflowExecution.objects.for_account(workflow.account_id).count() == 1

    @pytest.mark.parametrize("status", ["draft", "paused", "archived"])
    def test_refuses_unless_the_workflow_is_active(self, api, account, contact, status):
        workflow = WorkflowFactory(account=account, chain=["add_tag"], status=status)
        assert refusal(execute(api, workflow, contact))[:2] == (409, "workflow_not_active")

    def test_refuses_who_opted_out_of_everything(self, api, workflow, contact):
        for channel in Channel.values:
            ConsentFactory(contact=contact, channel=channel, state="opt_out")
        assert refusal(execute(api, workflow, contact))[:2] == (409, "contact_opted_out")

    def test_refuses_a_contact_that_is_not_there(self, api, workflow, contact):
        contact.id = uuid4()
        assert refusal(execute(api, workflow, contact)) == (400, "contact_not_found", "contact_id")

    def test_refuses_another_accounts_contact_like_one_that_is_not_there(self, api, workflow, other_account):
        assert refusal(execute(api, workflow, ContactFactory(account=other_account))) == (
            400,
            "contact_not_found",
            "contact_id",
        )

    def test_refuses_a_deleted_contact(self, api, workflow, contact):
        contact.deleted_at = contact.created_at
        contact.save(update_fields=["deleted_at"])
        assert refusal(execute(api, workflow, contact)) == (400, "contact_not_found", "contact_id")

    def test_does_not_find_another_accounts_workflow(self, api, contact):
        assert refusal(execute(api, ActiveWorkflowFactory(), contact))[:2] == (404, "not_found")

    @pytest.mark.parametrize(
        ("body", "code", "attr"),
        [
            ({}, "required", "contact_id"),
            ({"contact_id": "7"}, "invalid", "contact_id"),
            ({"contact_id": None}, "null", "contact_id"),
            ({"contact_id": str(uuid4()), "data": []}, "not_a_dict", "data"),
            ({"contact_id": str(uuid4()), "date": {}}, "unknown_field", "date"),
        ],
    )
    def test_refuses_bodies_that_cannot_be(self, api, workflow, body, code, attr):
        response = api.post(f"/api/v1/workflows/{workflow.id}/execute", body)
        assert response.status_code == 400
        assert (code, attr) in {(error["code"], error["attr"]) for error in response.json()["errors"]}

    def test_is_not_for_viewers(self, viewer_api, workflow, contact):
        assert refusal(execute(viewer_api, workflow, contact))[:2] == (403, "permission_denied")


class TestLists:
    def test_show_the_executions_of_one_workflow(self, api, workflow, account):
        own = [ExecutionFactory(workflow=workflow) for _ in range(2)]
        ExecutionFactory(workflow=ActiveWorkflowFactory(account=account))
        response = api.get(f"/api/v1/workflows/{workflow.id}/executions")
        assert [item["id"] for item in response.json()["items"]] == [str(row.id) for row in reversed(own)]
        assert response.json().keys() == {"items", "next", "previous"}

    def test_show_the_executions_of_one_contact(self, api, workflow, contact):
        own = ExecutionFactory(workflow=workflow, contact=contact)
        ExecutionFactory(workflow=workflow)
        response = api.get(f"/api/v1/contacts/{contact.id}/executions")
        assert [item["id"] for item in response.json()["items"]] == [str(own.id)]

    def test_filter_below_their_parent(self, api, workflow):
        failed = ExecutionFactory(workflow=workflow, failed=True)
        ExecutionFactory(workflow=workflow)
        response = api.get(f"/api/v1/workflows/{workflow.id}/executions?status=failed")
        assert [item["id"] for item in response.json()["items"]] == [str(failed.id)]

    def test_below_another_accounts_parent_are_not_found(self, api):
        foreign = ExecutionFactory()
        for path in (
            f"/api/v1/workflows/{foreign.workflow_id}/executions",
            f"/api/v1/contacts/{foreign.contact_id}/executions",
        ):
            assert api.get(path).status_code == 404
