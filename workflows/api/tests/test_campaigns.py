"""Campaigns and courses over HTTP."""

from datetime import timedelta

import pytest

from accounts.actors import SYSTEM
from accounts.models import Role
from accounts.tests.fixtures import client_for
from workflows.authoring.chain import add_action
from workflows.crm.models import CampaignMember, CourseAccess
from workflows.crm.tests.factories import (
    CampaignFactory,
    CampaignMemberFactory,
    ContactFactory,
    CourseAccessFactory,
    CourseFactory,
    LessonFactory,
)
from workflows.engine import clock
from workflows.models import WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory, WorkflowFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(account):
    return client_for(account, Role.EDITOR)


@pytest.fixture
def campaign(account):
    return CampaignFactory(account=account, workflow_id=ActiveWorkflowFactory(account=account).id, name="Spring")


def codes(response):
    return [(error["code"], error["attr"]) for error in response.json()["errors"]]


class TestCampaigns:
    def test_are_made_opened_and_joined(self, account, client):
        workflow = ActiveWorkflowFactory(account=account)
        made = client.post("/api/v1/campaigns", {"name": "Spring", "workflow_id": str(workflow.id)}, format="json")
        assert made.status_code == 201, made.content
        assert (made.json()["status"], made.json()["members_count"]) == ("draft", 0)
        members = f"/api/v1/campaigns/{made.json()['id']}/members"
        contact = ContactFactory(account=account)
        refused = client.post(members, {"contact_id": str(contact.id)}, format="json")
        assert (refused.status_code, codes(refused)) == (409, [("campaign_closed", None)])

        opened = client.patch(f"/api/v1/campaigns/{made.json()['id']}", {"status": "active"}, format="json")
        assert opened.json()["status"] == "active"
        joined = client.post(members, {"contact_id": str(contact.id)}, format="json")
        assert joined.status_code == 201
        execution = WorkflowExecution.objects.get()
        assert joined.json()["execution_id"] == str(execution.id)
        left = client.post(f"{members}/{joined.json()['id']}/leave", {"reason": "Bought"}, format="json")
        assert (left.status_code, left.json()["left_reason"], left.json()["note"]) == (200, "removed", "Bought")
        execution.refresh_from_db()
        assert execution.completion_reason == "removed_from_campaign"

    def test_are_full_at_their_limit(self, account, client, campaign):
        CampaignMemberFactory(campaign=campaign)
        client.patch(f"/api/v1/campaigns/{campaign.id}", {"enrollment_limit": 1}, format="json")
        body = {"contact_id": str(ContactFactory(account=account).id)}
        response = client.post(f"/api/v1/campaigns/{campaign.id}/members", body, format="json")
        assert (response.status_code, codes(response)) == (409, [("campaign_full", None)])
        assert CampaignMember.objects.count() == 1

    def test_list_members_by_whether_they_are_in(self, client, campaign):
        member = CampaignMemberFactory(campaign=campaign)
        CampaignMemberFactory(campaign=campaign, left_at=clock.now(), left_reason="removed")
        listed = client.get(f"/api/v1/campaigns/{campaign.id}/members?is_member=true").json()
        assert [item["id"] for item in listed["items"]] == [str(member.id)]
        assert client.get(f"/api/v1/campaigns/{campaign.id}/members").json()["total"] == 2

    def test_are_not_deleted_while_a_workflow_names_them(self, account, client, campaign):
        workflow = WorkflowFactory(account=account)
        action = add_action(
            account_id=account.id,
            actor=SYSTEM,
            workflow_id=workflow.id,
            action_type="add_to_campaign",
            action_config={"campaign_id": str(campaign.id)},
        )
        assert action is not None
        response = client.delete(f"/api/v1/campaigns/{campaign.id}")
        assert (response.status_code, response.json()["errors"][0]["code"]) == (409, "in_use")
        usages = client.get(f"/api/v1/campaigns/{campaign.id}/usages").json()
        assert [(item["workflow_id"], item["action_type"], item["attr"]) for item in usages["items"]] == [
            (str(workflow.id), "add_to_campaign", "action_config.campaign_id")
        ]

    def test_name_workflows_of_the_own_account(self, client, other_account):
        foreign = WorkflowFactory(account=other_account)
        response = client.post("/api/v1/campaigns", {"name": "Spring", "workflow_id": str(foreign.id)}, format="json")
        assert (response.status_code, codes(response)) == (400, [("workflow_not_found", "workflow_id")])

    def test_take_the_same_queries_for_one_and_for_many(self, account, client, django_assert_max_num_queries):
        CampaignFactory.create_batch(20, account=account)
        with django_assert_max_num_queries(8):
            assert len(client.get("/api/v1/campaigns").json()["items"]) == 20


class TestCourses:
    def test_open_lessons_to_those_with_access(self, account, client):
        course = CourseFactory(account=account)
        first, second = LessonFactory(course=course), LessonFactory(course=course, drip_days=3)
        access = f"/api/v1/courses/{course.id}/access"
        body = {"contact_id": str(ContactFactory(account=account).id), "duration_days": 30}
        granted = client.post(access, body, format="json")
        assert (granted.status_code, granted.json()["status"], granted.json()["level"]) == (201, "active", "full")
        again = client.post(access, body, format="json")
        assert (again.status_code, codes(again)) == (409, [("already_granted", None)])

        own = f"{access}/{granted.json()['id']}"
        assert client.post(f"{own}/complete", {"lesson_id": str(first.id)}, format="json").status_code == 200
        later = client.post(f"{own}/complete", {"lesson_id": str(second.id)}, format="json")
        assert (later.status_code, codes(later)) == (409, [("lesson_not_open", None)])
        shown = client.get(f"{own}/lessons").json()
        assert (shown["total"], shown["completed"], shown["progress_percent"]) == (2, 1, 50)
        assert [item["is_open"] for item in shown["items"]] == [True, False]

        revoked = client.post(f"{own}/revoke", {"reason": "Refund", "retain_progress": False}, format="json")
        assert (revoked.json()["status"], revoked.json()["end_reason"]) == ("revoked", "Refund")
        assert client.get(f"{own}/lessons").json()["completed"] == 0

    def test_keep_their_lessons_in_order(self, account, client):
        course = CourseFactory(account=account)
        lessons = f"/api/v1/courses/{course.id}/lessons"
        for title in "ABC":
            client.post(lessons, {"title": title}, format="json")
        last = client.get(lessons).json()["items"][2]
        moved = client.patch(f"{lessons}/{last['id']}", {"position": 0}, format="json")
        assert moved.json()["position"] == 0
        assert [item["title"] for item in client.get(lessons).json()["items"]] == ["C", "A", "B"]

    def test_are_not_deleted_while_somebody_has_access(self, account, client):
        access = CourseAccessFactory(course=CourseFactory(account=account))
        response = client.delete(f"/api/v1/courses/{access.course_id}")
        assert (response.status_code, codes(response)) == (409, [("invalid_transition", None)])
        CourseAccess.objects.update(status="expired", ended_at=clock.now() + timedelta())
        assert client.delete(f"/api/v1/courses/{access.course_id}").status_code == 204

    def test_are_read_by_viewers_alone(self, account):
        viewer = client_for(account, Role.VIEWER)
        assert viewer.get("/api/v1/courses").status_code == 200
        assert viewer.post("/api/v1/courses", {"name": "Riding"}, format="json").status_code == 403
