"""The action `end_workflow`."""

from collections.abc import Mapping, Sequence
from typing import Any

from workflows.actions.base import ActionType, Category, StepBatch, shortened
from workflows.actions.config import ActionConfig
from workflows.actions.outcomes import End, Outcome
from workflows.actions.registry import registry
from workflows.configs.fields import TextField


@registry.register
class EndWorkflow(ActionType):
    """End the workflow for this contact: the execution is completed with the reason `ended_by_step`."""

    slug = "end_workflow"
    label = "End workflow"
    category = Category.FLOW
    icon = "stop_circle"
    example = {"reason": "Not interested"}
    results = {"reason": "The reason given."}

    class Config(ActionConfig):
        reason = TextField(
            required=False, allow_blank=True, max_length=200, help_text="Why it ends here, ≤ 200 characters; logged."
        )

    def run_many(self, steps: StepBatch) -> Sequence[Outcome]:
        return [End(steps.config.get("reason", "")) for _ in steps]

    def summary(self, config: Mapping[str, Any]) -> str:
        return shortened(str(config.get("reason", "")))
