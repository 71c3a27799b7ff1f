"""The mail that welcomes a contact to a course, through the account's mail server."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from workflows.actions.base import Step, StepBatch
from workflows.actions.mails import MailPlan, Unusable
from workflows.actions.outcomes import Skipped
from workflows.actions.outside import Request
from workflows.crm.models import Course
from workflows.messaging.models import EmailTemplate
from workflows.messaging.services.messages import NewMessage, queue_messages, record_errors

SUBJECT = "Welcome to {{ course.name }}"
TEXT = """\
Hello {{ contact.first_name | default: "there" }},

you now have access to {{ course.name }}.
{% if course.url != "" %}
Start here: {{ course.url }}
{% endif %}
{{ course.sender_name }}
"""
NO_SENDER = "The course has no sender's address"


class Welcome:
    """The welcome mails of one step."""

    def __init__(self, course: Course, steps: StepBatch, chosen: Sequence[Step]) -> None:
        self.account_id = steps.account.id
        self.steps = StepBatch(
            [replace(step) for step in chosen],
            account=steps.account,
            workflow=steps.workflow,
            action_id=steps.action_id,
            action_key=steps.action_key,
            config=config_for(course),
            now=steps.now,
        )
        self.steps.shared_context["course"] = {
            "name": course.name,
            "url": course.url,
            "sender_name": course.sender_name or steps.account.name,
        }
        self.has_sender = bool(course.sender_email)

    def prepare(self) -> list[Request | str]:
        """Return the call for each contact, or why it gets no mail; queries do not grow with contacts."""
        if not self.has_sender:
            return [NO_SENDER] * len(self.steps)
        try:
            plan = MailPlan(self.steps)
        except Unusable as problem:
            return [str(problem)] * len(self.steps)
        messages: list[NewMessage] = []
        prepared: list[Request | str] = []
        blocked: dict[UUID, str] = {}
        for step, verdict in zip(self.steps, plan.judge(self.steps), strict=True):
            answer = plan.prepare(step, verdict, messages)
            if isinstance(answer, Request):
                prepared.append(answer)
            else:
                reason = answer.reason if isinstance(answer, Skipped) else answer.message
                prepared.append(reason)
                if step.key:
                    blocked[step.key] = reason
        queue_messages(account_id=self.account_id, messages=messages, now=self.steps.now)
        record_errors(account_id=self.account_id, errors=blocked, are_final=True, now=self.steps.now)
        return prepared


def config_for(course: Course) -> dict[str, Any]:
    """Return the config of a mail step that says what the welcome says."""
    config: dict[str, Any] = {
        "subject": SUBJECT,
        "from_name": course.sender_name or course.name,
        "from_email": course.sender_email,
        "purpose": "transactional",
        "track_opens": False,
        "track_clicks": False,
    }
    template = template_of(course.account_id, course.welcome_template_id)
    if template is None:
        return {**config, "body_text": TEXT}
    return {**config, "template_id": str(template.id), "subject": template.subject or SUBJECT}


def template_of(account_id: UUID, template_id: UUID | None) -> EmailTemplate | None:
    """Return the course's own template; one that is gone does not keep the welcome back."""
    if template_id is None:
        return None
    template: EmailTemplate | None = EmailTemplate.objects.for_account(account_id).filter(id=template_id).first()
    return template
