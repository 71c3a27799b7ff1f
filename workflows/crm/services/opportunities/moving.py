"""Moving opportunities to other stages."""

import enum
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection

from accounts.actors import Actor
from workflows.crm import arrays
from workflows.crm.copies import BY_HAND, Cause
from workflows.crm.services.opportunities.history import Arrival, record_arrivals
from workflows.crm.services.opportunities.stages import StageFacts


class Selector(enum.StrEnum):
    """Which of a contact's opportunities in a pipeline is meant."""

    FIRST = "first"
    LATEST = "latest"


@dataclass(slots=True, eq=False)
class Deal:
    """An opportunity of a locked contact, as moves bring it up to date."""

    id: UUID
    contact_id: UUID
    name: str
    value: Decimal
    currency: str
    pipeline_id: UUID
    stage_id: UUID
    status: str


@dataclass(frozen=True, slots=True)
class Move:
    """An opportunity on its way to a stage; `status` is that of the stage unless given, which an open stage allows."""

    deal: Deal
    came_from: StageFacts
    stage: StageFacts
    status: str | None = None
    cause: Cause = BY_HAND

    @property
    def new_status(self) -> str:
        return self.stage.kind if self.status is None else self.status

    @property
    def changes_something(self) -> bool:
        return (self.stage.id, self.new_status) != (self.deal.stage_id, self.deal.status)


_COLUMNS = "id, contact_id, name, value, currency, pipeline_id, stage_id, status"


def opportunities_of(
    *, account_id: UUID, contact_ids: Collection[UUID], pipeline_id: UUID, selector: Selector
) -> dict[UUID, Deal]:
    """Return the first or latest opportunity of each contact in a pipeline: an open one, else one that is closed.

    The contacts are locked by the caller, and thereby their opportunities.
    """
    direction = "ASC" if selector is Selector.FIRST else "DESC"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT DISTINCT ON (contact_id) {_COLUMNS} FROM crm_opportunity
            WHERE account_id = %s AND contact_id = ANY(%s::uuid[]) AND pipeline_id = %s
            ORDER BY contact_id, status = 'open' DESC, id {direction}
            """,  # noqa: S608 - one of two constants
            [account_id, arrays.ids(contact_ids), pipeline_id],
        )
        return {row[1]: Deal(*row) for row in cursor.fetchall()}


def opportunities_by_id(*, account_id: UUID, opportunity_ids: Collection[UUID]) -> dict[UUID, Deal]:
    """Return the account's opportunities; their contacts are locked by the caller."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM crm_opportunity WHERE account_id = %s AND id = ANY(%s::uuid[])",  # noqa: S608
            [account_id, arrays.ids(opportunity_ids)],
        )
        return {row[0]: Deal(*row) for row in cursor.fetchall()}


def move_opportunities(*, account_id: UUID, actor: Actor, moves: Sequence[Move], now: datetime) -> list[bool]:
    """Move each opportunity, at most once in a call; return for each whether it changed.

    The contacts are locked by the caller, the stages held (`hold_stages`). Terminal stages close opportunities, open
    ones open them again. Records `stage_changed`, and `deal_won` or `deal_lost` where that is new.
    """
    changed = [move for move in moves if move.changes_something]
    answers = [move.changes_something for move in moves]
    if not changed:
        return answers
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE crm_opportunity
            SET pipeline_id = moved.pipeline_id, stage_id = moved.stage_id, status = moved.status, updated_at = %s,
                stage_entered_at =
                    CASE WHEN crm_opportunity.stage_id = moved.stage_id THEN crm_opportunity.stage_entered_at
                         ELSE %s END,
                closed_at = CASE WHEN moved.status = 'open' THEN NULL
                                 WHEN crm_opportunity.status = moved.status THEN crm_opportunity.closed_at
                                 ELSE %s END
            FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[]) AS moved (id, pipeline_id, stage_id, status)
            WHERE crm_opportunity.id = moved.id
            """,
            [
                now,
                now,
                now,
                arrays.ids([move.deal.id for move in changed]),
                arrays.ids([move.stage.pipeline_id for move in changed]),
                arrays.ids([move.stage.id for move in changed]),
                arrays.texts([move.new_status for move in changed]),
            ],
        )
    arrivals = [_arrival(move) for move in changed]
    record_arrivals(account_id=account_id, actor=actor, arrivals=arrivals, now=now)
    for move in changed:
        move.deal.pipeline_id, move.deal.stage_id = move.stage.pipeline_id, move.stage.id
        move.deal.status = move.new_status
    return answers


def _arrival(move: Move) -> Arrival:
    return Arrival(
        opportunity_id=move.deal.id,
        contact_id=move.deal.contact_id,
        name=move.deal.name,
        value=move.deal.value,
        currency=move.deal.currency,
        status=move.new_status,
        stage=move.stage,
        cause=move.cause,
        came_from=move.came_from,
        former_status=move.deal.status,
    )
