"""The account's campaigns: making, changing, ending and deleting them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts import audit
from accounts.actors import Actor
from accounts.problems import Conflict, Invalid, Missing, Problem
from workflows.crm.models import Campaign, CampaignMember, CampaignStatus
from workflows.crm.services.naming import unless_name_taken

FIELDS = ("name", "description", "status", "workflow_id", "starts_at", "ends_at", "enrollment_limit")
MAXIMUM_LIMIT = 1_000_000


@transaction.atomic
def create_campaign(*, account_id: UUID, actor: Actor, workflow_id: UUID, name: str, **values: Any) -> Campaign:
    """Make a campaign; `values` are its other fields. A `draft` unless told otherwise.

    The caller knows that the account has the workflow. Raises Conflict (`name_taken`), Invalid when it would end before
    it starts.
    """
    campaign = Campaign(account_id=account_id, workflow_id=workflow_id, name=name.strip(), **values)
    if campaign.status == CampaignStatus.ENDED:
        raise Invalid(Problem("invalid", "A campaign cannot be made ended.", "status"))
    _check(campaign)
    campaign.closes_at = campaign.ends_at
    with unless_name_taken("a campaign", campaign.name):
        campaign.save(force_insert=True)
    _record(campaign, actor, "campaign.created", {}, _facts(campaign))
    return campaign


@transaction.atomic
def change_campaign(
    *, account_id: UUID, actor: Actor, campaign_id: UUID, values: Mapping[str, Any], now: datetime
) -> Campaign:
    """Change some of its fields; an ended campaign is open again when its status is changed.

    Setting `status` to `ended` ends it at once; memberships are ended soon after, by a tick. Raises Missing, Conflict
    (`name_taken`; `invalid_transition` for another workflow while it has members), Invalid when it would end before it
    starts or is opened again after its end.
    """
    campaign = lock_campaign(account_id=account_id, campaign_id=campaign_id)
    before = _facts(campaign)
    for name, value in values.items():
        setattr(campaign, name, value.strip() if name == "name" else value)
    after = _facts(campaign)
    changed = [name for name in FIELDS if after[name] != before[name]]
    if not changed:
        return campaign
    _check(campaign)
    if "workflow_id" in changed and _has_members(campaign):
        detail = "Members are in the campaign's workflow; remove them first, or make another campaign."
        raise Conflict("invalid_transition", detail, "workflow_id")
    is_ended = campaign.status == CampaignStatus.ENDED
    if not is_ended and before["status"] == CampaignStatus.ENDED and campaign.ends_at and campaign.ends_at <= now:
        raise Invalid(Problem("invalid", "The campaign's end has passed; move it or leave it out.", "ends_at"))
    if "status" in changed or "ends_at" in changed:
        campaign.closes_at = _closing(campaign, now)
    campaign.updated_at = now
    with unless_name_taken("a campaign", campaign.name):
        campaign.save(update_fields=[*changed, "closes_at", "updated_at"])
    _record(
        campaign,
        actor,
        "campaign.changed",
        {name: before[name] for name in changed},
        {name: after[name] for name in changed},
    )
    return campaign


@transaction.atomic
def delete_campaign(*, account_id: UUID, actor: Actor, campaign_id: UUID) -> None:
    """Delete a campaign and the record of who was in it; 409 `invalid_transition` while it has members."""
    campaign = lock_campaign(account_id=account_id, campaign_id=campaign_id)
    if _has_members(campaign):
        raise Conflict("invalid_transition", "The campaign has members; end it first.")
    _record(campaign, actor, "campaign.deleted", _facts(campaign), {})
    campaign.delete()


def lock_campaign(*, account_id: UUID, campaign_id: UUID) -> Campaign:
    """Return the campaign under its lock, which whoever joins takes too; raises Missing."""
    campaigns = Campaign.objects.for_account(account_id).filter(id=campaign_id)
    campaign: Campaign | None = campaigns.select_for_update(no_key=True).first()
    if campaign is None:
        raise Missing
    return campaign


def _closing(campaign: Campaign, now: datetime) -> datetime | None:
    """Return when memberships are to be ended."""
    if campaign.status != CampaignStatus.ENDED:
        return campaign.ends_at
    return now if _has_members(campaign) else None


def _has_members(campaign: Campaign) -> bool:
    members = CampaignMember.objects.for_account(campaign.account_id).filter(campaign_id=campaign.id, left_at=None)
    return members.exists()


def _check(campaign: Campaign) -> None:
    if campaign.starts_at and campaign.ends_at and campaign.ends_at <= campaign.starts_at:
        raise Invalid(Problem("invalid", "A campaign ends after it starts; move one of both.", "ends_at"))


def _facts(campaign: Campaign) -> dict[str, Any]:
    facts = {name: getattr(campaign, name) for name in FIELDS}
    for name in ("starts_at", "ends_at"):
        facts[name] = facts[name].isoformat() if facts[name] else None
    return {**facts, "workflow_id": str(campaign.workflow_id)}


def _record(campaign: Campaign, actor: Actor, verb: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    audit.record(
        account_id=campaign.account_id,
        actor=actor,
        verb=verb,
        object_type="campaign",
        object_id=campaign.id,
        before=before,
        after=after,
    )
