"""The staff page of a workflow."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Account
from accounts.tests.factories import MembershipFactory, UserFactory
from workflows.models import Action, Workflow
from workflows.tests.factories import ActiveWorkflowFactory, WorkflowFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(account: Account) -> Client:
    client = Client()
    client.force_login(MembershipFactory(account=account, user=UserFactory(is_staff=True)).user)
    return client


class TestThePageOfAWorkflow:
    def test_shows_its_actions_in_order_and_its_versions(self, staff: Client, account: Account) -> None:
        workflow = ActiveWorkflowFactory(account=account, chain=["wait_time", "add_tag"])
        Action.objects.filter(workflow=workflow, key="add_tag").update(is_enabled=False)

        page = staff.get(reverse("admin:workflows_workflow_change", args=[workflow.id])).content.decode()

        assert page.index("1. wait_time") < page.index("2. add_tag")
        assert "<code>add_tag</code> – off" in page
        assert "1: 2 actions" in page

    def test_is_gone_with_the_workflow(self, staff: Client, account: Account) -> None:
        workflow = WorkflowFactory(account=account)
        Workflow.objects.filter(id=workflow.id).update(deleted_at=workflow.created_at)

        assert str(workflow.id) not in staff.get(reverse("admin:workflows_workflow_changelist")).content.decode()
        assert staff.get(reverse("admin:workflows_workflow_change", args=[workflow.id])).status_code == 302
