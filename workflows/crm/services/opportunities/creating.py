"""Making opportunities."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection
from uuid_utils.compat import uuid7

from accounts.actors import Actor
from accounts.problems import Problem
from workflows.crm import arrays
from workflows.crm.copies import BY_HAND, Cause, ContactCopy
from workflows.crm.models import OpportunityStatus
from workflows.crm.refusals import Refused
from workflows.crm.services.opportunities.history import Arrival, record_arrivals
from workflows.crm.services.opportunities.stages import StageFacts, hold_stages
from workflows.crm.services.tasks import active_members

NO_STAGE = Refused((Problem("stage_not_found", "The pipeline has no such stage; name one that it has.", "stage_id"),))
NO_MEMBER = Refused(
    (Problem("user_not_found", "owner_id names nobody who is an active member of this account.", "owner_id"),)
)


@dataclass(slots=True, eq=False)
class OpportunityDraft:
    """An opportunity to make with a locked contact.

    `name` has 1–200 characters, `value` ≥ 0 with at most 3 decimal places, `currency` is an ISO 4217 code. Without a
    stage it begins at the first. `unless_open`: not when the contact has an open one in the pipeline.
    """

    contact: ContactCopy
    pipeline_id: UUID
    name: str
    currency: str
    stage_id: UUID | None = None
    value: Decimal = Decimal(0)
    status: str | None = None
    owner_id: UUID | None = None
    source: str = ""
    expected_close_on: date | None = None
    unless_open: bool = False
    cause: Cause = BY_HAND


@dataclass(frozen=True, slots=True)
class Created:
    """The opportunity that was made, or, `is_new` unset, the open one that was there already."""

    opportunity_id: UUID
    stage_id: UUID
    is_new: bool


def create_opportunities(
    *, account_id: UUID, actor: Actor, drafts: Sequence[OpportunityDraft], now: datetime
) -> list[Created | Refused]:
    """Make the opportunities; the contacts are locked by the caller, whose locks also order who comes first.

    Refused alone: a stage that the pipeline does not have, an owner who is no active member. Records `deal_created`,
    and `deal_won` or `deal_lost` for one that begins there. The number of queries does not depend on that of drafts.
    """
    if not drafts:
        return []
    stages = hold_stages(account_id=account_id, pipeline_ids={draft.pipeline_id for draft in drafts})
    first: dict[UUID, StageFacts] = {}
    for stage in stages.values():
        first.setdefault(stage.pipeline_id, stage)
    members = active_members(account_id=account_id, user_ids={draft.owner_id for draft in drafts})
    open_ones = open_opportunities(
        account_id=account_id, contact_ids={draft.contact.id for draft in drafts if draft.unless_open}
    )
    answers: list[Created | Refused] = []
    made: list[tuple[OpportunityDraft, Arrival]] = []
    for draft in drafts:
        stage = stages.get(draft.stage_id) if draft.stage_id else first.get(draft.pipeline_id)  # type: ignore[assignment]
        key = (draft.contact.id, draft.pipeline_id)
        if stage is None or stage.pipeline_id != draft.pipeline_id:
            answers.append(NO_STAGE)
        elif draft.owner_id is not None and draft.owner_id not in members:
            answers.append(NO_MEMBER)
        elif draft.unless_open and key in open_ones:
            answers.append(open_ones[key])
        else:
            arrival = _arrival(draft, stage)
            made.append((draft, arrival))
            answers.append(Created(arrival.opportunity_id, stage.id, is_new=True))
            if arrival.status == OpportunityStatus.OPEN:
                open_ones[key] = Created(arrival.opportunity_id, stage.id, is_new=False)
    _insert(account_id, made, now)
    record_arrivals(account_id=account_id, actor=actor, arrivals=[arrival for _, arrival in made], now=now)
    return answers


def open_opportunities(*, account_id: UUID, contact_ids: Collection[UUID]) -> dict[tuple[UUID, UUID], Created]:
    """Return the latest open opportunity of each contact by (contact, pipeline)."""
    if not contact_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT ON (contact_id, pipeline_id) contact_id, pipeline_id, id, stage_id FROM crm_opportunity
            WHERE account_id = %s AND contact_id = ANY(%s::uuid[]) AND status = 'open'
            ORDER BY contact_id, pipeline_id, id DESC
            """,
            [account_id, arrays.ids(contact_ids)],
        )
        return {(row[0], row[1]): Created(row[2], row[3], is_new=False) for row in cursor.fetchall()}


def _arrival(draft: OpportunityDraft, stage: StageFacts) -> Arrival:
    return Arrival(
        opportunity_id=uuid7(),
        contact_id=draft.contact.id,
        name=draft.name,
        value=draft.value,
        currency=draft.currency,
        status=stage.kind if draft.status is None else draft.status,
        stage=stage,
        cause=draft.cause,
    )


def _insert(account_id: UUID, made: Sequence[tuple[OpportunityDraft, Arrival]], now: datetime) -> None:
    if not made:
        return
    columns: Mapping[str, tuple[str, str]] = {
        "id": ("uuid", arrays.ids([arrival.opportunity_id for _, arrival in made])),
        "contact_id": ("uuid", arrays.ids([draft.contact.id for draft, _ in made])),
        "pipeline_id": ("uuid", arrays.ids([draft.pipeline_id for draft, _ in made])),
        "stage_id": ("uuid", arrays.ids([arrival.stage.id for _, arrival in made])),
        "name": ("text", arrays.texts([draft.name for draft, _ in made])),
        "value": ("numeric", arrays.texts([str(draft.value) for draft, _ in made])),
        "currency": ("text", arrays.texts([draft.currency for draft, _ in made])),
        "status": ("text", arrays.texts([arrival.status for _, arrival in made])),
        "owner_id": ("uuid", arrays.ids([draft.owner_id for draft, _ in made])),
        "source": ("text", arrays.texts([draft.source for draft, _ in made])),
        "expected_close_on": (
            "date",
            arrays.texts([day.isoformat() if (day := draft.expected_close_on) else None for draft, _ in made]),
        ),
        "caused_by_id": ("uuid", arrays.ids([draft.cause.action_execution_id for draft, _ in made])),
    }
    names = ", ".join(columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO crm_opportunity (created_at, updated_at, account_id, stage_entered_at, closed_at, {names})
            SELECT %s, %s, %s, %s, CASE WHEN status = 'open' THEN NULL ELSE %s::timestamptz END, {names}
            FROM unnest({", ".join(f"%s::{kind}[]" for kind, _ in columns.values())}) AS made ({names})
            """,  # noqa: S608 - only names listed above
            [now, now, account_id, now, now, *(literal for _, literal in columns.values())],
        )
