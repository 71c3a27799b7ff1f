"""The action `add_tag`."""

from collections.abc import Mapping, Sequence
from typing import Any

from workflows.actions.base import Category, Step, StepBatch, shortened
from workflows.actions.config import ActionConfig
from workflows.actions.outcomes import Done, Outcome
from workflows.actions.registry import registry
from workflows.actions.set_based import SetBasedAction, rendered
from workflows.configs.fields import TextField
from workflows.configs.hints import Hint
from workflows.configs.names import TagNameTemplateField
from workflows.crm.services.tags import MAXIMUM_NAME_LENGTH, TagChange, add_tags


@registry.register
class AddTag(SetBasedAction[TagChange]):
    """Add a tag to the contact, making the tag if the account has none of that name.

    `Vip` and `VIP` are the same tag. A contact that has it already goes on unchanged and no event is recorded.
    """

    slug = "add_tag"
    label = "Add tag"
    category = Category.CRM
    icon = "sell"
    example = {"tag_name": "VIP"}
    results = {"tag_name": "The tag's name.", "changed": "Whether the tag was new on the contact."}
    events = ("tag_added",)

    class Config(ActionConfig):
        hints = {"tag_color": Hint(widget="color", placeholder="#2F80ED")}

        tag_name = TagNameTemplateField(
            max_length=MAXIMUM_NAME_LENGTH, help_text="Name of the tag, 1–50 characters when rendered."
        )
        tag_color = TextField(
            required=False,
            pattern=r"#[0-9A-Fa-f]{6}",
            hint="Give a color as #RRGGBB, e.g. #2F80ED.",
            help_text="Color `#RRGGBB` of the tag if this step makes it; a tag that exists keeps its own.",
        )

    def prepare(self, step: Step, config: Mapping[str, Any]) -> TagChange:
        name = rendered(step, config["tag_name"], field="tag_name", limit=MAXIMUM_NAME_LENGTH, required=True)
        return TagChange(contact=step.contact, name=name, color=config.get("tag_color", ""), cause=step.cause)

    def write(self, batch: StepBatch, drafts: Sequence[TagChange]) -> Sequence[Outcome]:
        changed = add_tags(account_id=batch.account.id, changes=drafts, now=batch.now)
        return [
            Done({"tag_name": draft.name, "changed": is_new}, data={"tag_name": draft.name})
            for draft, is_new in zip(drafts, changed, strict=True)
        ]

    def summary(self, config: Mapping[str, Any]) -> str:
        return shortened(f"Add “{config.get('tag_name', '')}”")
