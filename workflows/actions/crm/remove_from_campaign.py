"""The action `remove_from_campaign`."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from accounts.problems import Missing
from workflows.actions.base import ActionType, Category, StepBatch, shortened
from workflows.actions.config import ActionConfig
from workflows.actions.outcomes import CancelRuns, Done, Failed, Outcome, Verdict
from workflows.actions.registry import registry
from workflows.configs.fields import TextField
from workflows.configs.references import ReferenceField
from workflows.crm.services.campaign_members import NOTE_LENGTH, memberships, remove_members
from workflows.crm.services.campaigns import lock_campaign

REASON = "removed_from_campaign"
GONE = Failed("invalid_config", "The campaign does not exist any more.", {"code": "campaign_not_found"})


@registry.register
class RemoveFromCampaign(ActionType):
    """Take the contact out of a campaign and cancel what its campaign run has still to do.

    A contact that is no member goes on unchanged and no event is recorded. Within the campaign's own workflow the
    execution ends behind this step.
    """

    slug = "remove_from_campaign"
    label = "Remove from campaign"
    category = Category.CRM
    icon = "person_remove"
    example = {"campaign_id": "00000000-0000-4000-8000-000000000000", "reason": "Bought already"}
    results = {
        "campaign_id": "Id of the campaign.",
        "changed": "Whether the contact was a member.",
        "cancelled": "How many executions were cancelled, 0 or 1.",
        "reason": "Why it was taken out, as configured.",
    }
    events = ("campaign_left",)

    class Config(ActionConfig):
        campaign_id = ReferenceField("campaign", help_text="Id of the campaign.")
        reason = TextField(
            required=False,
            allow_blank=True,
            max_length=NOTE_LENGTH,
            help_text="Why, ≤ 500 characters; logged and kept with the membership.",
        )

    def run_many(self, steps: StepBatch) -> Sequence[Outcome]:
        try:
            campaign = lock_campaign(account_id=steps.account.id, campaign_id=UUID(steps.config["campaign_id"]))
        except Missing:
            return [GONE] * len(steps)
        present = memberships(campaign=campaign, contact_ids=[step.contact.id for step in steps])
        return [
            CancelRuns(REASON, execution_ids=(member.execution_id,) if member.execution_id else ())
            if (member := present.get(step.contact.id))
            else Done(result_of(steps.config, changed=False, cancelled=0), steps.config)
            for step in steps
        ]

    def conclude_many(self, steps: StepBatch, verdicts: Sequence[Verdict]) -> Sequence[Outcome]:
        campaign = lock_campaign(account_id=steps.account.id, campaign_id=UUID(steps.config["campaign_id"]))
        causes = {step.contact.id: step.cause for step in steps}
        remove_members(campaign=campaign, causes=causes, note=steps.config.get("reason", ""), now=steps.now)
        return [
            Done(result_of(steps.config, changed=True, cancelled=len(verdict.cancelled)), steps.config)
            for verdict in verdicts
        ]

    def summary(self, config: Mapping[str, Any]) -> str:
        return shortened(str(config.get("reason", "")))


def result_of(config: Mapping[str, Any], *, changed: bool, cancelled: int) -> dict[str, Any]:
    reason = {"reason": config["reason"]} if config.get("reason") else {}
    return {"campaign_id": config["campaign_id"], "changed": changed, "cancelled": cancelled, **reason}
