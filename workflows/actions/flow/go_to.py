"""The action `go_to`."""

from collections.abc import Mapping, Sequence
from typing import Any

from workflows.actions.base import ActionType, Category, StepBatch, shortened
from workflows.actions.config import ActionConfig
from workflows.actions.outcomes import Jump, Outcome
from workflows.actions.registry import registry
from workflows.configs.fields import TextField
from workflows.configs.hints import Hint


@registry.register
class GoTo(ActionType):
    """Let the contact go on at another step of the workflow, ahead or behind.

    A jump backwards needs a wait in between, or the workflow cannot be activated; an execution ends as failed, reason
    `loop_limit`, when it would jump for the 101st time.
    """

    slug = "go_to"
    label = "Go to"
    category = Category.FLOW
    icon = "move_down"
    example = {"target_key": "send_email_2"}
    results = {"target_key": "Key of the step at which the contact went on."}

    class Config(ActionConfig):
        target_key = TextField(
            max_length=50,
            pattern=r"[a-z0-9_]+",
            hint="Give the key of an action: lower-case letters, digits and _.",
            help_text="Key of the action at which contacts go on, 1–50 characters.",
        )

        hints = {"target_key": Hint(suggest="step_keys")}

    def jump_target(self, config: Mapping[str, Any]) -> str | None:
        return config.get("target_key")

    def run_many(self, steps: StepBatch) -> Sequence[Outcome]:
        key = steps.config["target_key"]
        return [Jump(key, {"target_key": key}) for _ in steps]

    def summary(self, config: Mapping[str, Any]) -> str:
        return shortened(f"Go to {config.get('target_key', '')}")
