"""The demo's workflows around orders: monthly check-ins that go round until an order comes, and what that sets off."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from accounts.actors import Actor
from accounts.models import Team
from workflows.authoring.publishing import activate_workflow
from workflows.crm.models import Contact
from workflows.management.demo.building import Step, build, enroll, live_from
from workflows.management.demo.plans import OFFICE_HOURS
from workflows.models import Workflow

MONTHLY_CHECK_IN = "Monthly check-in"
ORDER_RECEIVED = "Order received"
CUSTOMERS = 24
BEGUN = timedelta(days=45)
ORDERED = timedelta(days=10)
FRIEND = {"first_name": "Robin", "email": "robin.recommended@example.com"}
"""Whom all who order recommend: one contact comes of it."""


def add_order_workflows(
    *, account_id: UUID, actor: Actor, owner_id: UUID, team_name: str, now: datetime
) -> list[Workflow]:
    """Make the two workflows where they are missing; let customers go round for weeks, and half of them order."""
    if Workflow.objects.for_account(account_id).present().filter(name=ORDER_RECEIVED).exists():
        return []
    who: dict[str, Any] = {"account_id": account_id, "actor": actor}
    check_in = build(
        **who,
        owner_id=owner_id,
        name=MONTHLY_CHECK_IN,
        description="Reminds a customer's owner every four weeks to ask how things are, until an order comes.",
        steps=check_in_steps(),
    )
    activate_workflow(**who, workflow_id=check_in.id)
    team = Team.objects.for_account(account_id).get(name=team_name)
    order = build(
        **who,
        owner_id=owner_id,
        name=ORDER_RECEIVED,
        description="Ends the check-ins, thanks for the order, tells sales, and begins the check-ins anew.",
        steps=order_steps(check_in.id, team.id),
    )
    activate_workflow(**who, workflow_id=order.id)
    customers = some_customers(account_id, now)
    enroll(check_in, customers, now - BEGUN)
    live_from(now - BEGUN, now - ORDERED, hours=24)
    enroll(order, customers[: CUSTOMERS // 2], now - ORDERED, {"friend": FRIEND})
    live_from(now - ORDERED, now, hours=24)
    return [check_in, order]


def check_in_steps() -> Sequence[Step]:
    return (
        Step("wait_time", {"duration": 4, "unit": "weeks", **OFFICE_HOURS}, "Four weeks", key="four_weeks"),
        Step(
            "send_notification",
            {
                "recipient_type": "contact_owner",
                "channels": ["in_app"],
                "title": "Check in with {{ contact.name | default: contact.email | truncate: 80 }}",
                "message": "No order for four weeks. Plan: {{ contact.custom_fields.plan | default: 'not known' }}.",
            },
            "Remind the owner",
        ),
        Step("go_to", {"target_key": "four_weeks"}, "And again"),
    )


def order_steps(check_in_id: UUID, team_id: UUID) -> Sequence[Step]:
    return (
        Step(
            "stop_workflow",
            {"scope": "listed", "workflow_ids": [str(check_in_id)], "reason": "Ordered"},
            "No more check-ins for now",
        ),
        Step(
            "set_consent",
            {"channels": ["email"], "state": "opt_in", "evidence": "Ticked the box of the order form"},
            "Mails are welcome",
        ),
        Step(
            "create_contact",
            {
                "first_name": "{{ trigger.friend.first_name }}",
                "email": "{{ trigger.friend.email }}",
                "tags": ["Lead", "Recommended"],
                "duplicate_handling": "skip",
            },
            "Whom they recommend",
            on_error="continue",
        ),
        Step(
            "send_notification",
            {
                "recipient_type": "team",
                "recipient_ids": [str(team_id)],
                "channels": ["in_app"],
                "title": "{{ contact.name | default: contact.email | truncate: 80 }} ordered",
                "message": "Plan: {{ contact.custom_fields.plan | default: 'not known' }}.",
            },
            "Tell sales",
        ),
        Step(
            "wait_until_date",
            {
                "date_type": "calculated",
                "field_name": "last_order_at",
                "offset": {"value": 1, "unit": "months", "direction": "after"},
                "time_of_day": "10:00",
                "resume_days": OFFICE_HOURS["resume_days"],
                "timezone_mode": "contact",
                "if_missing": "exit",
            },
            "A month after the order",
        ),
        Step("start_workflow", {"workflow_id": str(check_in_id), "pass_data": False}, "Check in again"),
    )


def some_customers(account_id: UUID, now: datetime) -> list[UUID]:
    """Return customers with an owner; of each half, half ordered within the last weeks."""
    contacts = (
        Contact.objects.for_account(account_id)
        .present()
        .filter(owner__isnull=False, custom_fields__has_key="last_order_at")
        .order_by("id")
    )
    lately, long_ago = (now - timedelta(days=25)).isoformat(), (now - BEGUN).isoformat()
    recent = contacts.filter(custom_fields__last_order_at__gte=lately).values_list("id", flat=True)[: CUSTOMERS // 2]
    others = contacts.filter(custom_fields__last_order_at__lt=long_ago).values_list("id", flat=True)[: CUSTOMERS // 2]
    return [*recent[::2], *others[::2], *recent[1::2], *others[1::2]]
