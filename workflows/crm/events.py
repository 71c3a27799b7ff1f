"""Recording facts: event rows, in the transaction of the change they tell of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import uuid_utils
from django.db import connection

from workflows.crm import arrays
from workflows.crm.copies import BY_HAND, Cause


@dataclass(slots=True, eq=False)
class NewEvent:
    """An event to record; the names and data of our own are listed in `catalogue.py`."""

    contact_id: UUID
    event_type: str
    data: Mapping[str, Any]
    cause: Cause = BY_HAND
    occurred_at: datetime | None = None
    source: str = ""
    event_id: str | None = None


def record_events(*, account_id: UUID, events: Sequence[NewEvent], now: datetime) -> None:
    """Write the events in one statement, in the order given.

    The caller holds the lock of every contact named (`lock_contacts`, or the contact was created in this
    transaction). `sequence` is drawn by the insert, that is under the lock, so that the order of one contact's events
    is the order in which the changes were committed. An event whose `(source, event_id)` is known already is left out.
    """
    if not events:
        return
    told = any(event.occurred_at or event.source or event.event_id for event in events)  # else unnest pads with nulls
    type_literals = {event_type: arrays.quoted(event_type) for event_type in {event.event_type for event in events}}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO crm_event (
                id, created_at, account_id, contact_id, event_type, occurred_at, source, event_id, caused_by_id, depth,
                data
            )
            SELECT id, %s, %s, contact_id, event_type, COALESCE(occurred_at, %s), COALESCE(source, ''), event_id,
                   caused_by_id, depth, data
            FROM ROWS FROM (
                unnest(
                    %s::uuid[], %s::uuid[], %s::text[], %s::uuid[], %s::smallint[],
                    %s::timestamptz[], %s::text[], %s::text[]
                ),
                jsonb_array_elements(%s::jsonb)
            ) AS event (id, contact_id, event_type, caused_by_id, depth, occurred_at, source, event_id, data)
            ON CONFLICT (account_id, source, event_id) WHERE event_id IS NOT NULL DO NOTHING
            """,
            [
                now,
                account_id,
                now,
                arrays.ids([str(uuid_utils.uuid7()) for _ in events]),
                arrays.ids([event.contact_id for event in events]),
                "{" + ",".join([type_literals[event.event_type] for event in events]) + "}",
                arrays.ids([event.cause.action_execution_id for event in events]),
                arrays.numbers([event.cause.depth for event in events]),
                arrays.times([event.occurred_at for event in events]) if told else "{}",
                arrays.texts([event.source for event in events]) if told else "{}",
                arrays.texts([event.event_id for event in events]) if told else "{}",
                arrays.objects([event.data for event in events]),
            ],
        )
