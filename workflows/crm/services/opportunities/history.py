"""What is written whenever an opportunity comes to a stage: its history and the events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from uuid_utils.compat import uuid7

from accounts.actors import Actor
from workflows.crm import arrays
from workflows.crm.copies import Cause
from workflows.crm.events import NewEvent, record_events
from workflows.crm.models import OpportunityStatus
from workflows.crm.services.opportunities.stages import StageFacts


@dataclass(frozen=True, slots=True)
class Arrival:
    """An opportunity at the stage and in the status that it has come to; `came_from` is None for a new one."""

    opportunity_id: UUID
    contact_id: UUID
    name: str
    value: Decimal
    currency: str
    status: str
    stage: StageFacts
    cause: Cause
    came_from: StageFacts | None = None
    former_status: str | None = None


def record_arrivals(*, account_id: UUID, actor: Actor, arrivals: Sequence[Arrival], now: datetime) -> None:
    """Write a history row for each and its events: `deal_created` or `stage_changed`, and `deal_won` or `deal_lost`."""
    if not arrivals:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO crm_stageentry (
                id, created_at, account_id, entered_at, actor_id, actor_label, opportunity_id, pipeline_id, stage_id,
                stage_name, status, caused_by_id
            )
            SELECT id, %s, %s, %s, %s, %s, opportunity_id, pipeline_id, stage_id, stage_name, status, caused_by_id
            FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::uuid[])
                 AS entry (id, opportunity_id, pipeline_id, stage_id, stage_name, status, caused_by_id)
            """,
            [
                now,
                account_id,
                now,
                actor.user_id,
                actor.label[:200],
                arrays.ids([uuid7() for _ in arrivals]),
                arrays.ids([arrival.opportunity_id for arrival in arrivals]),
                arrays.ids([arrival.stage.pipeline_id for arrival in arrivals]),
                arrays.ids([arrival.stage.id for arrival in arrivals]),
                arrays.texts([arrival.stage.name for arrival in arrivals]),
                arrays.texts([arrival.status for arrival in arrivals]),
                arrays.ids([arrival.cause.action_execution_id for arrival in arrivals]),
            ],
        )
    events = [event for arrival in arrivals for event in _events(arrival)]
    record_events(account_id=account_id, events=events, now=now)


def _events(arrival: Arrival) -> list[NewEvent]:
    data = facts(arrival)
    names = []
    if arrival.former_status is None:
        names.append("deal_created")
    elif arrival.came_from is not None and arrival.came_from.id != arrival.stage.id:
        names.append("stage_changed")
    if arrival.status not in (OpportunityStatus.OPEN, arrival.former_status):
        names.append(f"deal_{arrival.status}")
    return [NewEvent(arrival.contact_id, name, data, arrival.cause) for name in names]


def facts(arrival: Arrival) -> dict[str, Any]:
    """Return what the events of an opportunity say."""
    came_from = arrival.came_from
    return {
        "opportunity_id": str(arrival.opportunity_id),
        "name": arrival.name,
        "pipeline_id": str(arrival.stage.pipeline_id),
        "pipeline_name": arrival.stage.pipeline_name,
        "stage_id": str(arrival.stage.id),
        "stage_name": arrival.stage.name,
        "previous_stage_id": str(came_from.id) if came_from else None,
        "previous_stage_name": came_from.name if came_from else None,
        "status": arrival.status,
        "value": float(arrival.value),
        "currency": arrival.currency,
    }
