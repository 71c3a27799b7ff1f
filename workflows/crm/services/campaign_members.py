"""Who is in a campaign: joining it and leaving it, many contacts at a time.

The engine calls these beside enrolling the contacts in the campaign's workflow. Contacts are locked before campaigns.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from uuid_utils.compat import uuid7

from workflows.crm import arrays
from workflows.crm.copies import BY_HAND, Cause
from workflows.crm.events import NewEvent, record_events
from workflows.crm.models import Campaign, CampaignMember, CampaignStatus, LeftReason

CAMPAIGN_CLOSED = "campaign_closed"
CAMPAIGN_FULL = "campaign_full"
ALREADY_ENROLLED = "already_enrolled"
NOTE_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Membership:
    """A stay in a campaign that is not over."""

    id: UUID
    contact_id: UUID
    execution_id: UUID | None


@dataclass(frozen=True, slots=True)
class NewMember:
    """A contact that joins, and the execution that runs the campaign's steps for it."""

    contact_id: UUID
    execution_id: UUID | None
    cause: Cause = BY_HAND


@dataclass(frozen=True, slots=True)
class Left:
    """A stay that was ended."""

    contact_id: UUID
    execution_id: UUID | None


def closed_because(campaign: Campaign, now: datetime) -> str:
    """Say in a sentence why nobody can join now; empty: contacts can."""
    if campaign.status != CampaignStatus.ACTIVE:
        return f"The campaign is {campaign.get_status_display().lower()}; nobody can join."
    if campaign.starts_at and now < campaign.starts_at:
        return f"The campaign starts at {campaign.starts_at.isoformat()}; nobody can join before."
    if campaign.ends_at and now >= campaign.ends_at:
        return f"The campaign ended at {campaign.ends_at.isoformat()}; nobody can join."
    return ""


def room_in(campaign: Campaign) -> int | None:
    """Return how many more contacts a locked campaign takes; None: any number."""
    if campaign.enrollment_limit is None:
        return None
    present = CampaignMember.objects.for_account(campaign.account_id).filter(campaign_id=campaign.id, left_at=None)
    return max(0, campaign.enrollment_limit - len(present.values_list("id")[: campaign.enrollment_limit]))


def memberships(*, campaign: Campaign, contact_ids: Collection[UUID]) -> dict[UUID, Membership]:
    """Return the present memberships of contacts by contact."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id, contact_id, execution_id FROM crm_campaignmember
            WHERE campaign_id = %s AND contact_id = ANY(%s::uuid[]) AND left_at IS NULL
            """,
            [campaign.id, arrays.ids(contact_ids)],
        )
        return {row[1]: Membership(*row) for row in cursor.fetchall()}


def add_members(*, campaign: Campaign, members: Sequence[NewMember], now: datetime) -> dict[UUID, UUID]:
    """Let contacts that are no members join; return the ids of the memberships by contact.

    Contacts and campaign are locked by the caller, who looked whether it is open and has room. Records
    `campaign_joined` for each.
    """
    if not members:
        return {}
    ids = {member.contact_id: uuid7() for member in members}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO crm_campaignmember (
                id, created_at, account_id, campaign_id, contact_id, joined_at, left_reason, note, execution_id,
                caused_by_id
            )
            SELECT id, %s, %s, %s, contact_id, %s, '', '', execution_id, caused_by_id
            FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[])
                 AS member (id, contact_id, execution_id, caused_by_id)
            """,
            [
                now,
                campaign.account_id,
                campaign.id,
                now,
                arrays.ids(ids.values()),
                arrays.ids(ids),
                arrays.ids([member.execution_id for member in members]),
                arrays.ids([member.cause.action_execution_id for member in members]),
            ],
        )
    data = _facts(campaign)
    events = [NewEvent(member.contact_id, "campaign_joined", data, member.cause) for member in members]
    record_events(account_id=campaign.account_id, events=events, now=now)
    return ids


def remove_members(
    *,
    campaign: Campaign,
    causes: Mapping[UUID, Cause],
    reason: LeftReason = LeftReason.REMOVED,
    note: str = "",
    now: datetime,
) -> dict[UUID, Left]:
    """End the memberships of the contacts that are the keys of `causes`; return those ended, by contact.

    The contacts are locked by the caller, who also cancels the executions. Records `campaign_left` for each.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE crm_campaignmember SET left_at = %s, left_reason = %s, note = %s
            WHERE campaign_id = %s AND contact_id = ANY(%s::uuid[]) AND left_at IS NULL
            RETURNING contact_id, execution_id
            """,
            [now, reason.value, note[:NOTE_LENGTH], campaign.id, arrays.ids(causes)],
        )
        left = {row[0]: Left(*row) for row in cursor.fetchall()}
    data = {**_facts(campaign), "reason": reason.value, "note": note[:NOTE_LENGTH]}
    events = [
        NewEvent(contact_id, "campaign_left", data, cause) for contact_id, cause in causes.items() if contact_id in left
    ]
    record_events(account_id=campaign.account_id, events=events, now=now)
    return left


def remove_everywhere(*, contact_ids: Collection[UUID], now: datetime) -> None:
    """End all memberships of contacts that are being deleted; no event: `contact_deleted` says it all."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE crm_campaignmember SET left_at = %s, left_reason = %s
            WHERE contact_id = ANY(%s::uuid[]) AND left_at IS NULL
            """,
            [now, LeftReason.CONTACT_DELETED.value, arrays.ids(contact_ids)],
        )


def _facts(campaign: Campaign) -> dict[str, str]:
    return {"campaign_id": str(campaign.id), "campaign_name": campaign.name}
