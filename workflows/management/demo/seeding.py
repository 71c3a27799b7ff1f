"""Filling the demo account: the same data on every machine, and nothing twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from accounts.actors import Actor
from accounts.models import Account, Membership, Role, Team, User
from accounts.services.accounts import MAXIMUM_LIMIT, create_account, update_account
from accounts.services.members import add_member, change_member
from accounts.services.teams import create_team
from workflows.authoring.publishing import activate_workflow
from workflows.crm.models import Contact
from workflows.engine import clock
from workflows.management.demo import deals, plans, records
from workflows.management.demo.building import enroll, live_from
from workflows.management.demo.calls import add_call_workflows
from workflows.management.demo.chats import add_chats
from workflows.management.demo.membership import add_course_and_campaign
from workflows.management.demo.orders import add_order_workflows
from workflows.management.demo.outside import add_template, connect_postbox
from workflows.management.demo.scoring import add_lead_scoring
from workflows.models import Workflow

ACCOUNT_NAME = "Followthrough Demo"
EMAIL = "demo@followthrough.test"
PASSWORD = "followthrough-demo"  # noqa: S105 - printed on purpose: a local demo
OWNERS_PHONE = "+12025550140"
TEAM = "Sales"
COLLEAGUES = (
    ("amina.diallo@followthrough.test", "Amina Diallo", Role.ADMIN, "+12025550141"),
    ("bjorn.asgeirsson@followthrough.test", "Björn Ásgeirsson", Role.EDITOR, "+12025550142"),
    ("chen.wei@followthrough.test", "陈伟", Role.EDITOR, "+12025550143"),
    ("dolores.nunez@followthrough.test", "Dolores Núñez", Role.VIEWER, ""),
)
"""Telephone numbers of the range that is kept for fiction."""
ARRIVALS = (timedelta(days=9), timedelta(days=6), timedelta(days=2), timedelta(hours=4), timedelta())
"""How long ago each group of contacts entered the welcome workflow."""
GROUP_SIZE = 40
READERS = 20
CHANNELS = ("the website", "a webinar", "a referral", "the trade fair", "an advertisement")


@dataclass(frozen=True, slots=True)
class Seeded:
    account: Account
    is_new: bool


def find_demo() -> Account | None:
    """Return the demo account, if it is there."""
    owned = Membership.objects.filter(user__email=EMAIL, role=Role.OWNER, account__name=ACCOUNT_NAME)
    membership = owned.select_related("account").order_by("id").first()
    return membership.account if membership else None


@transaction.atomic
def seed_demo(*, actor: Actor) -> Seeded:
    """Make the demo account, or put back what is missing of it; all or nothing."""
    now = clock.now()
    account = find_demo()
    is_new = account is None
    if account is None:
        account, _ = create_account(
            actor=actor, name=ACCOUNT_NAME, owner_email=EMAIL, password=PASSWORD, rate_limit=MAXIMUM_LIMIT
        )
        update_account(account_id=account.id, actor=actor, changes={"timezone": "Europe/Berlin", "currency": "EUR"})
        owner = Membership.objects.for_account(account.id).get()
        change_member(
            account_id=account.id, actor=actor, actor_role=Role.OWNER, membership_id=owner.id, phone=OWNERS_PHONE
        )
    User.objects.filter(email=EMAIL).update(is_staff=True, is_superuser=True, name="Demo Owner")
    owners = add_colleagues(account, actor)
    records.add_fields(account_id=account.id, actor=actor)
    contact_ids = records.add_people(account_id=account.id, actor=actor, owners=owners, now=now)
    connect_postbox(account_id=account.id, actor=actor)
    template_id = add_template(account_id=account.id, actor=actor)
    owner_id = User.objects.get(email=EMAIL).id
    made = plans.add_workflows(account_id=account.id, actor=actor, owner_id=owner_id, template_id=template_id)
    for workflow in made:
        if workflow.name != plans.DORMANT_CUSTOMER_REVIEW:
            activate_workflow(account_id=account.id, actor=actor, workflow_id=workflow.id)
        if workflow.name == plans.NEW_LEAD_WELCOME:
            lead_through(workflow, contact_ids, now)
        if workflow.name == plans.NEWSLETTER_OFFER:
            enroll(workflow, some_readers(account.id), now)
        if workflow.name == plans.APPOINTMENT_REMINDER:
            enroll(workflow, some_with_phones(account.id), now)
    add_sales(account.id, actor, owner_id, now)
    add_course_and_campaign(account_id=account.id, actor=actor, owner_id=owner_id, now=now)
    add_order_workflows(account_id=account.id, actor=actor, owner_id=owner_id, team_name=TEAM, now=now)
    add_lead_scoring(account_id=account.id, actor=actor, owner_id=owner_id, now=now)
    add_chats(account_id=account.id, actor=actor, owner_id=owner_id, now=now)
    add_call_workflows(account_id=account.id, actor=actor, owner_id=owner_id, now=now)
    return Seeded(account, is_new)


def add_sales(account_id: UUID, actor: Actor, owner_id: UUID, now: datetime) -> None:
    """Add the pipeline with its opportunities and the workflow that works on them, where they are missing."""
    pipeline = deals.add_deals(account_id=account_id, actor=actor, now=now)
    workflow = deals.add_deal_workflow(
        account_id=account_id, actor=actor, owner_id=owner_id, pipeline_id=pipeline.id, team_name=TEAM
    )
    if workflow is not None:
        activate_workflow(account_id=account_id, actor=actor, workflow_id=workflow.id)
        deals.let_leads_in(workflow, pipeline_id=pipeline.id, now=now)


def add_colleagues(account: Account, actor: Actor) -> list[UUID]:
    """Add the members who are missing and their team; return the users who look after contacts."""
    members = Membership.objects.for_account(account.id).select_related("user")
    known = set(members.values_list("user__email", flat=True))
    for email, name, role, phone in COLLEAGUES:
        if email not in known:
            who = {"email": email, "name": name, "phone": phone}
            add_member(account_id=account.id, actor=actor, actor_role=Role.OWNER, role=role, **who)
    sellers = list(members.filter(role__in=[Role.OWNER, Role.ADMIN, Role.EDITOR]).order_by("id"))
    if not Team.objects.for_account(account.id).filter(name=TEAM).exists():
        member_ids = [member.id for member in sellers if member.user.email != EMAIL]
        create_team(account_id=account.id, actor=actor, name=TEAM, member_ids=member_ids)
    return [member.user_id for member in sellers]


def some_with_phones(account_id: UUID) -> list[UUID]:
    """Return contacts that can be texted."""
    contacts = Contact.objects.for_account(account_id).present().exclude(phone="")
    return list(contacts.order_by("id").values_list("id", flat=True)[:10])


def some_readers(account_id: UUID) -> list[UUID]:
    """Return who gets the newsletter's offer; workers mail it when they run, to the postbox."""
    readers = Contact.objects.for_account(account_id).present().filter(contact_tags__tag__name="Newsletter")
    return list(readers.order_by("id").values_list("id", flat=True)[:READERS])


def lead_through(workflow: Workflow, contact_ids: Sequence[UUID], now: datetime) -> None:
    """Enroll groups of contacts at several past moments and live through the time since, so that they stand apart."""
    leads = list(
        Contact.objects.for_account(workflow.account_id)
        .filter(id__in=contact_ids, contact_tags__tag__name="Lead")
        .order_by("id")
        .values_list("id", flat=True)
    )
    for number, ago in enumerate(ARRIVALS):
        group = leads[number * GROUP_SIZE : (number + 1) * GROUP_SIZE]
        # The last of each group asked for seats in words, which no number field takes: a failure to look at.
        enroll(workflow, group[:-1], now - ago, {"channel": CHANNELS[number], "seats": 5 * (number + 1)})
        enroll(workflow, group[-1:], now - ago, {"channel": CHANNELS[number], "seats": "a dozen or so"})
        until = ARRIVALS[number + 1] if number + 1 < len(ARRIVALS) else timedelta()
        live_from(now - ago, now - until)
