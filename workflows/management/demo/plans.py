"""The demo account's workflows, built through the same functions as anybody's."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from accounts.actors import Actor
from workflows.management.demo.building import Step, build
from workflows.management.demo.outside import SMS_NUMBER
from workflows.messaging.postbox import POSTBOX_HOST
from workflows.models import Workflow

NEWSLETTER_OFFER = "Newsletter offer"
APPOINTMENT_REMINDER = "Appointment reminder"
NEW_LEAD_WELCOME = "New lead welcome"
DORMANT_CUSTOMER_REVIEW = "Dormant customer review"
OFFICE_HOURS = {
    "resume_days": ["monday", "tuesday", "wednesday", "thursday", "friday"],
    "resume_between": {"start": "09:00", "end": "17:00"},
    "timezone_mode": "contact",
}

WORKFLOWS: Mapping[str, tuple[str, Sequence[Step]]] = {
    NEW_LEAD_WELCOME: (
        "Greets new leads, gives their owner a call to make and follows up in the lead's office hours.",
        (
            Step("add_tag", {"tag_name": "Welcomed", "tag_color": "#2F80ED"}, "Mark as welcomed"),
            Step(
                "add_note",
                {
                    "content": "{{ contact.first_name | default: 'A new lead' }} came in through "
                    "{{ trigger.channel | default: 'an unknown channel' }}.",
                    "note_type": "workflow",
                },
                "Write down where the lead came from",
            ),
            Step(
                "create_task",
                {
                    "title": "Call {{ contact.name | default: contact.email | truncate: 150 }}",
                    "description": "Plan: {{ contact.custom_fields.plan | default: 'not known' }}",
                    "due_date_offset": {"days": 1},
                    "priority": "high",
                },
                "Let the owner call",
            ),
            Step("wait_time", {"duration": 1, "unit": "days", **OFFICE_HOURS}, "Wait a day, then for office hours"),
            Step(
                "update_contact",
                {"field_updates": [{"field": "custom_fields.seats", "value": "{{ trigger.seats | default: 1 }}"}]},
                "Store the seats asked for",
            ),
            Step("wait_time", {"duration": 3, "unit": "days"}, "Wait three days"),
            Step("add_tag", {"tag_name": "Follow up"}, "Mark for follow-up"),
            Step("remove_tag", {"tag_name": "Lead"}, "No longer a new lead"),
        ),
    ),
    DORMANT_CUSTOMER_REVIEW: (
        "Has somebody look at customers who have not ordered for half a year.",
        (
            Step("add_tag", {"tag_name": "In review"}),
            Step(
                "create_task",
                {
                    "title": "Review {{ contact.name | default: contact.email | truncate: 150 }}",
                    "description": "Last order: {{ contact.custom_fields.last_order_at | default: 'never' }}",
                    "due_date_offset": {"days": 7},
                },
            ),
            Step("wait_time", {"duration": 2, "unit": "weeks", **OFFICE_HOURS}),
            Step("add_note", {"content": "Two weeks in review.", "note_type": "workflow"}, on_error="continue"),
            Step("remove_tag", {"tag_name": "In review"}),
            Step("end_workflow", {"reason": "Reviewed"}),
        ),
    ),
    NEWSLETTER_OFFER: (
        "Mails an offer to readers of the newsletter and tells another system; both arrive in the postbox.",
        (
            Step(
                "send_email",
                {
                    "subject": "A month of reporting for {{ contact.first_name | default: 'you' }}",
                    "from_name": "Followthrough Demo",
                    "from_email": "offers@followthrough.test",
                    "utm": {"source": "newsletter", "medium": "email", "campaign": "reporting"},
                },
                "Mail the offer",
            ),
            Step(
                "webhook_call",
                {
                    "url": f"http://{POSTBOX_HOST}/hooks/offers",
                    "method": "POST",
                    "payload": {
                        "email": "{{ contact.email }}",
                        "name": "{{ contact.name }}",
                        "message_id": "{{ steps.send_email.message_id }}",
                    },
                    "store_response": True,
                },
                "Tell the billing system",
            ),
            Step("wait_time", {"duration": 2, "unit": "days"}, "Wait two days"),
            Step("add_tag", {"tag_name": "Offer sent"}, "Mark as informed"),
        ),
    ),
    APPOINTMENT_REMINDER: (
        "Reminds by SMS of an appointment; the phone in the postbox gets it and can answer, for example STOP.",
        (
            Step(
                "send_sms",
                {
                    "message": "Hi {{ contact.first_name | default: 'there' }}, see you tomorrow at our office.",
                    "from_number": SMS_NUMBER,
                    "purpose": "transactional",
                    "respect_quiet_hours": False,
                },
                "Remind by SMS",
            ),
            Step("add_tag", {"tag_name": "Reminded"}, "Mark as reminded"),
        ),
    ),
}


def add_workflows(*, account_id: UUID, actor: Actor, owner_id: UUID, template_id: UUID) -> list[Workflow]:
    """Make the demo workflows that are missing, as drafts of one owner, and return the new ones."""
    names = Workflow.objects.for_account(account_id).present().values_list("name", flat=True)
    missing = WORKFLOWS.keys() - set(names)
    return [_build(account_id, actor, owner_id, template_id, name) for name in WORKFLOWS if name in missing]


def _build(account_id: UUID, actor: Actor, owner_id: UUID, template_id: UUID, name: str) -> Workflow:
    description, steps = WORKFLOWS[name]
    return build(
        account_id=account_id,
        actor=actor,
        owner_id=owner_id,
        name=name,
        description=description,
        steps=[with_template(step, template_id) for step in steps],
    )


def with_template(step: Step, template_id: UUID) -> Step:
    """Let mails be written from the demo's template."""
    if step.action_type != "send_email":
        return step
    return replace(step, config={**step.config, "template_id": str(template_id)})
