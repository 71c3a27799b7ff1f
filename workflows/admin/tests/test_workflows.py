"""The list of workflows, and making one in the admin."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Account, AuditEntry, Role
from accounts.tests.factories import MembershipFactory
from workflows.admin.editor.tests.staff import StaffMember, text
from workflows.models import ExecutionStatus, Workflow
from workflows.tests.factories import ActiveWorkflowFactory, ExecutionFactory, WorkflowFactory

pytestmark = pytest.mark.django_db

LIST = "admin:workflows_workflow_changelist"
ADD = "admin:workflows_workflow_add"


@pytest.fixture
def ada(account: Account) -> StaffMember:
    return StaffMember(ActiveWorkflowFactory(account=account, name="Welcome", chain=["add_tag", "wait_time"]))


class TestTheList:
    def test_says_how_each_workflow_is_doing(self, ada: StaffMember) -> None:
        for number in range(3):
            ExecutionFactory(workflow=ada.workflow, failed=number == 0)
        ExecutionFactory(workflow=ada.workflow, status=ExecutionStatus.COMPLETED)

        listed = ada.client.get(reverse(LIST))

        (row,) = listed.context["cl"].result_list
        assert (row.actions_count, row.contacts_inside, row.runs_failed) == (2, 2, 1)
        runs = reverse("admin:workflows_workflowexecution_changelist")
        assert f'{runs}?workflow__id__exact={ada.workflow.id}&amp;status__exact=failed">1</a>' in text(listed)
        assert ada.client.get(f"{runs}?workflow__id__exact={ada.workflow.id}&status__exact=failed").status_code == 200

    def test_is_searched_and_filtered(self, ada: StaffMember, account: Account) -> None:
        WorkflowFactory(account=account, name="Goodbye")

        def names(**query: str) -> list[str]:
            return [row.name for row in ada.client.get(reverse(LIST), query).context["cl"].result_list]

        assert names() == ["Goodbye", "Welcome"]
        assert names(q="good") == ["Goodbye"]
        assert names(status__exact="active") == ["Welcome"]
        assert names(reentry__exact="single") == []

    def test_takes_the_same_queries_for_one_and_for_many(self, ada: StaffMember, account: Account) -> None:
        with CaptureQueriesContext(connection) as one:
            ada.client.get(reverse(LIST))
        for _ in range(10):
            ExecutionFactory(workflow=ActiveWorkflowFactory(account=account))
        with CaptureQueriesContext(connection) as many:
            ada.client.get(reverse(LIST))

        assert len(many) == len(one)


class TestAdding:
    def test_makes_a_draft_and_goes_on_in_its_editor(self, ada: StaffMember, account: Account) -> None:
        made = ada.client.post(reverse(ADD), {"name": "Birthday wishes", "description": "Once a year"})

        workflow = Workflow.objects.get(name="Birthday wishes")
        assert made["Location"] == reverse("admin:workflows_workflow_change", args=[workflow.id])
        assert (workflow.account_id, workflow.status, workflow.owner_id) == (account.id, "draft", ada.user.id)
        assert AuditEntry.objects.get(verb="workflow.created").actor_user_id == ada.user.id

    def test_asks_members_of_several_accounts_which_one(self, ada: StaffMember, other_account: Account) -> None:
        MembershipFactory(account=other_account, user=ada.user, role=Role.EDITOR)

        asked = ada.client.get(reverse(ADD))
        assert f"account={other_account.id}" in text(asked)

        ada.client.post(f"{reverse(ADD)}?account={other_account.id}", {"name": "Over there"})
        assert Workflow.objects.get(name="Over there").account_id == other_account.id

    @pytest.mark.parametrize(
        ("name", "sentence"),
        [
            ("", "This field is required."),
            ("ab", "at least 3"),
            ("<script>", "Use letters, digits, spaces"),
            ("WELCOME", "has a workflow called"),
            ("x" * 101, "at most 100"),
        ],
    )
    def test_says_at_the_name_what_is_wrong_with_it(self, ada: StaffMember, name: str, sentence: str) -> None:
        refused = ada.client.post(reverse(ADD), {"name": name})

        assert refused.status_code == 200
        assert sentence in refused.context["adminform"].form.errors["name"][0]
        assert Workflow.objects.count() == 1

    def test_is_not_for_viewers_and_strangers(self, ada: StaffMember, other_account: Account) -> None:
        viewer = StaffMember(ada.workflow, Role.VIEWER)

        assert viewer.client.get(reverse(ADD)).status_code == 403
        assert viewer.client.post(reverse(ADD), {"name": "Mine now"}).status_code == 403
        forged = ada.client.post(f"{reverse(ADD)}?account={other_account.id}", {"name": "Mine now"})
        assert forged.status_code in (403, 404)
        assert Workflow.objects.count() == 1


class TestDeleting:
    def test_deletes_a_paused_workflow(self, ada: StaffMember) -> None:
        Workflow.objects.update(status="paused")

        ada.client.post(reverse("admin:workflows_workflow_delete", args=[ada.workflow.id]), {"post": "yes"})

        assert Workflow.objects.get().deleted_at is not None
        assert AuditEntry.objects.get().verb == "workflow.deleted"

    def test_leaves_an_active_one_alone(self, ada: StaffMember) -> None:
        answer = ada.client.post(
            reverse("admin:workflows_workflow_delete", args=[ada.workflow.id]), {"post": "yes"}, follow=True
        )

        assert "An active workflow cannot be deleted" in text(answer)
        assert Workflow.objects.get().deleted_at is None
