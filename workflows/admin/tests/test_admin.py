"""The staff pages of contacts, workflows, executions and logs: read-only, and only of one's own accounts."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Role, User
from accounts.tests.factories import MembershipFactory, UserFactory
from workflows.models import ActionExecution, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory, ExecutionFactory

pytestmark = pytest.mark.django_db

PAGES = {
    "crm_contact": lambda execution: execution.contact_id,
    "workflows_workflow": lambda execution: execution.workflow_id,
    "workflows_workflowexecution": lambda execution: execution.id,
    "workflows_actionexecution": lambda execution: execution.logs.get().id,
}


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def execution(account):
    return ExecutionFactory(workflow=ActiveWorkflowFactory(account=account), failed=True)


@pytest.fixture
def foreign(other_account):
    return ExecutionFactory(workflow=ActiveWorkflowFactory(account=other_account), failed=True)


@pytest.fixture
def staff(account):
    """A viewer of the account who may open the admin."""
    return signed_in(MembershipFactory(account=account, role=Role.VIEWER, user=UserFactory(is_staff=True)).user)


class TestAdmin:
    @pytest.mark.parametrize("page", PAGES)
    def test_lists_and_shows_rows_of_own_accounts_only(self, staff, execution, foreign, page):
        own, other = PAGES[page](execution), PAGES[page](foreign)
        listed = staff.get(reverse(f"admin:{page}_changelist")).content.decode()
        assert str(own) in listed
        assert str(other) not in listed
        assert staff.get(reverse(f"admin:{page}_change", args=[own])).status_code == 200
        missing = 404 if page == "workflows_workflow" else 302  # the editor says it in place
        assert staff.get(reverse(f"admin:{page}_change", args=[other])).status_code == missing

    @pytest.mark.parametrize("page", PAGES)
    def test_shows_superusers_everything(self, execution, foreign, page):
        root = signed_in(UserFactory(is_staff=True, is_superuser=True))
        listed = root.get(reverse(f"admin:{page}_changelist")).content.decode()
        assert str(PAGES[page](execution)) in listed
        assert str(PAGES[page](foreign)) in listed

    @pytest.mark.parametrize("page", ["workflows_workflowexecution", "workflows_actionexecution"])
    def test_changes_no_field(self, execution, page):
        root = signed_in(UserFactory(is_staff=True, is_superuser=True))
        assert root.get(reverse(f"admin:{page}_add")).status_code == 403
        identifier = PAGES[page](execution)
        assert root.post(reverse(f"admin:{page}_change", args=[identifier]), {"status": "completed"}).status_code == 403
        assert root.post(reverse(f"admin:{page}_delete", args=[identifier]), {"post": "yes"}).status_code == 403
        assert WorkflowExecution.objects.for_account(execution.account_id).get().status == "failed"
        assert ActionExecution.objects.for_account(execution.account_id).count() == 1

    def test_is_closed_to_staff_without_a_membership(self, execution):
        stranger = signed_in(UserFactory(is_staff=True))
        assert stranger.get(reverse("admin:workflows_workflowexecution_changelist")).status_code == 403

    def test_is_closed_to_members_who_were_shut_out(self, account, execution):
        membership = MembershipFactory(account=account, user=UserFactory(is_staff=True), is_active=False)
        client = signed_in(membership.user)
        assert client.get(reverse("admin:workflows_workflowexecution_changelist")).status_code == 403

    def test_links_contact_execution_and_workflow(self, staff, execution):
        page = staff.get(reverse("admin:workflows_workflowexecution_change", args=[execution.id])).content.decode()
        assert reverse("admin:crm_contact_change", args=[execution.contact_id]) in page
        assert reverse("admin:workflows_workflow_change", args=[execution.workflow_id]) in page
        assert "The record does not exist." in page
        contact = staff.get(reverse("admin:crm_contact_change", args=[execution.contact_id])).content.decode()
        executions = reverse("admin:workflows_workflowexecution_changelist")
        assert f"{executions}?contact__id__exact={execution.contact_id}" in contact

    def test_narrows_executions_to_those_of_a_contact(self, staff, account, execution):
        other = ExecutionFactory(workflow=execution.workflow)
        address = reverse("admin:workflows_workflowexecution_changelist")
        page = staff.get(f"{address}?contact__id__exact={other.contact_id}").content.decode()
        assert str(other.id) in page
        assert str(execution.id) not in page

    def test_takes_the_same_queries_for_one_and_for_many(self, staff, execution):
        address = reverse("admin:workflows_workflowexecution_changelist")
        with CaptureQueriesContext(connection) as one:
            staff.get(address)
        for _ in range(10):
            ExecutionFactory(workflow=execution.workflow)
        with CaptureQueriesContext(connection) as many:
            staff.get(address)
        assert len(many) == len(one)
