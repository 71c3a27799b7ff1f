"""The action `revoke_course_access`."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from workflows.actions.base import ActionType, Category, StepBatch, shortened
from workflows.actions.config import ActionConfig
from workflows.actions.outcomes import Done, Failed, Outcome
from workflows.actions.registry import registry
from workflows.configs.fields import BooleanField, TextField
from workflows.configs.references import ReferenceField
from workflows.crm.models import Course
from workflows.crm.services.course_access import REASON_LENGTH, revoke_access

GONE = Failed("invalid_config", "The course does not exist any more.", {"code": "course_not_found"})


@registry.register
class RevokeCourseAccess(ActionType):
    """End the contact's access to a course.

    A contact without access goes on unchanged and no event is recorded. Which lessons it completed is kept for the next
    time unless `retain_progress` is off.
    """

    slug = "revoke_course_access"
    label = "Revoke course access"
    category = Category.MEMBERSHIP
    icon = "lock"
    example = {"course_id": "00000000-0000-4000-8000-000000000000", "revocation_reason": "Subscription ended"}
    results = {
        "course_id": "Id of the course.",
        "access_id": "Id of the access that was revoked, or null.",
        "changed": "Whether the contact had access.",
    }
    events = ("access_revoked",)

    class Config(ActionConfig):
        course_id = ReferenceField("course", help_text="Id of the course.")
        retain_progress = BooleanField(
            default=True, help_text="Whether it stays known which lessons the contact completed."
        )
        revocation_reason = TextField(
            required=False,
            allow_blank=True,
            max_length=REASON_LENGTH,
            help_text="Why, ≤ 500 characters; kept with the access.",
        )

    def run_many(self, steps: StepBatch) -> Sequence[Outcome]:
        config = steps.config
        course = Course.objects.for_account(steps.account.id).filter(id=config["course_id"]).first()
        if course is None:
            return [GONE] * len(steps)
        revoked = revoke_access(
            course=course,
            causes={step.contact.id: step.cause for step in steps},
            reason=config.get("revocation_reason", ""),
            retain_progress=config["retain_progress"],
            now=steps.now,
        )
        return [outcome(revoked.pop(step.contact.id, None), config) for step in steps]

    def summary(self, config: Mapping[str, Any]) -> str:
        kept = "Keep progress" if config.get("retain_progress", True) else "Forget progress"
        reason = config.get("revocation_reason")
        return shortened(f"{kept} · {reason}" if reason else kept)


def outcome(access_id: UUID | None, config: Mapping[str, Any]) -> Outcome:
    result = {
        "course_id": config["course_id"],
        "access_id": str(access_id) if access_id else None,
        "changed": access_id is not None,
    }
    return Done(result, config)
