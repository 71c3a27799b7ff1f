"""The demo account: complete, and never twice."""

from io import StringIO
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from accounts.models import Account, AuditEntry, Membership, Role, Team, User
from workflows.crm.models import (
    Campaign,
    Consent,
    Contact,
    ContactIdentity,
    Course,
    CourseAccess,
    CustomField,
    Event,
    FieldType,
    Note,
    Notification,
    Opportunity,
    StageEntry,
    Task,
)
from workflows.engine.perform.trial import try_step
from workflows.management.demo.seeding import COLLEAGUES, EMAIL, PASSWORD
from workflows.messaging.models import Connection, EmailTemplate, Message
from workflows.models import Action, ActionExecution, Workflow, WorkflowExecution
from workflows.tests.factories import ExecutionFactory

pytestmark = pytest.mark.django_db

USED = {
    "add_note", "add_tag", "add_to_campaign", "assign_to_user", "create_contact", "create_opportunity", "create_task",
    "custom_code", "drip", "end_workflow", "go_to", "grant_course_access", "move_pipeline_stage",
    "remove_from_campaign", "remove_tag", "revoke_course_access", "send_email", "send_notification", "set_consent",
    "start_workflow", "stop_workflow", "update_contact", "wait_time", "wait_until_date", "webhook_call",
}  # fmt: skip
"""Types that work on every machine without a provider."""

TABLES = (
    Account,
    User,
    Membership,
    Contact,
    ContactIdentity,
    Note,
    Task,
    Opportunity,
    StageEntry,
    Event,
    Consent,
    WorkflowExecution,
    AuditEntry,
    Connection,
    EmailTemplate,
    Campaign,
    Course,
    CourseAccess,
)


def seed(*arguments):
    output = StringIO()
    call_command("seed_demo", *arguments, stdout=output, stderr=StringIO())
    return UUID(output.getvalue().strip())


def sizes():
    return {table.__name__: table.objects.count() for table in TABLES}


@pytest.fixture(scope="module")
def demo(django_db_setup, django_db_blocker):
    """The seeded demo account, made once for the module and removed behind it."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield seed()
        transaction.set_rollback(True)


class TestSeedDemo:
    def test_makes_an_account_that_one_can_sign_in_to(self, demo):
        owner = Membership.objects.for_account(demo).get(role=Role.OWNER).user
        assert owner.email == EMAIL
        assert owner.check_password(PASSWORD)
        assert (owner.is_staff, owner.is_superuser) == (True, True)

    def test_gives_it_members_and_a_team(self, demo):
        roles = dict(Membership.objects.for_account(demo).values_list("user__email", "role"))
        assert roles == {EMAIL: "owner"} | {email: role.value for email, _, role, _ in COLLEAGUES}
        assert Team.objects.for_account(demo).get().members.count() == 3

    def test_fills_it_with_contacts_and_their_records(self, demo):
        contacts = Contact.objects.for_account(demo)
        assert contacts.count() == 2502  # one was recommended by those who ordered, one wrote on Messenger
        assert contacts.exclude(phone="").count() == 700
        assert contacts.values("timezone").distinct().count() >= 30
        assert contacts.exclude(owner=None).values("owner").distinct().count() == 4
        assert Note.objects.for_account(demo).count() > 300
        assert Task.objects.for_account(demo).count() > 150
        assert Consent.objects.for_account(demo).filter(state="opt_out").count() > 20
        assert ContactIdentity.objects.for_account(demo).filter(kind="external").count() > 300

    def test_has_a_pipeline_with_opportunities_at_every_stage(self, demo):
        opportunities = Opportunity.objects.for_account(demo)
        stages = opportunities.values_list("stage__name", flat=True).distinct()
        assert set(stages) == {"New", "Qualified", "Proposal sent", "Negotiation", "Won", "Lost"}
        assert opportunities.count() == 96
        assert opportunities.filter(status="won").count() == 16
        assert StageEntry.objects.for_account(demo).count() > 200

    def test_defines_a_field_of_every_type(self, demo):
        types = CustomField.objects.for_account(demo).values_list("field_type", flat=True)
        assert set(types) == set(FieldType.values)

    def test_has_a_workflow_with_contacts_at_several_stages(self, demo):
        states = dict(Workflow.objects.for_account(demo).values_list("name", "status"))
        assert states == {
            "New lead welcome": "active",
            "Dormant customer review": "draft",
            "Newsletter offer": "active",
            "Appointment reminder": "active",
            "Qualified lead to sales": "active",
            "Customer onboarding": "active",
            "Reporting tips": "active",
            "Monthly check-in": "active",
            "Order received": "active",
            "Lead scoring": "active",
            "Chat follow-up": "active",
            "Appointment voicemail": "active",
            "Call back on request": "active",
        }
        runs = WorkflowExecution.objects.for_account(demo).filter(workflow__name="New lead welcome")
        assert runs.count() == 200
        assert set(runs.values_list("status", flat=True)) == {"completed", "waiting", "failed"}
        assert runs.filter(status="waiting").values("current_action_id").distinct().count() == 2
        assert runs.filter(due_at__isnull=False, lease_id__isnull=False).count() == 0

    def test_connects_it_with_the_postbox(self, demo):
        connections = dict(Connection.objects.for_account(demo).values_list("kind", "settings"))
        assert connections.keys() == {"smtp", "sendgrid", "twilio", "messenger"}
        assert connections["smtp"]["host"] == "postbox.test"
        assert {connections[kind]["api_host"] for kind in ("twilio", "messenger")} == {"postbox.test"}
        reminder = Workflow.objects.for_account(demo).get(name="Appointment reminder")
        assert reminder.actions.filter(action_type="send_sms").count() == 1
        offer = Workflow.objects.for_account(demo).get(name="Newsletter offer")
        assert offer.owner.email == EMAIL
        assert list(offer.actions.order_by("id").values_list("action_type", flat=True)) == [
            "send_email",
            "webhook_call",
            "wait_time",
            "add_tag",
        ]
        mail = offer.actions.get(action_type="send_email")
        template = EmailTemplate.objects.for_account(demo).get()
        assert mail.action_config["template_id"] == str(template.id)

    def test_has_somebody_who_has_just_written_to_its_page(self, demo):
        run = WorkflowExecution.objects.for_account(demo).get(workflow__name="Chat follow-up")
        contact = Contact.objects.for_account(demo).get(id=run.contact_id)
        assert contact.identities.get().source == "messenger:104270000000001"
        message = Message.objects.for_account(demo).get(channel="messenger", direction="inbound")
        assert (message.contact_id, message.recipient) == (contact.id, "104270000000001")

    def test_has_a_course_and_a_campaign_that_customers_are_in(self, demo):
        course, campaign = Course.objects.for_account(demo).get(), Campaign.objects.for_account(demo).get()
        assert course.lessons.count() == 4
        assert course.accesses.filter(status="active").count() == 30
        assert (campaign.status, campaign.enrollment_limit) == ("active", 200)
        steps = Workflow.objects.for_account(demo).get(name="Reporting tips")
        assert campaign.workflow_id == steps.id

    def test_has_customers_at_every_point_of_the_workflows_around_orders(self, demo):
        runs = WorkflowExecution.objects.for_account(demo)
        check_ins = runs.filter(workflow__name="Monthly check-in")
        assert set(check_ins.values_list("status", "completion_reason")) == {
            ("waiting", ""),
            ("cancelled", "stopped_by_workflow"),
        }
        assert check_ins.filter(enrollment_source="start_workflow", status="waiting").count() == 6
        orders = runs.filter(workflow__name="Order received")
        assert dict(orders.values_list("status").annotate(count=Count("id"))) == {"waiting": 6, "completed": 6}
        jumps = ActionExecution.objects.for_account(demo).filter(action_type="go_to", status="completed")
        assert jumps.count() == 24
        assert Notification.objects.for_account(demo).filter(title__startswith="Check in with").count() == 24
        assert Contact.objects.for_account(demo).filter(email="robin.recommended@example.com").count() == 1

    def test_has_contacts_in_every_active_workflow(self, demo):
        runs = WorkflowExecution.objects.for_account(demo)
        active = Workflow.objects.for_account(demo).filter(status="active")
        for workflow in active.exclude(name="Reporting tips"):  # entered when a worker has mailed the welcomes
            assert runs.filter(workflow=workflow).exists(), workflow
        leads = runs.filter(workflow__name="Qualified lead to sales")
        assert dict(leads.values_list("status").annotate(count=Count("id"))) == {"completed": 6, "waiting": 6}
        assert runs.filter(workflow__name="Newsletter offer", status="active").count() == 20

    def test_uses_every_type_that_needs_no_provider(self, demo):
        used = Action.objects.for_account(demo).values_list("action_type", flat=True)
        assert set(used) >= USED

    def test_scores_leads_with_code_of_its_own(self, demo):
        workflow = Workflow.objects.for_account(demo).get(name="Lead scoring")
        runs = WorkflowExecution.objects.for_account(demo).filter(workflow=workflow, status="active")
        assert runs.count() == 12
        action = workflow.actions.get(action_type="custom_code")
        tried = try_step(
            account_id=demo,
            workflow_id=workflow.id,
            action_id=action.id,
            contact_id=runs.first().contact_id,
            now=timezone.now(),
        )
        assert tried.status == "completed", tried
        assert tried.result["output"].keys() == {"score", "grade"}
        owners = Contact.objects.filter(id__in=runs.values("contact_id")).values("owner_id")
        phones = Membership.objects.for_account(demo).filter(user__in=owners).exclude(phone="")
        assert phones.exists()

    def test_leaves_failures_to_look_at(self, demo):
        failed = ActionExecution.objects.for_account(demo).filter(status="failed")
        assert set(failed.values_list("action_key", "error_message")) == {
            ("update_contact", "custom_fields.seats: Give a number such as 12.5.")
        }

    def test_changes_nothing_the_second_time(self, demo):
        before = sizes()
        assert seed() == demo
        assert sizes() == before

    def test_leaves_a_demo_that_is_there_alone_if_told_so(self, demo):
        Workflow.objects.for_account(demo).filter(name="Dormant customer review").delete()
        before = sizes()
        assert seed("--if-missing") == demo
        assert sizes() == before
        assert not Workflow.objects.for_account(demo).filter(name="Dormant customer review").exists()

    def test_puts_back_what_is_missing(self, demo):
        Workflow.objects.for_account(demo).filter(name="Dormant customer review").delete()
        runs = WorkflowExecution.objects.for_account(demo).count()
        seed()
        assert Workflow.objects.for_account(demo).filter(name="Dormant customer review").count() == 1
        assert WorkflowExecution.objects.for_account(demo).count() == runs

    def test_touches_no_other_account(self, demo):
        other = ExecutionFactory(due_at=None)
        seed()
        other.refresh_from_db()
        assert (other.status, other.due_at) == ("queued", None)
        assert Contact.objects.for_account(other.account_id).count() == 1

    def test_is_refused_in_production(self, demo, settings):
        settings.SETTINGS_MODULE = "config.settings.production"
        with pytest.raises(CommandError, match="not in production"):
            seed()
