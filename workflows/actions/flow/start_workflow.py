"""The action `start_workflow`."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from workflows.actions.base import ActionType, Category, StepBatch
from workflows.actions.config import ActionConfig
from workflows.actions.outcomes import Done, Enroll, Failed, Outcome, Skipped, Verdict
from workflows.actions.registry import registry
from workflows.configs.fields import BooleanField
from workflows.configs.references import ReferenceField

GONE = ("workflow_not_found", "action_not_found")


@registry.register
class StartWorkflow(ActionType):
    """Let the contact enter another workflow as well; this one goes on at once.

    Who may not enter – it is not active, the contact is inside already or may enter once only, opted out of
    everything, or more than 25 workflows started each other in a row – goes on here, and the step is logged as skipped
    with the reason. Workflows that start each other in a circle without a wait cannot be activated.
    """

    slug = "start_workflow"
    label = "Start workflow"
    category = Category.FLOW
    icon = "play_circle"
    example = {"workflow_id": "00000000-0000-4000-8000-000000000000", "pass_data": True, "skip_if_inside": True}
    results = {
        "workflow_id": "Id of the other workflow.",
        "execution_id": "Id of the contact's execution there.",
        "reason": "Why the contact did not enter: `already_enrolled`, `workflow_not_active`, `contact_opted_out` or "
        "`loop_guard`.",
    }

    class Config(ActionConfig):
        workflow_id = ReferenceField("workflow", help_text="Id of the workflow to enter; it must be active by then.")
        pass_data = BooleanField(
            default=True, help_text="Whether the other workflow's `trigger.*` is this one's; else it is empty."
        )
        skip_if_inside = BooleanField(
            default=True,
            help_text="Whether a contact that is inside the other workflow does not enter it a second time, though its "
            "re-entry setting is `multiple`.",
        )

    def started_workflow(self, config: Mapping[str, Any], *, account_id: UUID) -> UUID | None:
        return UUID(config["workflow_id"]) if "workflow_id" in config else None

    def run_many(self, steps: StepBatch) -> Sequence[Outcome]:
        workflow_id = UUID(steps.config["workflow_id"])
        return [
            Enroll(
                workflow_id,
                self.slug,
                data=step.trigger if steps.config["pass_data"] else {},
                unless_inside=steps.config["skip_if_inside"],
            )
            for step in steps
        ]

    def conclude_many(self, steps: StepBatch, verdicts: Sequence[Verdict]) -> Sequence[Outcome]:
        return [outcome(verdict, steps.config) for verdict in verdicts]


def outcome(verdict: Verdict, config: Mapping[str, Any]) -> Outcome:
    result = {"workflow_id": config["workflow_id"]}
    if verdict.refusal in GONE:
        return Failed("invalid_config", "The workflow to start does not exist any more.", result, config)
    if verdict.refusal:
        return Skipped(verdict.refusal, result, config)
    return Done({**result, "execution_id": str(verdict.execution_id)}, config)
