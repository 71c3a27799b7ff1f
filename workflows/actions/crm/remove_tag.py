"""The action `remove_tag`."""

from collections.abc import Mapping, Sequence
from typing import Any

from workflows.actions.base import Category, Step, StepBatch, shortened
from workflows.actions.config import ActionConfig
from workflows.actions.outcomes import Done, Outcome
from workflows.actions.registry import registry
from workflows.actions.set_based import SetBasedAction, rendered
from workflows.configs.names import TagNameTemplateField
from workflows.crm.services.tags import MAXIMUM_NAME_LENGTH, TagChange, remove_tags


@registry.register
class RemoveTag(SetBasedAction[TagChange]):
    """Take a tag off the contact; the tag itself stays in the account.

    A contact without the tag goes on unchanged and no event is recorded.
    """

    slug = "remove_tag"
    label = "Remove tag"
    category = Category.CRM
    icon = "label_off"
    example = {"tag_name": "Lead"}
    results = {"tag_name": "The tag's name.", "changed": "Whether the contact had the tag."}
    events = ("tag_removed",)

    class Config(ActionConfig):
        tag_name = TagNameTemplateField(
            max_length=MAXIMUM_NAME_LENGTH,
            help_text="Name of the tag, 1–50 characters when rendered; upper and lower case do not matter.",
        )

    def prepare(self, step: Step, config: Mapping[str, Any]) -> TagChange:
        name = rendered(step, config["tag_name"], field="tag_name", limit=MAXIMUM_NAME_LENGTH, required=True)
        return TagChange(contact=step.contact, name=name, cause=step.cause)

    def write(self, batch: StepBatch, drafts: Sequence[TagChange]) -> Sequence[Outcome]:
        changed = remove_tags(account_id=batch.account.id, changes=drafts, now=batch.now)
        return [
            Done({"tag_name": draft.name, "changed": was_there}, data={"tag_name": draft.name})
            for draft, was_there in zip(drafts, changed, strict=True)
        ]

    def summary(self, config: Mapping[str, Any]) -> str:
        return shortened(f"Remove “{config.get('tag_name', '')}”")
