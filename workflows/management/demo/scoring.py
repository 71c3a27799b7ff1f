"""The demo's workflow with code of its own: it scores leads, and tells their owners by SMS."""

from datetime import datetime
from uuid import UUID

from accounts.actors import Actor
from workflows.authoring.publishing import activate_workflow
from workflows.crm.models import Contact
from workflows.management.demo.building import Step, build, enroll
from workflows.models import Workflow

LEAD_SCORING = "Lead scoring"
LEADS = 12
SCORE = """\
const fields = contact.custom_fields;
const rules = [
  [10, contact.phone !== ""],
  [15, contact.tags.includes("Newsletter")],
  [20, Boolean(fields.website)],
  [Math.min(40, Math.round(Number(fields.seats ?? 0) / 2)), true],
];
const score = rules.reduce((sum, [points, holds]) => sum + (holds ? points : 0), Number(inputs.base));
console.log("points", rules.filter(([, holds]) => holds).map(([points]) => points));
return { score, grade: score >= 60 ? "hot" : score >= 30 ? "warm" : "cold" };
"""
STEPS = (
    Step(
        "custom_code",
        {"code": SCORE, "inputs": {"base": "5"}, "outputs": ["score", "grade"]},
        "Score the lead",
        key="score",
    ),
    Step(
        "update_contact",
        {"field_updates": [{"field": "lead_stage", "value": "{{ steps.score.grade }}"}]},
        "Keep the grade",
    ),
    Step("add_tag", {"tag_name": "{{ steps.score.grade | capitalize }} lead"}, "Tag with the grade"),
    Step(
        "send_notification",
        {
            "recipient_type": "contact_owner",
            "channels": ["in_app", "sms"],
            "title": "{{ contact.name | default: contact.email | truncate: 80 }} is a {{ steps.score.grade }} lead",
            "message": "{{ steps.score.score }} points. Phone: {{ contact.phone | default: 'not known' }}.",
        },
        "Text the owner",
    ),
)


def add_lead_scoring(*, account_id: UUID, actor: Actor, owner_id: UUID, now: datetime) -> None:
    """Make the workflow where it is missing, and let leads in; workers score them when they run."""
    if Workflow.objects.for_account(account_id).present().filter(name=LEAD_SCORING).exists():
        return
    workflow = build(
        account_id=account_id,
        actor=actor,
        owner_id=owner_id,
        name=LEAD_SCORING,
        description="Scores a lead with a few lines of JavaScript, keeps the grade, and texts it to the lead's owner.",
        steps=STEPS,
    )
    activate_workflow(account_id=account_id, actor=actor, workflow_id=workflow.id)
    leads = (
        Contact.objects.for_account(account_id)
        .present()
        .filter(owner__isnull=False, contact_tags__tag__name="Lead")
        .exclude(phone="")
        .order_by("-id")
    )
    enroll(workflow, list(leads.values_list("id", flat=True)[:LEADS]), now)
