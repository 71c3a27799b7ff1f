"""The action `add_to_campaign`."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from rest_framework.exceptions import ErrorDetail, ValidationError

from accounts.problems import Missing
from workflows.actions.base import ActionType, Category, StepBatch
from workflows.actions.config import ActionConfig
from workflows.actions.outcomes import Done, Enroll, Failed, Outcome, Skipped, Verdict
from workflows.actions.registry import registry
from workflows.configs.fields import BooleanField, ChoiceField
from workflows.configs.hints import Hint
from workflows.configs.references import KINDS, ReferenceField
from workflows.crm.models import Campaign, LeftReason
from workflows.crm.services.campaign_members import (
    ALREADY_ENROLLED,
    CAMPAIGN_CLOSED,
    CAMPAIGN_FULL,
    NewMember,
    add_members,
    closed_because,
    memberships,
    remove_members,
    room_in,
)
from workflows.crm.services.campaigns import lock_campaign

SOURCE = "campaign"
BEGINNING, SPECIFIC_STEP = "beginning", "specific_step"
REPLACED = "removed_from_campaign"
UNUSABLE = {
    "workflow_not_found": "The campaign's workflow does not exist any more; give the campaign another one.",
    "workflow_not_active": "The campaign's workflow is not active; activate it.",
    "action_not_found": "The campaign's workflow has no such step in its current version; choose another `step_id`.",
}
GONE = Failed("invalid_config", "The campaign does not exist any more.", {"code": "campaign_not_found"})


@registry.register
class AddToCampaign(ActionType):
    """Let the contact join a campaign, whose workflow it enters.

    A contact that is a member already is passed over, or with `skip_if_enrolled: false` starts anew: what its campaign
    run had still to do is cancelled. Where the campaign is not open (`campaign_closed`) or has all the members that it
    takes (`campaign_full`), the contact goes on without and the step is logged as skipped with that reason.
    """

    slug = "add_to_campaign"
    label = "Add to campaign"
    category = Category.CRM
    icon = "campaign"
    example = {"campaign_id": "00000000-0000-4000-8000-000000000000"}
    results = {
        "campaign_id": "Id of the campaign.",
        "member_id": "Id of the membership.",
        "execution_id": "Id of the execution that runs the campaign's steps.",
        "restarted": "Whether the contact was a member before and started anew.",
        "reason": "Why it did not join: `already_enrolled`, `campaign_closed`, `campaign_full`, `contact_opted_out` or "
        "`loop_guard`.",
    }
    events = ("campaign_joined", "campaign_left")

    class Config(ActionConfig):
        campaign_id = ReferenceField("campaign", help_text="Id of the campaign.")
        start_position = ChoiceField(
            [BEGINNING, SPECIFIC_STEP], default=BEGINNING, help_text="Where in the campaign's workflow to start."
        )
        step_id = ReferenceField(
            "step",
            required=False,
            help_text="With `specific_step`: id of the action of the campaign's workflow to start at.",
        )
        skip_if_enrolled = BooleanField(
            default=True, help_text="Whether a member is passed over; else it starts the campaign anew."
        )

        hints = {"step_id": Hint(shown_when={"start_position": [SPECIFIC_STEP]})}

        def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
            if attrs["start_position"] == SPECIFIC_STEP and "step_id" not in attrs:
                raise ValidationError({"step_id": ErrorDetail("`specific_step` needs it.", code="required")})
            if attrs["start_position"] != SPECIFIC_STEP and "step_id" in attrs:
                detail = f"It does not belong to `{attrs['start_position']}`; leave it out."
                raise ValidationError({"step_id": ErrorDetail(detail, code="invalid")})
            if "step_id" in attrs:
                campaign = KINDS["campaign"].find(self.account_id, UUID(attrs["campaign_id"])).get()
                steps = KINDS["step"].find(self.account_id, UUID(attrs["step_id"]))
                if not steps.filter(workflow_id=campaign.workflow_id).exists():
                    detail = ErrorDetail("The campaign's workflow has no such step.", code="step_not_found")
                    raise ValidationError({"step_id": detail})
            return attrs

    def started_workflow(self, config: Mapping[str, Any], *, account_id: UUID) -> UUID | None:
        """Members are passed over, which ends any circle, unless they start anew."""
        if config.get("skip_if_enrolled", True) or "campaign_id" not in config:
            return None
        campaign = Campaign.objects.for_account(account_id).filter(id=config["campaign_id"]).first()
        return campaign.workflow_id if campaign else None

    def run_many(self, steps: StepBatch) -> Sequence[Outcome]:
        config = steps.config
        try:
            campaign = lock_campaign(account_id=steps.account.id, campaign_id=UUID(config["campaign_id"]))
        except Missing:
            return [GONE] * len(steps)
        result = {"campaign_id": config["campaign_id"]}
        if closed_because(campaign, steps.now):
            return [Skipped(CAMPAIGN_CLOSED, result, config)] * len(steps)
        present = memberships(campaign=campaign, contact_ids=[step.contact.id for step in steps])
        room = room_in(campaign)
        outcomes: list[Outcome] = []
        for step in steps:
            member = present.get(step.contact.id)
            if member and config["skip_if_enrolled"]:
                outcomes.append(Skipped(ALREADY_ENROLLED, result, config))
                continue
            if member is None and room is not None:
                if room == 0:
                    outcomes.append(Skipped(CAMPAIGN_FULL, result, config))
                    continue
                room -= 1
            outcomes.append(
                Enroll(
                    campaign.workflow_id,
                    SOURCE,
                    action_id=UUID(config["step_id"]) if "step_id" in config else None,
                    data={"campaign_id": str(campaign.id), "campaign_name": campaign.name},
                    replaces=(member.execution_id,) if member and member.execution_id else (),
                    replaced_reason=REPLACED,
                )
            )
        return outcomes

    def conclude_many(self, steps: StepBatch, verdicts: Sequence[Verdict]) -> Sequence[Outcome]:
        campaign = lock_campaign(account_id=steps.account.id, campaign_id=UUID(steps.config["campaign_id"]))
        pairs = list(zip(steps, verdicts, strict=True))
        leaving = {step.contact.id: step.cause for step, verdict in pairs if verdict.execution_id or verdict.cancelled}
        left = remove_members(campaign=campaign, causes=leaving, reason=LeftReason.REJOINED, now=steps.now)
        joining = [
            NewMember(step.contact.id, verdict.execution_id, step.cause)
            for step, verdict in pairs
            if verdict.execution_id
        ]
        ids = add_members(campaign=campaign, members=joining, now=steps.now)
        return [
            outcome(verdict, ids.get(step.contact.id), step.contact.id in left, steps.config) for step, verdict in pairs
        ]

    def summary(self, config: Mapping[str, Any]) -> str:
        return "At a certain step" if config.get("start_position") == SPECIFIC_STEP else "From the beginning"


def outcome(verdict: Verdict, member_id: UUID | None, was_member: bool, config: Mapping[str, Any]) -> Outcome:
    result = {"campaign_id": config["campaign_id"]}
    if verdict.refusal in UNUSABLE:
        return Failed("invalid_config", UNUSABLE[verdict.refusal], {**result, "code": verdict.refusal}, config)
    if verdict.refusal:
        return Skipped(verdict.refusal, result, config)
    return Done(
        {
            **result,
            "member_id": str(member_id),
            "execution_id": str(verdict.execution_id),
            "restarted": was_member,
        },
        config,
    )
