"""The action `move_pipeline_stage`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from rest_framework.exceptions import ValidationError

from workflows.actions.base import Category, Step, StepBatch, shortened
from workflows.actions.config import ActionConfig
from workflows.actions.outcomes import Done, Failed, Outcome, Skipped
from workflows.actions.registry import registry
from workflows.actions.set_based import INVALID_CONFIG, REJECTED, SetBasedAction, rendered
from workflows.configs.fields import BooleanField, ChoiceField, TemplateField
from workflows.configs.pipelines import check_opportunity, check_stage
from workflows.configs.references import ReferenceField
from workflows.crm.refusals import Refused
from workflows.crm.services.opportunities import (
    Created,
    Move,
    OpportunityDraft,
    Selector,
    create_opportunities,
    hold_stages,
    move_opportunities,
    opportunities_of,
)
from workflows.crm.services.opportunities.moving import Deal, opportunities_by_id
from workflows.crm.services.opportunities.stages import StageFacts
from workflows.crm.services.tasks import active_members
from workflows.templating import compile_template

SPECIFIC = "specific"
ID_LENGTH = 64
NAME_LIMIT = 200
NONE_THERE = "The contact has no such opportunity."
NOT_BACKWARD = "The opportunity is further on already; moving backward is not allowed."


@dataclass(slots=True, eq=False)
class Draft:
    """A contact whose opportunity is to be moved; `wanted` is the rendered id where a specific one is meant."""

    step: Step
    wanted: str | None
    deal: Deal | None = None


@registry.register
class MovePipelineStage(SetBasedAction[Draft]):
    """Move an opportunity of the contact to a stage.

    `first` and `latest` mean the oldest and the newest of the contact's opportunities in the pipeline: of the open
    ones, or, where none is open, of those that are closed. A won or lost stage closes the opportunity, another one
    opens it again. One that is at the stage already stays as it is and no event is recorded.
    """

    slug = "move_pipeline_stage"
    label = "Move to pipeline stage"
    category = Category.CRM
    icon = "view_kanban"
    example = {
        "pipeline_id": "0199c0de-0000-7000-8000-000000000001",
        "stage_id": "0199c0de-0000-7000-8000-000000000002",
        "if_none": "create",
    }
    results = {
        "opportunity_id": "Id of the opportunity.",
        "stage_id": "Id of the stage it is at.",
        "previous_stage_id": "Id of the stage it was at; null: it was created.",
        "status": "Its status: open, won or lost.",
        "created": "Whether it was created.",
        "changed": "Whether anything changed.",
    }
    events = ("deal_created", "stage_changed", "deal_won", "deal_lost")

    class Config(ActionConfig):
        pipeline_id = ReferenceField("pipeline", help_text="Id of a pipeline.")
        stage_id = ReferenceField("stage", help_text="Id of the stage of that pipeline to move to.")
        opportunity_selector = ChoiceField(
            [Selector.LATEST.value, Selector.FIRST.value, SPECIFIC],
            default=Selector.LATEST.value,
            help_text="Which of the contact's opportunities: the newest or oldest in the pipeline, or the one that "
            "`opportunity_id` names.",
        )
        opportunity_id = TemplateField(
            max_length=ID_LENGTH,
            required=False,
            help_text="With `specific`: id of an opportunity, or a template such as "
            "`{{ steps.create_opportunity.opportunity_id }}`; one of another contact counts as none.",
        )
        allow_backward = BooleanField(
            default=True, help_text="Whether it may move to an earlier stage of its pipeline; if not, it is skipped."
        )
        if_none = ChoiceField(
            ["skip", "fail", "create"],
            default="skip",
            help_text="When there is no such opportunity: skip the step, fail it, or create one at the stage, named "
            "after the contact.",
        )

        def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
            check_stage(attrs["pipeline_id"], attrs["stage_id"])
            is_specific = attrs["opportunity_selector"] == SPECIFIC
            if is_specific and "opportunity_id" not in attrs:
                raise ValidationError({"opportunity_id": ["Say which opportunity is meant."]}, code="required")
            if not is_specific and "opportunity_id" in attrs:
                detail = "Leave it out, or set `opportunity_selector` to `specific`."
                raise ValidationError({"opportunity_id": [detail]}, code="invalid")
            if is_specific and compile_template(attrs["opportunity_id"]).is_plain:
                check_opportunity(attrs["opportunity_id"].strip(), account_id=self.account_id)
            return attrs

    def prepare(self, step: Step, config: Mapping[str, Any]) -> Draft:
        if config["opportunity_selector"] != SPECIFIC:
            return Draft(step, None)
        return Draft(step, rendered(step, config["opportunity_id"], field="opportunity_id", limit=ID_LENGTH))

    def write(self, batch: StepBatch, drafts: Sequence[Draft]) -> Sequence[Outcome]:
        config, account_id = batch.config, batch.account.id
        pipeline_id, stage_id = UUID(config["pipeline_id"]), UUID(config["stage_id"])
        find_deals(batch, drafts)
        pipelines = {pipeline_id, *(draft.deal.pipeline_id for draft in drafts if draft.deal)}
        stages = hold_stages(account_id=account_id, pipeline_ids=pipelines)
        stage = stages.get(stage_id)
        if stage is None or stage.pipeline_id != pipeline_id:
            return [Failed(INVALID_CONFIG, "The stage does not exist any more; choose another.")] * len(drafts)
        outcomes: dict[int, Outcome] = {}
        moves: dict[int, Move] = {}
        missing: dict[int, Draft] = {}
        for index, draft in enumerate(drafts):
            if draft.deal is None:
                missing[index] = draft
                continue
            present = stages[draft.deal.stage_id]
            if is_backward(present, stage) and not config["allow_backward"]:
                outcomes[index] = Skipped(NOT_BACKWARD, result(draft.deal, present, changed=False))
            else:
                status = draft.deal.status if present == stage else None
                moves[index] = Move(draft.deal, present, stage, status, draft.step.cause)
        changed = move_opportunities(
            account_id=account_id, actor=batch.actor, moves=list(moves.values()), now=batch.now
        )
        for (index, move), was_changed in zip(moves.items(), changed, strict=True):
            outcomes[index] = Done(result(move.deal, move.came_from, changed=was_changed))
        outcomes |= dict(zip(missing, self.without(batch, list(missing.values()), stage), strict=True))
        return [outcomes[index] for index in range(len(drafts))]

    def without(self, batch: StepBatch, drafts: Sequence[Draft], stage: StageFacts) -> Sequence[Outcome]:
        """Return the outcomes of contacts that have no such opportunity."""
        match batch.config["if_none"]:
            case "skip":
                return [Skipped(NONE_THERE)] * len(drafts)
            case "fail":
                return [Failed(REJECTED, NONE_THERE)] * len(drafts)
        owner_ids = {draft.step.contact.owner_id for draft in drafts}
        members = active_members(account_id=batch.account.id, user_ids=owner_ids)
        new = [draft_of(draft.step, batch, stage, members) for draft in drafts]
        answers = create_opportunities(account_id=batch.account.id, actor=batch.actor, drafts=new, now=batch.now)
        return [created(answer, stage) for answer in answers]

    def summary(self, config: Mapping[str, Any]) -> str:
        which = {"first": "oldest", SPECIFIC: "given"}.get(str(config.get("opportunity_selector")), "newest")
        return shortened(f"Move the {which} opportunity")


def find_deals(batch: StepBatch, drafts: Sequence[Draft]) -> None:
    """Give each draft the opportunity that is meant, if the contact has it."""
    config, account_id = batch.config, batch.account.id
    if config["opportunity_selector"] == SPECIFIC:
        wanted = {draft: found for draft in drafts if (found := uuid_or_none(draft.wanted))}
        by_id = opportunities_by_id(account_id=account_id, opportunity_ids=set(wanted.values()))
        for draft, opportunity_id in wanted.items():
            deal = by_id.get(opportunity_id)
            draft.deal = deal if deal is not None and deal.contact_id == draft.step.contact.id else None
        return
    deals = opportunities_of(
        account_id=account_id,
        contact_ids={draft.step.contact.id for draft in drafts},
        pipeline_id=UUID(config["pipeline_id"]),
        selector=Selector(config["opportunity_selector"]),
    )
    for draft in drafts:
        draft.deal = deals.get(draft.step.contact.id)


def uuid_or_none(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def is_backward(present: StageFacts, wanted: StageFacts) -> bool:
    return present.pipeline_id == wanted.pipeline_id and wanted.position < present.position


def draft_of(step: Step, batch: StepBatch, stage: StageFacts, members: set[UUID]) -> OpportunityDraft:
    contact = step.contact
    name = f"{contact.first_name} {contact.last_name}".strip() or contact.email or contact.phone or "Opportunity"
    return OpportunityDraft(
        contact=contact,
        pipeline_id=stage.pipeline_id,
        stage_id=stage.id,
        name=name[:NAME_LIMIT],
        currency=batch.account.currency,
        owner_id=contact.owner_id if contact.owner_id in members else None,
        cause=step.cause,
    )


def created(answer: Created | Refused, stage: StageFacts) -> Outcome:
    if isinstance(answer, Refused):
        return Failed(INVALID_CONFIG, answer.detail)
    return Done(
        {
            "opportunity_id": str(answer.opportunity_id),
            "stage_id": str(stage.id),
            "previous_stage_id": None,
            "status": stage.kind,
            "created": True,
            "changed": True,
        }
    )


def result(deal: Deal, came_from: StageFacts, *, changed: bool) -> dict[str, Any]:
    return {
        "opportunity_id": str(deal.id),
        "stage_id": str(deal.stage_id),
        "previous_stage_id": str(came_from.id),
        "status": deal.status,
        "created": False,
        "changed": changed,
    }
