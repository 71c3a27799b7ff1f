"""Calls as rows: planned before they are placed, and which of them have a provider's id."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from workflows.crm import arrays
from workflows.crm.models import Channel
from workflows.messaging.models import Call, Direction, Message

TWINS_WITHIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A call that a queued message will be."""

    message_id: UUID
    attempt: int
    """How often it was dialled before."""
    depth: int
    """That of the execution whose step calls, for the events of the call."""
    script: Mapping[str, Any]
    """What it does once it is answered: see `services/call_scripts.py`."""


def plan_calls(*, account_id: UUID, calls: Sequence[PlannedCall], now: datetime) -> None:
    """Write one row a message, which is there already; a new attempt begins afresh."""
    if not calls:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO messaging_call AS call (
                id, created_at, updated_at, account_id, message_id, attempt, depth, script, status, answered_by, did,
                destination_status, outcome, recording_sid, recording_url
            )
            SELECT id, %s, %s, %s, id, attempt, depth, script, 'queued', '', '', '', '', '', ''
            FROM ROWS FROM (
                unnest(%s::uuid[], %s::smallint[], %s::smallint[]), jsonb_array_elements(%s::jsonb)
            ) AS planned (id, attempt, depth, script)
            ORDER BY id
            ON CONFLICT (id) DO UPDATE SET
                attempt = excluded.attempt, script = excluded.script, status = 'queued', answered_by = '', did = '',
                destination_status = '', outcome = '', duration_seconds = NULL, updated_at = excluded.updated_at
            WHERE call.attempt < excluded.attempt OR call.status = 'queued'
            """,
            [
                now,
                now,
                account_id,
                arrays.ids([call.message_id for call in calls]),
                arrays.numbers([call.attempt for call in calls]),
                arrays.numbers([call.depth for call in calls]),
                arrays.objects([dict(call.script) for call in calls]),
            ],
        )


def record_placed(*, account_id: UUID, sids: Mapping[UUID, str], now: datetime) -> None:
    """Keep the provider's ids of calls, by message."""
    if not sids:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE messaging_message message
            SET provider_message_id = taken.sid, updated_at = %s
            FROM (
                SELECT message.id, taken.sid
                FROM unnest(%s::uuid[], %s::text[]) AS taken (id, sid)
                JOIN messaging_message message ON message.id = taken.id AND message.account_id = %s
                ORDER BY message.id FOR UPDATE OF message
            ) AS taken
            WHERE message.id = taken.id
            """,
            [now, arrays.ids(sids), arrays.texts([sid[:255] for sid in sids.values()]), account_id],
        )


def ended_calls(*, account_id: UUID, message_ids: Collection[UUID]) -> list[Call]:
    """Return the calls of messages that are over, each with its message; one query."""
    calls = Call.objects.for_account(account_id).filter(message_id__in=message_ids).exclude(outcome="")
    return list(calls.select_related("message"))


def has_twin(*, account_id: UUID, message_id: UUID) -> bool:
    """Tell whether another call between the same numbers has no provider's id yet: they cannot be told apart."""
    messages = Message.objects.for_account(account_id)
    own = messages.filter(id=message_id).first()
    if own is None:
        return True
    alike = messages.filter(
        contact_id=own.contact_id,
        channel=Channel.VOICE,
        direction=Direction.OUTBOUND,
        sender=own.sender,
        recipient=own.recipient,
        provider_message_id="",
    )
    return alike.filter(updated_at__gt=own.updated_at - TWINS_WITHIN).exclude(id=message_id).exists()
