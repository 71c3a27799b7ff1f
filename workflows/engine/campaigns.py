"""Contacts join campaigns and leave them: the membership and the run of its workflow change in one transaction.

A campaign has no steps of its own: joining enrolls the contact in the campaign's workflow, leaving cancels that run.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from accounts import audit
from accounts.actors import Actor
from accounts.problems import Conflict, Invalid, Missing, Problem
from workflows.crm import arrays
from workflows.crm.copies import BY_HAND
from workflows.crm.models import Campaign, CampaignMember, CampaignStatus, LeftReason
from workflows.crm.services import campaign_members
from workflows.crm.services.campaign_members import CAMPAIGN_CLOSED, CAMPAIGN_FULL, NewMember
from workflows.crm.services.campaigns import lock_campaign
from workflows.crm.services.locking import lock_contact_rows
from workflows.engine.enroll import enroll
from workflows.engine.holding import end_executions
from workflows.engine.locks import share_workflow, share_workflows
from workflows.models import CompletionReason

SOURCE = "campaign"
PAGE_SIZE = 500


@transaction.atomic
def join_campaign(
    *,
    account_id: UUID,
    actor: Actor,
    campaign_id: UUID,
    contact_id: UUID,
    step_id: UUID | None = None,
    now: datetime,
) -> CampaignMember:
    """Let a contact join and enroll it in the campaign's workflow, at its first step or at `step_id`.

    Conflict `campaign_closed` (not active, or outside of its dates), `campaign_full`, `already_enrolled` (a member, or
    inside the workflow by another way), and whatever `enroll` raises; Invalid `contact_not_found` and, for a step that
    the workflow's current version does not have, `step_not_found`; Missing when the account has no such campaign.
    """
    workflow_id = workflow_of(account_id, campaign_id)
    share_workflow(workflow_id)
    lock_contact_rows(account_id=account_id, contact_ids=[contact_id])
    campaign = lock_campaign(account_id=account_id, campaign_id=campaign_id)
    require_workflow(campaign, workflow_id)
    if reason := campaign_members.closed_because(campaign, now):
        raise Conflict(CAMPAIGN_CLOSED, reason)
    if campaign_members.memberships(campaign=campaign, contact_ids=[contact_id]):
        raise Conflict("already_enrolled", "The contact is a member of the campaign.")
    if campaign_members.room_in(campaign) == 0:
        raise Conflict(CAMPAIGN_FULL, f"The campaign has all the {campaign.enrollment_limit} members that it takes.")
    try:
        execution = enroll(
            account_id=account_id,
            workflow_id=workflow_id,
            contact_id=contact_id,
            source=SOURCE,
            data=trigger_data(campaign),
            action_id=step_id,
            now=now,
        )
    except Missing:
        raise Invalid(Problem("contact_not_found", "There is no such contact in this account.", "contact_id")) from None
    except Invalid:
        detail = "The campaign's workflow has no such step in its current version."
        raise Invalid(Problem("step_not_found", detail, "step_id")) from None
    members = [NewMember(contact_id, execution.id, BY_HAND)]
    member_id = campaign_members.add_members(campaign=campaign, members=members, now=now)[contact_id]
    record(campaign, actor, "campaign.joined", contact_id)
    return CampaignMember.objects.for_account(account_id).get(id=member_id)


@transaction.atomic
def leave_campaign(
    *, account_id: UUID, actor: Actor, campaign_id: UUID, member_id: UUID, note: str = "", now: datetime
) -> CampaignMember:
    """End a membership and cancel what its run has still to do (`removed_from_campaign`); one that is over stays.

    Missing when the campaign has no such membership.
    """
    members = CampaignMember.objects.for_account(account_id).filter(campaign_id=campaign_id, id=member_id)
    member = members.first()
    if member is None:
        raise Missing
    left = end_memberships(account_id, campaign_id, [member], LeftReason.REMOVED, note, now)
    if left:
        campaign = Campaign.objects.for_account(account_id).get(id=campaign_id)
        record(campaign, actor, "campaign.left", member.contact_id, note)
    member.refresh_from_db()
    return member


def close_campaigns(*, now: datetime, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """End the campaigns whose time is over and the memberships of those that ended; return how many memberships.

    In pages, each a transaction of its own. Several may run at once and any may die: each membership is ended once.
    """
    count = 0
    last = UUID(int=0)
    while not is_stopping():
        due = Campaign.objects.filter(closes_at__lte=now, id__gt=last).order_by("id").first()
        if due is None:
            return count
        mark_ended(due, now)
        count += close(due, now, is_stopping)
        last = due.id
    return count


@transaction.atomic
def mark_ended(due: Campaign, now: datetime) -> None:
    """Let nobody join any more; from here on the members can only become fewer."""
    campaign = lock_campaign(account_id=due.account_id, campaign_id=due.id)
    if campaign.closes_at is None or campaign.closes_at > now:
        return
    Campaign.objects.filter(id=campaign.id).update(status=CampaignStatus.ENDED, updated_at=now)


def close(campaign: Campaign, now: datetime, is_stopping: Callable[[], bool]) -> int:
    """End the memberships of an ended campaign page by page, then note that there are none."""
    present = CampaignMember.objects.for_account(campaign.account_id).filter(campaign_id=campaign.id, left_at=None)
    count = 0
    while not is_stopping():
        if not Campaign.objects.filter(id=campaign.id, status=CampaignStatus.ENDED, closes_at__lte=now).exists():
            return count
        with transaction.atomic():
            page = list(present.order_by("id")[:PAGE_SIZE])
            count += end_memberships(
                campaign.account_id, campaign.id, page, LeftReason.CAMPAIGN_ENDED, "", now, only_if_ended=True
            )
        if not page:
            ended = Campaign.objects.filter(id=campaign.id, status=CampaignStatus.ENDED, closes_at__lte=now)
            ended.update(closes_at=None)
            return count
    return count


def end_memberships(
    account_id: UUID,
    campaign_id: UUID,
    members: Sequence[CampaignMember],
    reason: LeftReason,
    note: str,
    now: datetime,
    *,
    only_if_ended: bool = False,
) -> int:
    """End memberships and cancel their runs; return how many were not over yet.

    Locks in the one order: workflows, executions, contacts, then the memberships.
    """
    if not members:
        return 0
    execution_ids = lock_runs(account_id, [member.execution_id for member in members if member.execution_id])
    contact_ids = [member.contact_id for member in members]
    lock_contact_rows(account_id=account_id, contact_ids=contact_ids)
    campaign = lock_campaign(account_id=account_id, campaign_id=campaign_id)
    if only_if_ended and campaign.status != CampaignStatus.ENDED:
        return 0
    left = campaign_members.remove_members(
        campaign=campaign, causes=dict.fromkeys(contact_ids, BY_HAND), reason=reason, note=note, now=now
    )
    over = {each.execution_id for each in left.values()}
    ending = [execution_id for execution_id in execution_ids if execution_id in over]
    if ending:
        end_executions(execution_ids=ending, reason=CompletionReason.REMOVED_FROM_CAMPAIGN, now=now)
    return len(left)


def lock_runs(account_id: UUID, execution_ids: Sequence[UUID]) -> list[UUID]:
    """Hold the workflows of live executions, then lock and return those executions."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT workflow_id FROM workflow_executions WHERE account_id = %s AND id = ANY(%s::uuid[])",
            [account_id, arrays.ids(execution_ids)],
        )
        share_workflows([row[0] for row in cursor.fetchall()])
        cursor.execute(
            """
            SELECT id FROM workflow_executions
            WHERE account_id = %s AND id = ANY(%s::uuid[]) AND status IN ('queued', 'active', 'waiting', 'paused')
            ORDER BY id FOR NO KEY UPDATE
            """,
            [account_id, arrays.ids(execution_ids)],
        )
        return [row[0] for row in cursor.fetchall()]


def workflow_of(account_id: UUID, campaign_id: UUID) -> UUID:
    workflows = Campaign.objects.for_account(account_id).filter(id=campaign_id).values_list("workflow_id", flat=True)
    workflow_id: UUID | None = workflows.first()
    if workflow_id is None:
        raise Missing
    return workflow_id


def require_workflow(campaign: Campaign, workflow_id: UUID) -> None:
    """Refuse when the campaign was given another workflow after that was held."""
    if campaign.workflow_id != workflow_id:
        raise Conflict("invalid_transition", "The campaign's workflow was changed at this moment; try again.")


def trigger_data(campaign: Campaign) -> dict[str, str]:
    """Return what the campaign's steps see as `trigger.*`."""
    return {"campaign_id": str(campaign.id), "campaign_name": campaign.name}


def record(campaign: Campaign, actor: Actor, verb: str, contact_id: UUID, note: str = "") -> None:
    audit.record(
        account_id=campaign.account_id,
        actor=actor,
        verb=verb,
        object_type="campaign",
        object_id=campaign.id,
        before={},
        after={"contact_id": str(contact_id), **({"note": note} if note else {})},
    )
