"""What Meta tells of messages that it took. A status never goes back, in whatever order callbacks come."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from workflows.crm import arrays
from workflows.messaging.providers.messenger import MessengerPage
from workflows.messaging.providers.messenger.callbacks import Echo, Progress
from workflows.messaging.services.messenger_people import contact_of

CLOCKS_DIFFER = timedelta(seconds=2)
"""A message counts as sent when its answer was there, by our clock; Meta's moment is its own."""


def record_echo(*, page: MessengerPage, message_id: UUID, echo: Echo, now: datetime) -> UUID | None:
    """Bring the message that an echo tells of up to date; return the log row of the step that sent it, if any did.

    That a message was given up here does not hold against Meta's word that it has it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE messaging_message message
            SET status = CASE WHEN status IN ('queued', 'failed') THEN 'sent' ELSE status END,
                error_message = CASE WHEN status IN ('queued', 'failed') THEN '' ELSE error_message END,
                sent_at = COALESCE(sent_at, %(at)s), provider_message_id = %(mid)s, updated_at = %(now)s
            WHERE account_id = %(account_id)s AND id = %(message_id)s AND connection_id = %(connection_id)s
                  AND channel = 'messenger' AND direction = 'outbound' AND recipient = %(person)s
                  AND provider_message_id IN ('', %(mid)s)
            RETURNING action_execution_id
            """,
            {
                "at": min(echo.at, now),
                "now": now,
                "mid": echo.mid,
                "person": echo.person,
                "message_id": message_id,
                "account_id": page.account_id,
                "connection_id": page.connection_id,
            },
        )
        row = cursor.fetchone()
    return row[0] if row else None


def record_progress(*, page: MessengerPage, progress: Progress, now: datetime) -> int:
    """Note that messages were delivered, or read (`opened`); return how many it was news of."""
    contact_id = contact_of(account_id=page.account_id, page_id=page.page_id, person=progress.person)
    if contact_id is None:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE messaging_message message
            SET status = %(status)s, error_message = '', updated_at = %(now)s,
                sent_at = COALESCE(sent_at, %(at)s), delivered_at = COALESCE(delivered_at, %(at)s),
                opened_at = CASE WHEN %(is_read)s THEN COALESCE(opened_at, %(at)s) ELSE opened_at END,
                opens = CASE WHEN %(is_read)s THEN GREATEST(opens, 1) ELSE opens END
            FROM (
                SELECT id FROM messaging_message
                WHERE contact_id = %(contact_id)s AND account_id = %(account_id)s AND channel = 'messenger'
                      AND direction = 'outbound' AND connection_id = %(connection_id)s AND recipient = %(person)s
                      AND (
                          (status IN ('sent', 'delivered') AND sent_at <= %(until)s)
                          OR (status <> 'opened' AND provider_message_id = ANY(%(mids)s::text[]))
                      )
                      AND (%(is_read)s OR status <> 'delivered')
                ORDER BY id FOR UPDATE
            ) AS wanted
            WHERE message.id = wanted.id
            """,
            {
                "status": "opened" if progress.is_read else "delivered",
                "is_read": progress.is_read,
                "now": now,
                "at": min(progress.until, now),
                "until": progress.until + CLOCKS_DIFFER,
                "mids": arrays.texts([mid for mid in progress.mids if mid]),
                "person": progress.person,
                "contact_id": contact_id,
                "account_id": page.account_id,
                "connection_id": page.connection_id,
            },
        )
        return cursor.rowcount
