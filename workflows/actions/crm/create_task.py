"""The action `create_task`."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from rest_framework.exceptions import ValidationError

from workflows.actions.base import Category, Step, StepBatch, shortened
from workflows.actions.config import ActionConfig
from workflows.actions.outcomes import Done, Failed, Outcome
from workflows.actions.registry import registry
from workflows.actions.set_based import INVALID_CONFIG, SetBasedAction, rendered
from workflows.configs.base import StrictConfig
from workflows.configs.fields import ChoiceField, IntegerField, TemplateField
from workflows.configs.references import ReferenceField
from workflows.crm.models import TaskPriority
from workflows.crm.refusals import Refused
from workflows.crm.services.tasks import TaskDraft, active_members, create_tasks

TITLE_LIMIT = 200
DESCRIPTION_LIMIT = 5000


class DueDateOffset(StrictConfig):
    """How long after the step the task is due."""

    days = IntegerField(required=False, min_value=0, max_value=3650, help_text="Days of 24 hours, 0–3650.")
    hours = IntegerField(required=False, min_value=0, max_value=8760, help_text="Hours on top, 0–8760.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise ValidationError("Give `days`, `hours` or both.", code="required")
        return attrs


@registry.register
class CreateTask(SetBasedAction[TaskDraft]):
    """Give a member a task about the contact.

    Without `assignee_id` it goes to the contact's owner; where there is none, or one who left the account, it is
    nobody's yet.
    """

    slug = "create_task"
    label = "Create task"
    category = Category.CRM
    icon = "task_alt"
    example = {"title": "Call {{ contact.first_name }}", "due_date_offset": {"days": 2}, "priority": "high"}
    results = {
        "task_id": "Id of the task.",
        "assignee_id": "Id of the member who has it, or null.",
        "due_at": "When it is due (UTC), or null.",
    }
    events = ("task_created",)

    class Config(ActionConfig):
        title = TemplateField(max_length=TITLE_LIMIT, help_text="What is to be done, 1–200 characters when rendered.")
        description = TemplateField(
            max_length=DESCRIPTION_LIMIT,
            required=False,
            allow_blank=True,
            help_text="Details, ≤ 5000 characters when rendered.",
        )
        due_date_offset = DueDateOffset(
            required=False, help_text="When it is due, counted from the moment of the step; left out: no due date."
        )
        assignee_id = ReferenceField(
            "user", required=False, help_text="Id of an active member; left out: the contact's owner."
        )
        priority = ChoiceField(
            TaskPriority.values, default=TaskPriority.MEDIUM.value, help_text="How urgent the task is."
        )

    def prepare(self, step: Step, config: Mapping[str, Any]) -> TaskDraft:
        assert step.batch is not None
        offset = config.get("due_date_offset")
        assignee_id = config.get("assignee_id")
        return TaskDraft(
            contact=step.contact,
            title=rendered(step, config["title"], field="title", limit=TITLE_LIMIT, required=True),
            description=rendered(step, config.get("description", ""), field="description", limit=DESCRIPTION_LIMIT),
            due_at=step.batch.now + timedelta(**offset) if offset else None,
            assignee_id=UUID(assignee_id) if assignee_id else step.contact.owner_id,
            priority=config["priority"],
            cause=step.cause,
        )

    def write(self, batch: StepBatch, drafts: Sequence[TaskDraft]) -> Sequence[Outcome]:
        if not batch.config.get("assignee_id"):
            owners = active_members(account_id=batch.account.id, user_ids={draft.assignee_id for draft in drafts})
            for draft in drafts:
                draft.assignee_id = draft.assignee_id if draft.assignee_id in owners else None
        answers = create_tasks(account_id=batch.account.id, drafts=drafts, now=batch.now)
        return [outcome(draft, answer) for draft, answer in zip(drafts, answers, strict=True)]

    def summary(self, config: Mapping[str, Any]) -> str:
        return shortened(str(config.get("title", "")))


def outcome(draft: TaskDraft, answer: UUID | Refused) -> Outcome:
    data = {"title": draft.title, "description": draft.description, "priority": draft.priority}
    if isinstance(answer, Refused):
        return Failed(INVALID_CONFIG, answer.detail, data=data)
    return Done(
        {
            "task_id": str(answer),
            "assignee_id": str(draft.assignee_id) if draft.assignee_id else None,
            "due_at": draft.due_at.isoformat() if draft.due_at else None,
        },
        data=data,
    )
