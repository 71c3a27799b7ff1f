"""The demo account's course and campaign, and the workflows that use them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from accounts.actors import Actor
from workflows.authoring.publishing import activate_workflow
from workflows.authoring.records import create_campaign, create_course
from workflows.crm.models import Campaign, CampaignStatus, Contact, Course
from workflows.crm.services.lessons import add_lesson
from workflows.management.demo.building import Step, build, enroll
from workflows.management.demo.outside import MAIL_SERVICE
from workflows.messaging.models import Connection
from workflows.models import Workflow

REPORTING_TIPS = "Reporting tips"
CUSTOMER_ONBOARDING = "Customer onboarding"
CAMPAIGN = "Spring reporting"
COURSE = "Reports that people read"
LESSONS = (("What makes a report worth reading", 0, "preview"), ("Numbers and pictures", 0, "limited"))
LATER_LESSONS = (("Reports that write themselves", 7, "full"), ("Sharing and access", 14, "full"))
NEWCOMERS = 30
TIP = {
    "subject": "A tip for your next report",
    "from_name": "Followthrough Demo",
    "from_email": "tips@followthrough.test",
    "body_html": (
        '<p>Hello {{ contact.first_name | default: "there" }},</p><p>begin with the one number that your readers '
        'will remember. <a href="https://learn.followthrough.test/reports/numbers">See how</a>.</p>'
    ),
}


def add_course_and_campaign(*, account_id: UUID, actor: Actor, owner_id: UUID, now: datetime) -> None:
    """Make the course, the campaign and their workflows where they are missing, and let some customers in."""
    if Workflow.objects.for_account(account_id).present().filter(name=CUSTOMER_ONBOARDING).exists():
        return
    course = _course(account_id, actor)
    campaign = _campaign(account_id, actor, owner_id, now)
    onboarding = _build(
        account_id,
        actor,
        owner_id,
        CUSTOMER_ONBOARDING,
        "Opens a course to new customers, lets them into the spring campaign and cleans up after a month.",
        (
            Step(
                "grant_course_access",
                {"course_id": str(course.id), "duration_days": 365, "if_already": "extend"},
                "Open the course and welcome them",
            ),
            Step("add_to_campaign", {"campaign_id": str(campaign.id)}, "Into the spring campaign"),
            Step("wait_time", {"duration": 4, "unit": "weeks"}, "Four weeks"),
            Step(
                "remove_from_campaign",
                {"campaign_id": str(campaign.id), "reason": "Onboarded"},
                "Out of the campaign again",
            ),
            Step(
                "revoke_course_access",
                {"course_id": str(course.id), "revocation_reason": "Onboarded"},
                "Close the course, keep the progress",
                on_error="continue",
            ),
        ),
    )
    enroll(onboarding, _customers(account_id), now)


def _course(account_id: UUID, actor: Actor) -> Course:
    course = Course.objects.for_account(account_id).filter(name=COURSE).first()
    if course is not None:
        return course
    course = create_course(
        account_id=account_id,
        actor=actor,
        name=COURSE,
        description="Four lessons on reports; two of them open after a week and two.",
        url="https://learn.followthrough.test/reports",
        sender_name="Followthrough Demo",
        sender_email="learn@followthrough.test",
    )
    for title, drip_days, level in (*LESSONS, *LATER_LESSONS):
        add_lesson(
            account_id=account_id, actor=actor, course_id=course.id, title=title, drip_days=drip_days, level=level
        )
    return course


def _campaign(account_id: UUID, actor: Actor, owner_id: UUID, now: datetime) -> Campaign:
    campaign = Campaign.objects.for_account(account_id).filter(name=CAMPAIGN).first()
    if campaign is not None:
        return campaign
    tips = _build(
        account_id,
        actor,
        owner_id,
        REPORTING_TIPS,
        "The steps of the spring campaign: ten members an hour get their first tip, by way of a mail service.",
        (
            Step("drip", {"batch_size": 10, "interval": 1, "unit": "hours"}, "Ten an hour"),
            Step("add_tag", {"tag_name": "Spring campaign", "tag_color": "#27AE60"}, "Mark as reached"),
            Step("send_email", {**TIP, "connection_id": str(_mail_service(account_id))}, "Mail the first tip"),
            Step("wait_time", {"duration": 3, "unit": "days"}, "Wait three days"),
            Step("add_note", {"content": "Got the second reporting tip.", "note_type": "workflow"}),
        ),
    )
    return create_campaign(
        account_id=account_id,
        actor=actor,
        workflow_id=tips.id,
        name=CAMPAIGN,
        description="Two tips on reporting for new customers, for three months.",
        status=CampaignStatus.ACTIVE,
        ends_at=now + timedelta(days=90),
        enrollment_limit=200,
    )


def _mail_service(account_id: UUID) -> UUID:
    return Connection.objects.for_account(account_id).values_list("id", flat=True).get(name=MAIL_SERVICE)


def _build(
    account_id: UUID, actor: Actor, owner_id: UUID, name: str, description: str, steps: Sequence[Step]
) -> Workflow:
    workflow = build(
        account_id=account_id, actor=actor, owner_id=owner_id, name=name, description=description, steps=steps
    )
    activate_workflow(account_id=account_id, actor=actor, workflow_id=workflow.id)
    return workflow


def _customers(account_id: UUID) -> list[UUID]:
    contacts = Contact.objects.for_account(account_id).present().exclude(contact_tags__tag__name="Lead")
    return list(contacts.order_by("id").values_list("id", flat=True)[:NEWCOMERS])
