"""The action `stop_workflow`."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from rest_framework.exceptions import ErrorDetail, ValidationError

from workflows.actions.base import ActionType, Category, StepBatch, shortened
from workflows.actions.config import ActionConfig
from workflows.actions.outcomes import CancelRuns, Done, Outcome, Verdict
from workflows.actions.registry import registry
from workflows.configs.fields import ChoiceField, ListField, TextField
from workflows.configs.hints import Hint
from workflows.configs.references import ReferenceField

THIS, LISTED, ALL_OTHERS = "this", "listed", "all_others"
REASON = "stopped_by_workflow"
SUMMARIES = {THIS: "Stop this workflow", ALL_OTHERS: "Stop all others"}


@registry.register
class StopWorkflow(ActionType):
    """Take the contact out of workflows: what it does there is cancelled (`stopped_by_workflow`).

    A contact that is in none of them goes on, as does one whose own workflow is not among them.
    """

    slug = "stop_workflow"
    label = "Stop workflow"
    category = Category.FLOW
    icon = "cancel"
    example = {"scope": "all_others", "reason": "Became a customer"}
    results = {"cancelled": "How many executions were cancelled.", "reason": "The reason given."}

    class Config(ActionConfig):
        scope = ChoiceField(
            [THIS, LISTED, ALL_OTHERS],
            help_text="`this`: all of the contact's executions in this workflow, so that it ends here; `listed`: those "
            "in `workflow_ids`; `all_others`: every execution of the contact but this one.",
        )
        workflow_ids = ListField(
            child=ReferenceField("workflow"),
            required=False,
            min_length=1,
            max_length=50,
            help_text="With `listed`: ids of 1–50 workflows; this one may be among them.",
        )
        reason = TextField(
            required=False, allow_blank=True, max_length=200, help_text="Why it stops, ≤ 200 characters; logged."
        )

        hints = {"workflow_ids": Hint(shown_when={"scope": [LISTED]})}

        def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
            if attrs["scope"] == LISTED and "workflow_ids" not in attrs:
                raise ValidationError({"workflow_ids": ErrorDetail("`listed` needs it.", code="required")})
            if attrs["scope"] != LISTED and "workflow_ids" in attrs:
                detail = f"It does not belong to `{attrs['scope']}`; leave it out."
                raise ValidationError({"workflow_ids": ErrorDetail(detail, code="invalid")})
            return attrs

    def run_many(self, steps: StepBatch) -> Sequence[Outcome]:
        scope = steps.config["scope"]
        if scope == THIS:
            wish = CancelRuns(REASON, workflow_ids=(steps.workflow.id,))
        elif scope == LISTED:
            wish = CancelRuns(REASON, workflow_ids=tuple(map(UUID, steps.config["workflow_ids"])))
        else:
            wish = CancelRuns(REASON, spares_own=True)
        return [wish] * len(steps)

    def conclude_many(self, steps: StepBatch, verdicts: Sequence[Verdict]) -> Sequence[Outcome]:
        reason = {"reason": steps.config["reason"]} if steps.config.get("reason") else {}
        return [Done({"cancelled": len(verdict.cancelled), **reason}, steps.config) for verdict in verdicts]

    def summary(self, config: Mapping[str, Any]) -> str:
        count = len(config.get("workflow_ids", ()))
        line = SUMMARIES.get(config.get("scope", ""), f"Stop {count} workflow{'' if count == 1 else 's'}")
        return shortened(f"{line} · {config['reason']}" if config.get("reason") else line)
