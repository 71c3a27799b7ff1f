"""The action `create_opportunity`."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from rest_framework.exceptions import ValidationError

from accounts.standards import is_currency
from workflows.actions.base import Category, Step, StepBatch, shortened
from workflows.actions.config import ActionConfig
from workflows.actions.outcomes import Done, Failed, Outcome
from workflows.actions.registry import registry
from workflows.actions.set_based import INVALID_CONFIG, SetBasedAction, Unfit, rendered
from workflows.configs.amounts import VALUE_LENGTH, AmountField, read_amount
from workflows.configs.fields import ChoiceField, TemplateField, TextField
from workflows.configs.pipelines import check_stage
from workflows.configs.references import ReferenceField
from workflows.crm.refusals import Refused
from workflows.crm.services.opportunities import Created, OpportunityDraft, create_opportunities
from workflows.crm.services.tasks import active_members

NAME_LIMIT = 200
POLICIES = ("skip_if_open", "allow")


class CurrencyField(TextField):
    """An ISO 4217 code, stored in capitals."""

    def to_internal_value(self, data: Any) -> str:
        code = super().to_internal_value(data).upper()
        if not is_currency(code):
            raise ValidationError("Give an ISO 4217 code of money in circulation, e.g. EUR.", code="invalid")
        return code


@registry.register
class CreateOpportunity(SetBasedAction[OpportunityDraft]):
    """Create an opportunity with the contact.

    It belongs to the contact's owner. Where the contact has an open one in the pipeline already, `duplicate_policy`
    says whether there is to be another; if not, the step tells which one it is and goes on.
    """

    slug = "create_opportunity"
    label = "Create opportunity"
    category = Category.INTERNAL
    icon = "handshake"
    example = {
        "pipeline_id": "0199c0de-0000-7000-8000-000000000001",
        "name": "Order of {{ contact.name | truncate: 150 }}",
        "value": 1200,
        "currency": "EUR",
    }
    results = {
        "opportunity_id": "Id of the opportunity that was created, or of the open one that was there.",
        "stage_id": "Id of the stage it is at.",
        "created": "Whether it is new.",
    }
    events = ("deal_created", "deal_won", "deal_lost")

    class Config(ActionConfig):
        pipeline_id = ReferenceField("pipeline", help_text="Id of a pipeline.")
        stage_id = ReferenceField(
            "stage", required=False, help_text="Id of a stage of that pipeline; left out: its first."
        )
        name = TemplateField(max_length=NAME_LIMIT, help_text="What it is called, 1–200 characters when rendered.")
        value = AmountField(
            required=False,
            help_text="What it is worth, ≥ 0 with at most 3 decimal places: a number, or a template that renders to "
            "one; left out or rendered empty: 0.",
        )
        currency = CurrencyField(
            required=False, max_length=3, help_text="ISO 4217 code of the value; left out: the account's."
        )
        duplicate_policy = ChoiceField(
            POLICIES,
            default="skip_if_open",
            help_text="When the contact has an open opportunity in the pipeline: `skip_if_open` keeps that one, "
            "`allow` creates another.",
        )

        def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
            check_stage(attrs["pipeline_id"], attrs.get("stage_id"))
            return attrs

    def prepare(self, step: Step, config: Mapping[str, Any]) -> OpportunityDraft:
        assert step.batch is not None
        stage_id = config.get("stage_id")
        return OpportunityDraft(
            contact=step.contact,
            pipeline_id=UUID(config["pipeline_id"]),
            stage_id=UUID(stage_id) if stage_id else None,
            name=rendered(step, config["name"], field="name", limit=NAME_LIMIT, required=True),
            value=amount(step, config.get("value", 0)),
            currency=config.get("currency") or step.batch.account.currency,
            owner_id=step.contact.owner_id,
            unless_open=config["duplicate_policy"] == "skip_if_open",
            cause=step.cause,
        )

    def write(self, batch: StepBatch, drafts: Sequence[OpportunityDraft]) -> Sequence[Outcome]:
        members = active_members(account_id=batch.account.id, user_ids={draft.owner_id for draft in drafts})
        for draft in drafts:
            draft.owner_id = draft.owner_id if draft.owner_id in members else None
        answers = create_opportunities(account_id=batch.account.id, actor=batch.actor, drafts=drafts, now=batch.now)
        return [outcome(draft, answer) for draft, answer in zip(drafts, answers, strict=True)]

    def summary(self, config: Mapping[str, Any]) -> str:
        return shortened(str(config.get("name", "")))


def amount(step: Step, value: Any) -> Decimal:
    text = rendered(step, value, field="value", limit=VALUE_LENGTH) if isinstance(value, str) else str(value)
    try:
        return read_amount(text or "0")
    except ValueError as problem:
        raise Unfit(f"value: {problem}") from None


def outcome(draft: OpportunityDraft, answer: Created | Refused) -> Outcome:
    data = {"name": draft.name, "value": float(draft.value), "currency": draft.currency}
    if isinstance(answer, Refused):
        return Failed(INVALID_CONFIG, answer.detail, data=data)
    return Done(
        {
            "opportunity_id": str(answer.opportunity_id),
            "stage_id": str(answer.stage_id),
            "created": answer.is_new,
        },
        data=data,
    )
