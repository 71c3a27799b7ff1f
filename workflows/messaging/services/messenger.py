"""Messenger messages as rows: which have Meta's id, and which of them an echo has told."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db import connection

from workflows.crm import arrays
from workflows.messaging.models import Message


def mid_of(*, account_id: UUID, message_id: UUID) -> str:
    """Return Meta's id of a message, which an echo may have told; empty: not known."""
    rows = Message.objects.for_account(account_id).filter(id=message_id)
    return rows.values_list("provider_message_id", flat=True).first() or ""


def record_accepted(*, account_id: UUID, mids: Mapping[UUID, str], now: datetime) -> None:
    """Keep Meta's ids of messages."""
    if not mids:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE messaging_message message
            SET provider_message_id = taken.mid, updated_at = %s
            FROM (
                SELECT message.id, taken.mid
                FROM unnest(%s::uuid[], %s::text[]) AS taken (id, mid)
                JOIN messaging_message message ON message.id = taken.id AND message.account_id = %s
                ORDER BY message.id FOR UPDATE OF message
            ) AS taken
            WHERE message.id = taken.id
            """,
            [now, arrays.ids(mids), arrays.texts(mids.values()), account_id],
        )
