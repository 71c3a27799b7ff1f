"""What people do to single opportunities: each function locks the contact, does it and audits it."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts import audit
from accounts.actors import Actor
from accounts.models import Account
from accounts.problems import Invalid, Missing, Problem
from workflows.crm.copies import ContactCopy
from workflows.crm.models import Opportunity, OpportunityStatus
from workflows.crm.refusals import accepted
from workflows.crm.services.locking import lock_contacts
from workflows.crm.services.opportunities.creating import NO_MEMBER, NO_STAGE, OpportunityDraft, create_opportunities
from workflows.crm.services.opportunities.moving import Deal, Move, move_opportunities
from workflows.crm.services.opportunities.stages import StageFacts, hold_stages
from workflows.crm.services.tasks import active_members

OWN_FIELDS = ("name", "value", "currency", "owner_id", "source", "expected_close_on")
AUDITED = (*OWN_FIELDS, "pipeline_id", "stage_id", "status")


@transaction.atomic
def add_opportunity(
    *, account_id: UUID, actor: Actor, contact_id: UUID, pipeline_id: UUID, now: datetime, **values: Any
) -> Opportunity:
    """Make an opportunity with a contact; `values` are those of OpportunityDraft. Without currency: the account's.

    Refused: `stage_not_found`, `user_not_found`, a status that the stage does not allow.
    """
    contact = _locked_contact(account_id, contact_id)
    if not values.get("currency"):
        values["currency"] = Account.objects.values_list("currency", flat=True).get(id=account_id)
    if values.get("status") is not None:
        stages = hold_stages(account_id=account_id, pipeline_ids=[pipeline_id])
        stage_id = values.get("stage_id")
        stage = stages.get(stage_id) if stage_id else next(iter(stages.values()), None)
        _check_status(stage, values["status"])
    draft = OpportunityDraft(contact, pipeline_id, **values)
    created = accepted(create_opportunities(account_id=account_id, actor=actor, drafts=[draft], now=now)[0])
    opportunity = Opportunity.objects.for_account(account_id).get(id=created.opportunity_id)
    _record(opportunity, actor, "opportunity.created", {}, _facts(opportunity))
    return opportunity


@transaction.atomic
def change_opportunity(
    *, account_id: UUID, actor: Actor, opportunity_id: UUID, values: Mapping[str, Any], now: datetime
) -> Opportunity:
    """Change some of the own fields, `pipeline_id`, `stage_id` and `status`.

    Another pipeline without a stage means its first. A terminal stage decides the status; at an open one it may be
    any. Raises Missing, or Invalid (`stage_not_found`, `user_not_found`, a status that the stage does not allow).
    """
    opportunity = _locked(account_id, opportunity_id)
    before = _facts(opportunity)
    owner_id = values.get("owner_id")
    is_given = owner_id and owner_id != opportunity.owner_id
    if is_given and not active_members(account_id=account_id, user_ids={owner_id}):
        raise Invalid(*NO_MEMBER.problems)
    move = _move(opportunity, values)
    own = {name: value for name, value in values.items() if name in OWN_FIELDS and getattr(opportunity, name) != value}
    if own:
        Opportunity.objects.for_account(account_id).filter(id=opportunity.id).update(**own, updated_at=now)
        for name, value in own.items():
            setattr(opportunity, name, value)
        if move is not None:
            move.deal.name, move.deal.value, move.deal.currency = (
                opportunity.name,
                opportunity.value,
                opportunity.currency,
            )
    if move is not None:
        move_opportunities(account_id=account_id, actor=actor, moves=[move], now=now)
    opportunity.refresh_from_db()
    after = _facts(opportunity)
    if changed := [name for name in after if after[name] != before[name]]:
        _record(
            opportunity,
            actor,
            "opportunity.changed",
            {name: before[name] for name in changed},
            {name: after[name] for name in changed},
        )
    return opportunity


@transaction.atomic
def delete_opportunity(*, account_id: UUID, actor: Actor, opportunity_id: UUID) -> None:
    """Delete an opportunity with its history. Raises Missing."""
    opportunity = _locked(account_id, opportunity_id)
    _record(opportunity, actor, "opportunity.deleted", _facts(opportunity), {})
    opportunity.delete()


def _move(opportunity: Opportunity, values: Mapping[str, Any]) -> Move | None:
    """Return the move that the values ask for, or None; raises Invalid."""
    if not values.keys() & {"pipeline_id", "stage_id", "status"}:
        return None
    pipeline_id = values.get("pipeline_id", opportunity.pipeline_id)
    stages = hold_stages(account_id=opportunity.account_id, pipeline_ids={pipeline_id, opportunity.pipeline_id})
    stage = _wanted_stage(opportunity, values, stages, pipeline_id)
    if stage is None or stage.pipeline_id != pipeline_id:
        raise Invalid(*NO_STAGE.problems)
    status = values.get("status")
    if status is not None:
        _check_status(stage, status)
    elif stage.id == opportunity.stage_id:
        status = opportunity.status
    deal = Deal(
        opportunity.id,
        opportunity.contact_id,
        opportunity.name,
        opportunity.value,
        opportunity.currency,
        opportunity.pipeline_id,
        opportunity.stage_id,
        opportunity.status,
    )
    return Move(deal, stages[opportunity.stage_id], stage, status)


def _wanted_stage(
    opportunity: Opportunity, values: Mapping[str, Any], stages: Mapping[UUID, StageFacts], pipeline_id: UUID
) -> StageFacts | None:
    if "stage_id" in values:
        return stages.get(values["stage_id"])
    if pipeline_id == opportunity.pipeline_id:
        return stages[opportunity.stage_id]
    return next((stage for stage in stages.values() if stage.pipeline_id == pipeline_id), None)


def _check_status(stage: StageFacts | None, status: str) -> None:
    if stage is not None and stage.kind not in (OpportunityStatus.OPEN, status):
        detail = f"At the stage {stage.name} opportunities are {stage.kind}; move it to another stage."
        raise Invalid(Problem("invalid", detail, "status"))


def _locked_contact(account_id: UUID, contact_id: UUID) -> ContactCopy:
    contacts = lock_contacts(account_id=account_id, contact_ids=[contact_id])
    if not contacts:
        raise Invalid(Problem("contact_not_found", "There is no such contact in this account.", "contact_id"))
    return contacts[contact_id]


def _locked(account_id: UUID, opportunity_id: UUID) -> Opportunity:
    opportunities = Opportunity.objects.for_account(account_id).filter(id=opportunity_id)
    contact_id = opportunities.values_list("contact_id", flat=True).first()
    if contact_id is None or not lock_contacts(account_id=account_id, contact_ids=[contact_id]):
        raise Missing
    opportunity = opportunities.select_for_update(no_key=True).first()
    if opportunity is None:
        raise Missing
    return opportunity


def _facts(opportunity: Opportunity) -> dict[str, Any]:
    return {name: _as_json(getattr(opportunity, name)) for name in AUDITED}


def _as_json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return value if value is None or isinstance(value, str) else str(value)


def _record(opportunity: Opportunity, actor: Actor, verb: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    audit.record(
        account_id=opportunity.account_id,
        actor=actor,
        verb=verb,
        object_type="opportunity",
        object_id=opportunity.id,
        before=before,
        after=after,
    )
