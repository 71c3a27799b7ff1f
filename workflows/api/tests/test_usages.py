from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient
from uuid_utils.compat import uuid7

from accounts.actors import SYSTEM
from accounts.models import Account, Role
from accounts.problems import Conflict, Invalid
from accounts.tests.factories import AccountFactory, MembershipFactory, TeamFactory
from accounts.tests.fixtures import client_for
from workflows.authoring import records, removing
from workflows.crm.models import Course, Usage
from workflows.crm.tests.factories import (
    CampaignFactory,
    CourseFactory,
    CustomFieldFactory,
    PipelineFactory,
    TagFactory,
)
from workflows.crm.tests.together import together
from workflows.messaging.models import EmailTemplate
from workflows.messaging.tests.factories import (
    ConnectionFactory,
    EmailTemplateFactory,
    MediaFactory,
    SecretFactory,
)
from workflows.tests.factories import WorkflowFactory

pytestmark = pytest.mark.django_db

THINGS: Mapping[str, Callable[[Account], tuple[UUID, str, UUID]]] = {
    "tags": lambda account: plain("tag", TagFactory(account=account)),
    "custom-fields": lambda account: plain("custom_field", CustomFieldFactory(account=account)),
    "email-templates": lambda account: plain("template", EmailTemplateFactory(account=account)),
    "media": lambda account: plain("media", MediaFactory(account=account)),
    "secrets": lambda account: plain("secret", SecretFactory(account=account)),
    "connections": lambda account: plain("connection", ConnectionFactory(account=account)),
    "campaigns": lambda account: plain("campaign", CampaignFactory(account=account, workflow_id=uuid7())),
    "courses": lambda account: plain("course", CourseFactory(account=account)),
    "pipelines": lambda account: plain("pipeline", PipelineFactory(account=account)),
    "teams": lambda account: plain("team", TeamFactory(account=account)),
    "workflows": lambda account: plain("workflow", WorkflowFactory(account=account)),
    "members": lambda account: member(MembershipFactory(account=account)),
}
"""How to make what `/<things>` lists: its id in the path, its kind and its id as configs have it."""


def plain(kind: str, row: Any) -> tuple[UUID, str, UUID]:
    return row.id, kind, row.id


def member(membership: Any) -> tuple[UUID, str, UUID]:
    return membership.id, "user", membership.user_id


def refer(account: Account, kind: str, object_id: UUID, name: str = "Welcome") -> Usage:
    workflow = WorkflowFactory(account=account, name=name, chain=["add_note"])
    made: Usage = Usage.objects.create(
        account=account,
        kind=kind,
        object_id=object_id,
        workflow_id=workflow.id,
        action_id=workflow.actions.get().id,
        key="add_note",
        part_type="add_note",
        path="action_config.content",
    )
    return made


@pytest.fixture
def owner(account: Account) -> APIClient:
    return client_for(account, Role.OWNER)


@pytest.mark.parametrize("things", THINGS)
class TestUsages:
    def test_list_the_places_that_refer(self, things: str, owner: APIClient, account: Account) -> None:
        path_id, kind, object_id = THINGS[things](account)
        usage = refer(account, kind, object_id)
        response = owner.get(f"/api/v1/{things}/{path_id}/usages")
        assert response.status_code == 200
        assert response.json() == {
            "items": [
                {
                    "workflow_id": str(usage.workflow_id),
                    "workflow_name": "Welcome",
                    "workflow_status": "draft",
                    "workflow_version": None,
                    "action_id": str(usage.action_id),
                    "action_key": "add_note",
                    "action_type": "add_note",
                    "trigger_id": None,
                    "trigger_type": None,
                    "attr": "action_config.content",
                }
            ],
            "total": 1,
            "records": [],
            "limit": 50,
            "offset": 0,
            "has_more": False,
        }

    def test_keep_the_object_from_being_deleted(self, things: str, owner: APIClient, account: Account) -> None:
        path_id, kind, object_id = THINGS[things](account)
        usage = refer(account, kind, object_id)
        url = f"/api/v1/{things}/{path_id}"
        before = owner.get(url).json()
        response = owner.delete(url)
        assert (response.status_code, response.json()["errors"][0]["code"]) == (409, "in_use")
        assert "“Welcome” (add_note)" in response.json()["errors"][0]["detail"]
        assert owner.get(url).json() == before
        usage.delete()
        assert owner.delete(url).status_code == 204

    def test_take_as_many_queries_for_many(self, things: str, owner: APIClient, account: Account) -> None:
        path_id, kind, object_id = THINGS[things](account)
        owner.get(f"/api/v1/{things}/{path_id}/usages")  # the first use of a key is noted
        counts = []
        for number in range(2):
            for name in range(1 + number * 8):
                refer(account, kind, object_id, f"Workflow {number} {name}")
            with CaptureQueriesContext(connection) as queries:
                response = owner.get(f"/api/v1/{things}/{path_id}/usages")
            counts.append(len(queries))
        assert response.json()["total"] == 10
        assert counts[0] == counts[1]

    def test_take_no_parameters_but_the_page(self, things: str, owner: APIClient, account: Account) -> None:
        path_id, *_ = THINGS[things](account)
        url = f"/api/v1/{things}/{path_id}/usages"
        assert owner.get(url, {"limit": 1, "offset": 1}).status_code == 200
        for name in ("search", "ordering", "kind"):
            assert owner.get(url, {name: "x"}).status_code == 400


def test_a_member_whom_a_workflow_names_cannot_be_shut_out_by_a_change(owner: APIClient, account: Account) -> None:
    membership = MembershipFactory(account=account)
    refer(account, "user", membership.user_id)
    url = f"/api/v1/members/{membership.id}"
    assert owner.patch(url, {"is_active": False}).json()["errors"][0]["code"] == "in_use"
    membership.refresh_from_db()
    assert membership.is_active
    assert owner.patch(url, {"role": "viewer"}).status_code == 200


def test_a_number_that_a_workflow_sends_from_is_among_its_connections(owner: APIClient, account: Account) -> None:
    number = {"number": "+14155550100", "types": ["sms"]}
    body = {"kind": "twilio", "name": "SMS", "settings": {"account_sid": "AC" + "0a" * 16, "numbers": [number]}}
    url = f"/api/v1/connections/{owner.post('/api/v1/connections', body).json()['id']}"
    workflow = WorkflowFactory(account=account, name="Reminder")
    config = {"message": "Hello", "from_number": "+14155550100"}
    actions = f"/api/v1/workflows/{workflow.id}/actions"
    action_id = owner.post(actions, {"action_type": "send_sms", "action_config": config}).json()["id"]
    (usage,) = owner.get(f"{url}/usages").json()["items"]
    assert (usage["action_id"], usage["attr"]) == (action_id, "action_config.from_number")
    before = owner.get(url).json()
    for response in (owner.delete(url), owner.patch(url, {"settings": {"numbers": []}})):
        assert (response.status_code, response.json()["errors"][0]["code"]) == (409, "in_use")
        assert "“Reminder” (send_sms)" in response.json()["errors"][0]["detail"]
    assert owner.get(url).json() == before
    owner.delete(f"{actions}/{action_id}")
    assert owner.patch(url, {"settings": {"numbers": []}}).status_code == 200


class TestRecords:
    """Courses and campaigns refer to templates and workflows by fields of their own."""

    @pytest.fixture
    def template(self, account: Account) -> EmailTemplate:
        made: EmailTemplate = EmailTemplateFactory(account=account)
        return made

    def test_a_template_is_in_use_by_the_course_whose_welcome_it_is(
        self, owner: APIClient, account: Account, template: EmailTemplate
    ) -> None:
        url = f"/api/v1/email-templates/{template.id}"
        body = {"name": "Riding", "welcome_template_id": str(template.id)}
        course = owner.post("/api/v1/courses", body).json()
        expected = {"kind": "course", "id": course["id"], "name": "Riding", "attr": "welcome_template_id"}
        usages = owner.get(f"{url}/usages").json()
        assert (usages["total"], usages["records"]) == (0, [expected])
        response = owner.delete(url)
        assert (response.status_code, response.json()["errors"][0]["code"]) == (409, "in_use")
        assert "the course “Riding”" in response.json()["errors"][0]["detail"]
        assert owner.get(url).status_code == 200
        owner.patch(f"/api/v1/courses/{course['id']}", {"welcome_template_id": None})
        assert owner.get(f"{url}/usages").json()["records"] == []
        assert owner.delete(url).status_code == 204

    def test_a_workflow_is_in_use_by_the_campaign_whose_steps_it_has(self, owner: APIClient, account: Account) -> None:
        workflow = WorkflowFactory(account=account)
        url = f"/api/v1/workflows/{workflow.id}"
        campaign = owner.post("/api/v1/campaigns", {"name": "Spring", "workflow_id": str(workflow.id)}).json()
        expected = {"kind": "campaign", "id": campaign["id"], "name": "Spring", "attr": "workflow_id"}
        assert owner.get(f"{url}/usages").json()["records"] == [expected]
        response = owner.delete(url)
        assert (response.status_code, response.json()["errors"][0]["code"]) == (409, "in_use")
        assert "the campaign “Spring”" in response.json()["errors"][0]["detail"]
        assert owner.get(url).status_code == 200
        assert owner.delete(f"/api/v1/campaigns/{campaign['id']}").status_code == 204
        assert owner.delete(url).status_code == 204

    def test_another_accounts_course_does_not_count(
        self, owner: APIClient, template: EmailTemplate, other_account: Account
    ) -> None:
        CourseFactory(account=other_account, welcome_template_id=template.id)
        url = f"/api/v1/email-templates/{template.id}"
        assert owner.get(f"{url}/usages").json()["records"] == []
        assert owner.delete(url).status_code == 204

    def test_a_template_that_is_gone_is_no_courses(self, template: EmailTemplate) -> None:
        whose = {"account_id": template.account_id, "actor": SYSTEM}
        removing.delete_template(**whose, template_id=template.id)
        with pytest.raises(Invalid) as refusal:
            records.create_course(**whose, name="Riding", welcome_template_id=template.id)
        (problem,) = refusal.value.problems
        assert (problem.code, problem.attr) == ("template_not_found", "welcome_template_id")
        assert not Course.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_course_and_the_deletion_of_its_template_never_both_succeed() -> None:
    outcomes = set()
    account = AccountFactory()
    for number in range(8):
        template = EmailTemplateFactory(account=account)

        def take(template: EmailTemplate = template, name: str = f"Course {number}") -> bool:
            try:
                records.create_course(account_id=account.id, actor=SYSTEM, name=name, welcome_template_id=template.id)
            except Invalid:
                return False
            return True

        def delete(template: EmailTemplate = template) -> bool:
            try:
                removing.delete_template(account_id=account.id, actor=SYSTEM, template_id=template.id)
            except Conflict:
                return False
            return True

        taken, deleted = together([take, delete])
        assert taken != deleted
        assert Course.objects.filter(welcome_template_id=template.id).exists() == taken
        outcomes.add(taken)
    assert outcomes
