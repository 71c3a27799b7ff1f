"""What people do to rows by the buttons of their pages and the actions of their lists."""

from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Account, ApiKey, AuditEntry, Role, User
from accounts.tests.factories import ApiKeyFactory, MembershipFactory, UserFactory
from workflows.admin.tests.samples import SAMPLES
from workflows.crm.models import Consent, Note, Notification, Task
from workflows.crm.tests.factories import ContactFactory, CustomFieldFactory, NotificationFactory, TaskFactory
from workflows.messaging.models import Connection
from workflows.messaging.tests.factories import ConnectionFactory, EmailTemplateFactory
from workflows.models import WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory, ExecutionFactory, step_ids

pytestmark = pytest.mark.django_db


@pytest.fixture
def editor(account: Account) -> User:
    return MembershipFactory(account=account, role=Role.EDITOR, user=UserFactory(is_staff=True)).user


@pytest.fixture
def client(editor: User) -> Client:
    return signed_in(editor)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page_of(row: Any, page: str) -> str:
    return reverse(f"admin:{row._meta.label_lower.replace('.', '_')}_{page}", args=[row.pk])


def told(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


class TestExecutions:
    def test_are_cancelled_in_the_persons_name(self, client: Client, editor: User, account: Account) -> None:
        execution = ExecutionFactory(workflow=ActiveWorkflowFactory(account=account), waiting=True)
        page = client.get(page_of(execution, "change")).content.decode()
        assert page_of(execution, "cancel") in page
        assert page_of(execution, "retry") not in page
        assert client.get(page_of(execution, "cancel")).status_code == 200
        assert WorkflowExecution.objects.get().status == "waiting"
        response = client.post(page_of(execution, "cancel"))
        assert (response.status_code, told(response)) == (302, ["Cancelled."])
        assert WorkflowExecution.objects.get().status == "cancelled"
        entry = AuditEntry.objects.get()
        assert (entry.verb, entry.actor_user_id) == ("execution.cancelled", editor.id)

    def test_that_ended_are_left_alone_with_the_reason(self, client: Client, account: Account) -> None:
        execution = ExecutionFactory(workflow=ActiveWorkflowFactory(account=account), completed=True)
        response = client.post(page_of(execution, "cancel"))
        assert told(response) == ["The execution is completed; only one that has not ended can be cancelled."]
        assert AuditEntry.objects.count() == 0

    def test_are_retried_and_moved(self, client: Client, account: Account) -> None:
        workflow = ActiveWorkflowFactory(account=account, chain=["add_tag", "add_note"])
        execution = ExecutionFactory(workflow=workflow, failed=True)
        assert told(client.post(page_of(execution, "retry"))) == ["Goes on."]
        step = step_ids(workflow)[1]
        response = client.post(page_of(execution, "move"), {"step": "x"})
        assert list(response.context["form"].errors) == ["step"]
        client.post(page_of(execution, "move"), {"step": step})
        assert WorkflowExecution.objects.get().current_action_id == step

    def test_are_operated_on_several_at_once(self, client: Client, account: Account, other_account: Account) -> None:
        workflow = ActiveWorkflowFactory(account=account)
        waiting = [ExecutionFactory(workflow=workflow, waiting=True) for _ in range(2)]
        done = ExecutionFactory(workflow=workflow, completed=True)
        foreign = ExecutionFactory(workflow=ActiveWorkflowFactory(account=other_account), waiting=True)
        address = reverse("admin:workflows_workflowexecution_changelist")
        rows = [each.pk for each in (*waiting, done, foreign)]
        response = client.post(address, {"action": "cancel", "_selected_action": rows})
        first, second = told(response)
        assert first == "Cancelled: 2 workflow executions."
        assert second.endswith("only one that has not ended can be cancelled.")
        foreign.refresh_from_db()
        assert foreign.status == "waiting"

    def test_are_not_for_viewers(self, account: Account) -> None:
        viewer = MembershipFactory(account=account, role=Role.VIEWER, user=UserFactory(is_staff=True)).user
        execution = ExecutionFactory(workflow=ActiveWorkflowFactory(account=account), waiting=True)
        client = signed_in(viewer)
        assert page_of(execution, "cancel") not in client.get(page_of(execution, "change")).content.decode()
        for name in ("cancel", "retry", "skip-step", "move"):
            assert client.post(page_of(execution, name)).status_code == 403
        address = reverse("admin:workflows_workflowexecution_changelist")
        client.post(address, {"action": "cancel", "_selected_action": [execution.pk]})
        assert WorkflowExecution.objects.get().status == "waiting"

    def test_go_by_the_names_of_contact_and_workflow(self, client: Client, account: Account) -> None:
        execution = ExecutionFactory(
            workflow=ActiveWorkflowFactory(account=account, name="Welcome"), failed=True, contact__first_name="Grace"
        )
        page = client.get(page_of(execution, "change")).content.decode()
        assert "Grace Lovelace in Welcome" in page
        assert "The record does not exist." in page


class TestContacts:
    def test_get_notes_tasks_and_consents(self, client: Client, editor: User, account: Account) -> None:
        contact = ContactFactory(account=account)
        client.post(page_of(contact, "note"), {"content": "Called.", "note_type": "general"})
        client.post(page_of(contact, "task"), {"title": "Call", "priority": "high", "assignee": editor.id})
        client.post(page_of(contact, "consent"), {"channel": "email", "state": "opt_out"})
        assert Note.objects.get().author_id == editor.id
        assert Task.objects.get().assignee_id == editor.id
        assert Consent.objects.get().state == "opt_out"
        assert set(AuditEntry.objects.values_list("verb", "actor_user_id")) == {
            ("note.created", editor.id),
            ("task.created", editor.id),
            ("contact.consented", editor.id),
        }
        response = client.post(page_of(contact, "consent"), {"channel": "sms", "state": "opt_in"})
        assert list(response.context["form"].errors) == ["evidence"]
        assert Consent.objects.count() == 1

    def test_enter_workflows(self, client: Client, editor: User, account: Account) -> None:
        contact, workflow = ContactFactory(account=account), ActiveWorkflowFactory(account=account)
        assert told(client.post(page_of(contact, "enroll"), {"workflow": workflow.id})) == ["Enrolled."]
        assert WorkflowExecution.objects.get().enrollment_source == "admin"
        assert AuditEntry.objects.get().actor_user_id == editor.id
        assert told(client.post(page_of(contact, "enroll"), {"workflow": workflow.id}))[-1] != "Enrolled."
        assert WorkflowExecution.objects.count() == 1

    def test_have_the_accounts_own_fields(self, client: Client, account: Account) -> None:
        CustomFieldFactory(account=account, key="seats", field_type="number")
        CustomFieldFactory(account=account, key="size", field_type="select", options=["Small", "Large"])
        CustomFieldFactory(account=account, key="met_at", field_type="datetime")
        contact = ContactFactory(account=account, custom_fields={"size": "Small"})
        sent = {
            "first_name": "Ada",
            "email": contact.email,
            "custom_seats": "twelve",
            "custom_size": "Large",
            "custom_met_at_0": "2026-05-01",
            "custom_met_at_1": "12:00:00",
        }
        response = client.post(page_of(contact, "change"), sent)
        assert list(response.context["adminform"].form.errors) == ["custom_seats"]
        contact.refresh_from_db()
        assert contact.custom_fields == {"size": "Small"}
        assert client.post(page_of(contact, "change"), sent | {"custom_seats": "12"}).status_code == 302
        contact.refresh_from_db()
        assert contact.custom_fields == {"seats": 12, "size": "Large", "met_at": "2026-05-01T12:00:00Z"}

    def test_keep_addresses_apart(self, client: Client, account: Account) -> None:
        ContactFactory(account=account, email="taken@example.com")
        contact = ContactFactory(account=account, first_name="Ada")
        sent = {"first_name": "Grace", "email": "TAKEN@example.com"}
        response = client.post(page_of(contact, "change"), sent)
        assert list(response.context["adminform"].form.errors) == ["email"]
        contact.refresh_from_db()
        assert contact.first_name == "Ada"

    def test_show_everything_around_them_in_a_fixed_number_of_queries(self, client: Client, account: Account) -> None:
        contact = ContactFactory(account=account, tags=["VIP"])
        TaskFactory(contact=contact)
        ExecutionFactory(workflow=ActiveWorkflowFactory(account=account), contact=contact, failed=True)
        client.get(page_of(contact, "change"))
        with CaptureQueriesContext(connection) as few:
            client.get(page_of(contact, "change"))
        for _ in range(3):
            TaskFactory(contact=contact)
            ExecutionFactory(workflow=ActiveWorkflowFactory(account=account), contact=contact, failed=True)
        with CaptureQueriesContext(connection) as many:
            client.get(page_of(contact, "change"))
        assert len(many) == len(few)


class TestRecords:
    def test_tasks_are_completed_together(self, client: Client, editor: User, account: Account) -> None:
        tasks = [TaskFactory(contact=ContactFactory(account=account)) for _ in range(2)]
        rows = {"action": "complete", "_selected_action": [task.pk for task in tasks]}
        client.post(reverse("admin:crm_task_changelist"), rows)
        assert set(Task.objects.values_list("status", flat=True)) == {"completed"}
        assert set(AuditEntry.objects.values_list("verb", "actor_user_id")) == {("task.changed", editor.id)}

    def test_notifications_are_read_by_their_recipient_alone(
        self, client: Client, editor: User, account: Account
    ) -> None:
        own, foreign = NotificationFactory(account=account, recipient=editor), NotificationFactory(account=account)
        page = client.get(reverse("admin:crm_notification_changelist")).content.decode()
        assert str(own.pk) in page
        assert str(foreign.pk) not in page
        client.post(page_of(own, "read"))
        client.post(page_of(foreign, "read"))
        assert Notification.objects.get(read_at__isnull=False) == own

    def test_keys_are_revoked_by_admins(self, account: Account) -> None:
        admin = MembershipFactory(account=account, role=Role.ADMIN, user=UserFactory(is_staff=True)).user
        key = ApiKeyFactory(account=account)
        assert told(signed_in(admin).post(page_of(key, "revoke"))) == ["Revoked."]
        assert ApiKey.objects.get(pk=key.pk).revoked_at is not None
        assert AuditEntry.objects.get().actor_user_id == admin.id

    def test_nobody_gives_more_than_they_have(self, account: Account) -> None:
        admin = MembershipFactory(account=account, role=Role.ADMIN, user=UserFactory(is_staff=True)).user
        sent = {"name": "", "role": "owner", "expires_at_0": "", "expires_at_1": ""}
        assert signed_in(admin).post(reverse("admin:accounts_apikey_add"), sent).status_code == 403
        sent = {"email": "new@example.com", "name": "", "role": "owner"}
        assert signed_in(admin).post(reverse("admin:accounts_membership_add"), sent).status_code == 403
        assert (ApiKey.objects.count(), User.objects.filter(email="new@example.com").count()) == (0, 0)

    def test_what_workflows_use_is_not_deleted(self, client: Client, account: Account) -> None:
        template = EmailTemplateFactory(account=account)
        config = {"template_id": str(template.id)}
        ActiveWorkflowFactory(account=account, name="Welcome", chain=[("send_email", config)])
        response = client.post(page_of(template, "delete"), {"post": "yes"})
        (reason,) = told(response)
        assert "Welcome" in reason
        template.refresh_from_db()
        assert AuditEntry.objects.count() == 0

    def test_a_template_is_shown_as_a_contact_gets_it(self, client: Client, account: Account) -> None:
        template = EmailTemplateFactory(account=account)
        contact = ContactFactory(account=account, first_name="<b>Ada</b>")
        page = client.post(page_of(template, "preview"), {"contact": contact.pk}).content.decode()
        assert '<iframe class="mail-preview" sandbox srcdoc="' in page
        assert "<b>Ada</b>" not in page

    def test_a_connection_is_tried_and_keeps_its_password(self, account: Account) -> None:
        admin = MembershipFactory(account=account, role=Role.ADMIN, user=UserFactory(is_staff=True)).user
        client, connected = signed_in(admin), ConnectionFactory(account=account)
        (message,) = told(client.post(page_of(connected, "test")))
        assert message.startswith("It failed: ")
        assert Connection.objects.get().status == "failing"

    def test_files_come_back_as_they_went_in(self, client: Client, account: Account) -> None:
        media = SAMPLES["messaging.Media"](account)
        response = client.post(page_of(media, "download"))
        assert b"".join(response.streaming_content) == b"%PDF-1.7\n"
        assert response.headers["Content-Disposition"] == 'attachment; filename="offer.pdf"'


class TestDashboard:
    def test_tells_of_own_accounts_alone(
        self, client: Client, editor: User, account: Account, other_account: Account
    ) -> None:
        for each, name in ((account, "Grace"), (other_account, "Mallory")):
            ExecutionFactory(workflow=ActiveWorkflowFactory(account=each), failed=True, contact__first_name=name)
            TaskFactory(contact=ContactFactory(account=each, first_name=name), assignee=editor)
            NotificationFactory(account=each, recipient=editor, title=f"Told about {name}")
        page = client.get(reverse("admin:index")).content.decode()
        assert "Grace Lovelace in" in page
        assert "Told about Grace" in page
        assert "Mallory" not in page

    def test_takes_a_fixed_number_of_queries(self, client: Client, account: Account) -> None:
        client.get(reverse("admin:index"))
        with CaptureQueriesContext(connection) as few:
            client.get(reverse("admin:index"))
        for _ in range(3):
            ExecutionFactory(workflow=ActiveWorkflowFactory(account=account), failed=True)
        with CaptureQueriesContext(connection) as many:
            client.get(reverse("admin:index"))
        assert len(many) == len(few)

    def test_says_what_to_do_to_who_is_no_member(self) -> None:
        page = signed_in(UserFactory(is_staff=True)).get(reverse("admin:index")).content.decode()
        assert "You are not a member of any account yet." in page
