"""The action `grant_course_access`."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from workflows.actions.base import Category, StepBatch, shortened
from workflows.actions.config import ActionConfig
from workflows.actions.mails import deliver, record_deliveries
from workflows.actions.outcomes import Done, Failed, Outcome, Perform
from workflows.actions.outside import (
    Lane,
    OutcomeUnknown,
    OutsideType,
    Performed,
    Permanent,
    Prepared,
    Request,
)
from workflows.actions.registry import registry
from workflows.actions.welcome import Welcome
from workflows.configs.fields import BooleanField, ChoiceField, IntegerField
from workflows.configs.references import ReferenceField
from workflows.crm.models import AccessLevel, Course
from workflows.crm.services.course_access import LONGEST, Access, Grant, active_accesses, grant_access
from workflows.messaging.services.messages import record_errors

EXTEND, KEEP = "extend", "keep"
GONE = Failed("invalid_config", "The course does not exist any more.", {"code": "course_not_found"})
NO_ACCESS = "The contact's access ended before the mail was written"


@registry.register
class GrantCourseAccess(OutsideType):
    """Give the contact access to a course, for a time or for ever, and welcome it by mail.

    A contact that has access already keeps it as it is, or with `if_already: extend` has it longer and as much as this
    step gives, never shorter or less. Access expires by itself. The welcome goes to contacts whose access is new, as a
    transactional mail from the course's sender; access does not depend on it: who cannot be written to, or whose mail
    is refused, goes on with the reason in `welcome`.
    """

    slug = "grant_course_access"
    label = "Grant course access"
    category = Category.MEMBERSHIP
    icon = "school"
    example = {
        "course_id": "00000000-0000-4000-8000-000000000000",
        "access_level": "full",
        "duration_days": 365,
        "send_welcome": False,
    }
    results = {
        "course_id": "Id of the course.",
        "access_id": "Id of the access.",
        "access_level": "How much of the course is open.",
        "expires_at": "When the access expires (UTC), or null.",
        "changed": "Whether the access is new, longer or more.",
        "created": "Whether the access is new.",
        "welcome": "`sent`, `not_wanted`, `unknown` when the mail server's answer was lost, or why no mail was sent.",
        "message_id": "Id of the welcome, see `/messages`.",
    }
    events = ("access_granted",)
    lane = Lane.EMAIL

    class Config(ActionConfig):
        course_id = ReferenceField("course", help_text="Id of the course.")
        access_level = ChoiceField(
            AccessLevel.values,
            default=AccessLevel.FULL.value,
            help_text="How much is open: lessons of this level and of those below it.",
        )
        duration_days = IntegerField(
            required=False,
            allow_null=True,
            min_value=1,
            max_value=LONGEST,
            help_text="Days of 24 hours until it expires, 1–3650; null or left out: never.",
        )
        drip_content = BooleanField(
            default=True, help_text="Whether lessons open after their own days; else all are open at once."
        )
        send_welcome = BooleanField(default=True, help_text="Whether a contact whose access is new gets a mail.")
        if_already = ChoiceField(
            [EXTEND, KEEP], default=KEEP, help_text="What becomes of access that the contact has already."
        )

    def run_many(self, steps: StepBatch) -> Sequence[Outcome]:
        config = steps.config
        course = course_of(steps)
        if course is None:
            return [GONE] * len(steps)
        days = config.get("duration_days")
        granted = grant_access(
            course=course,
            causes={step.contact.id: step.cause for step in steps},
            grant=Grant(
                level=config["access_level"],
                duration=timedelta(days=days) if days else None,
                drip_content=config["drip_content"],
                extends=config["if_already"] == EXTEND,
            ),
            now=steps.now,
        )
        outcomes: list[Outcome] = []
        seen: set[UUID] = set()
        for step in steps:
            answer = granted[step.contact.id]
            is_new = answer.is_new and step.contact.id not in seen
            seen.add(step.contact.id)
            if is_new and config["send_welcome"]:
                outcomes.append(Perform(self.lane))
            else:
                result = result_of(answer.access, config, changed=answer.changed, created=is_new, welcome="not_wanted")
                outcomes.append(Done(result, config))
        return outcomes

    def prepare_many(self, steps: StepBatch) -> Sequence[Prepared]:
        """Write the welcomes of contacts that were just granted access."""
        course = course_of(steps)
        if course is None:
            return [GONE] * len(steps)
        accesses = active_accesses(course=course, contact_ids=[step.contact.id for step in steps])
        mails = Welcome(course, steps, list(steps)).prepare()
        prepared: list[Prepared] = []
        for step, mail in zip(steps, mails, strict=True):
            access = accesses.get(step.contact.id)
            if access is None:
                prepared.append(Done({"course_id": str(course.id), "welcome": NO_ACCESS}, steps.config))
                continue
            result = result_of(access, steps.config, changed=True, created=True, welcome="sent")
            if isinstance(mail, Request):
                payload = {"mail": mail.payload, "result": result}
                prepared.append(Request(payload, mail.host, {**steps.config, **mail.data}, mail.guard_channel))
            else:
                prepared.append(Done({**result, "welcome": mail}, steps.config))
        return prepared

    def perform(self, payload: Mapping[str, Any], *, key: UUID) -> Done:
        """Send the welcome; only what may succeed later fails the call."""
        try:
            sent = deliver(payload["mail"], key=key)
        except Permanent as failure:
            return Done({**payload["result"], "welcome": failure.message})
        except OutcomeUnknown:
            return Done({**payload["result"], "welcome": "unknown"})
        return Done({**payload["result"], "message_id": sent.result["message_id"]})

    def record_many(self, calls: Sequence[Performed], *, account_id: UUID, now: datetime) -> None:
        """Bring the messages up to date; those of refused mails say why, though the step went on."""
        record_deliveries([call for call in calls if was_tried_or_sent(call)], account_id=account_id, now=now)
        refused = {
            call.step.key: call.outcome.result["welcome"]
            for call in calls
            if isinstance(call.outcome, Done) and call.step.key and not was_tried_or_sent(call)
        }
        record_errors(account_id=account_id, errors=refused, are_final=True, now=now)

    def summary(self, config: Mapping[str, Any]) -> str:
        days = config.get("duration_days")
        span = "for ever" if not days else "for a day" if days == 1 else f"for {days} days"
        return shortened(f"{str(config.get('access_level', AccessLevel.FULL.value)).capitalize()} access {span}")


def was_tried_or_sent(call: Performed) -> bool:
    """Tell so of a call; what a person settled as sent says nothing of the welcome."""
    return not isinstance(call.outcome, Done) or call.outcome.result.get("welcome", "sent") == "sent"


def course_of(steps: StepBatch) -> Course | None:
    course: Course | None = Course.objects.for_account(steps.account.id).filter(id=steps.config["course_id"]).first()
    return course


def result_of(
    access: Access, config: Mapping[str, Any], *, changed: bool, created: bool, welcome: str
) -> dict[str, Any]:
    return {
        "course_id": config["course_id"],
        "access_id": str(access.id),
        "access_level": access.level,
        "expires_at": access.expires_at.isoformat() if access.expires_at else None,
        "changed": changed,
        "created": created,
        "welcome": welcome,
    }
