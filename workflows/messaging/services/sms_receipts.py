"""What the provider tells of messages that it took. A status never goes back, in whatever order receipts come."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from workflows.messaging.models import MessageStatus

STATUSES = {
    "sent": MessageStatus.SENT,
    "delivered": MessageStatus.DELIVERED,
    "read": MessageStatus.DELIVERED,
    "undelivered": MessageStatus.FAILED,
    "failed": MessageStatus.FAILED,
    "canceled": MessageStatus.FAILED,
}
"""By Twilio's word; its other words say no more than that it has the message."""
ERROR_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one callback says of one of our messages."""

    message_id: UUID
    sid: str
    status: str
    """Twilio's word."""
    error_code: str = ""


def record_receipt(*, account_id: UUID, connection_id: UUID, receipt: Receipt, now: datetime) -> UUID | None:
    """Bring a message up to date; return the log row of the step that sent it, None for a message that is not there.

    `delivered` and `failed` are final once the provider said so. That a message was given up here (`failed` without the
    provider's id) does not hold against the provider's word that it went out.
    """
    status = STATUSES.get(receipt.status, "")
    error = f"Twilio could not deliver it (error {receipt.error_code})." if receipt.error_code else "Not delivered."
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE messaging_message message
            SET status = CASE WHEN is_news THEN %(status)s ELSE status END,
                error_message = CASE WHEN is_news AND %(status)s = 'failed' THEN %(error)s
                                     WHEN is_news THEN '' ELSE error_message END,
                sent_at = CASE WHEN is_news AND %(status)s <> 'failed' THEN COALESCE(sent_at, %(now)s)
                               ELSE sent_at END,
                delivered_at = CASE WHEN is_news AND %(status)s = 'delivered' THEN %(now)s ELSE delivered_at END,
                provider_message_id = %(sid)s, updated_at = %(now)s
            FROM (
                SELECT id, %(status)s <> '' AND (
                    status = 'queued' OR (status = 'sent' AND %(status)s <> 'sent')
                    OR (status = 'failed' AND provider_message_id = '' AND %(status)s <> 'failed')
                ) AS is_news
                FROM messaging_message
                WHERE account_id = %(account_id)s AND id = %(message_id)s AND connection_id = %(connection_id)s
                      AND channel = 'sms' AND direction = 'outbound' AND provider_message_id IN ('', %(sid)s)
                FOR UPDATE
            ) AS wanted
            WHERE message.id = wanted.id
            RETURNING action_execution_id
            """,
            {
                "status": status,
                "error": error[:ERROR_LENGTH],
                "now": now,
                "sid": receipt.sid,
                "account_id": account_id,
                "message_id": receipt.message_id,
                "connection_id": connection_id,
            },
        )
        row = cursor.fetchone()
    return row[0] if row else None
