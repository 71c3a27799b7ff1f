"""Messages on their way: written before the call, brought up to date after it. A status never goes back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from workflows.crm import arrays
from workflows.crm.models import Channel
from workflows.messaging.models import Message

ERROR_LENGTH = 500
ID_LENGTH = 255


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to a contact; `id` is the idempotency key of the step that sends it."""

    id: UUID
    contact_id: UUID
    channel: Channel
    purpose: str
    connection_id: UUID
    provider_message_id: str
    sender: str
    recipient: str
    subject: str
    execution_id: UUID
    action_execution_id: UUID
    text: str = ""
    """Of an SMS; bodies of mails are not kept."""
    media_urls: Sequence[str] = ()
    segments: int = 0


def queue_messages(*, account_id: UUID, messages: Sequence[NewMessage], now: datetime) -> None:
    """Write one row a key, however often it is tried; what was already sent stays as it is."""
    if not messages:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO messaging_message (
                id, created_at, updated_at, account_id, contact_id, channel, direction, status, purpose, connection_id,
                provider_message_id, sender, recipient, subject, execution_id, action_execution_id, error_message,
                opens, clicks, text, media_urls, segments
            )
            SELECT id, %s, %s, %s, contact_id, channel, 'outbound', 'queued', purpose, connection_id,
                   provider_message_id, sender, recipient, subject, execution_id, action_execution_id, '', 0, 0, text,
                   media_urls, segments
            FROM ROWS FROM (
                unnest(
                    %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::uuid[], %s::text[], %s::text[], %s::text[],
                    %s::text[], %s::uuid[], %s::uuid[], %s::text[], %s::smallint[]
                ),
                jsonb_array_elements(%s::jsonb)
            ) AS message (
                id, contact_id, channel, purpose, connection_id, provider_message_id, sender, recipient, subject,
                execution_id, action_execution_id, text, segments, media_urls
            )
            ORDER BY id
            ON CONFLICT (id) DO UPDATE SET
                status = 'queued', error_message = '', updated_at = excluded.updated_at,
                connection_id = excluded.connection_id, provider_message_id = excluded.provider_message_id,
                sender = excluded.sender, recipient = excluded.recipient, subject = excluded.subject,
                text = excluded.text, media_urls = excluded.media_urls, segments = excluded.segments
            WHERE messaging_message.status IN ('queued', 'failed')
            """,
            [
                now,
                now,
                account_id,
                arrays.ids([message.id for message in messages]),
                arrays.ids([message.contact_id for message in messages]),
                arrays.texts([message.channel for message in messages]),
                arrays.texts([message.purpose for message in messages]),
                arrays.ids([message.connection_id for message in messages]),
                arrays.texts([message.provider_message_id for message in messages]),
                arrays.texts([message.sender for message in messages]),
                arrays.texts([message.recipient for message in messages]),
                arrays.texts([message.subject for message in messages]),
                arrays.ids([message.execution_id for message in messages]),
                arrays.ids([message.action_execution_id for message in messages]),
                arrays.texts([message.text for message in messages]),
                arrays.numbers([message.segments for message in messages]),
                arrays.objects([list(message.media_urls) for message in messages]),
            ],
        )


def record_sent(*, account_id: UUID, message_ids: Sequence[UUID], now: datetime) -> None:
    """Note that the provider took the messages; one that was opened meanwhile stays `opened`."""
    if not message_ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE messaging_message message
            SET status = CASE WHEN status IN ('queued', 'failed') THEN 'sent' ELSE status END,
                sent_at = COALESCE(sent_at, %s), error_message = '', updated_at = %s
            FROM (
                SELECT id FROM messaging_message WHERE account_id = %s AND id = ANY(%s::uuid[]) ORDER BY id FOR UPDATE
            ) AS wanted
            WHERE message.id = wanted.id
            """,
            [now, now, account_id, arrays.ids(message_ids)],
        )


def record_provider_ids(*, account_id: UUID, ids: Mapping[UUID, str], now: datetime) -> None:
    """Keep the ids that the provider gave to messages."""
    if not ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE messaging_message message
            SET provider_message_id = wanted.provider_id, updated_at = %s
            FROM (
                SELECT message.id, given.provider_id
                FROM unnest(%s::uuid[], %s::text[]) AS given (id, provider_id)
                JOIN messaging_message message ON message.id = given.id AND message.account_id = %s
                ORDER BY message.id FOR UPDATE OF message
            ) AS wanted
            WHERE message.id = wanted.id
            """,
            [now, arrays.ids(ids), arrays.texts([each[:ID_LENGTH] for each in ids.values()]), account_id],
        )


def id_of_sent(*, account_id: UUID, message_id: UUID) -> str:
    """Return the provider's id of a message that surely was sent, as a callback may have told; empty: not known."""
    sent = Message.objects.for_account(account_id).filter(id=message_id, sent_at__isnull=False)
    return sent.values_list("provider_message_id", flat=True).first() or ""


def record_errors(*, account_id: UUID, errors: Mapping[UUID, str], are_final: bool, now: datetime) -> None:
    """Note why messages are not sent: yet, or for good (`failed`). What was sent after all stays as it is."""
    if not errors:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE messaging_message message
            SET status = %s, error_message = wanted.error, updated_at = %s
            FROM (
                SELECT message.id, error.text AS error
                FROM unnest(%s::uuid[], %s::text[]) AS error (id, text)
                JOIN messaging_message message ON message.id = error.id
                WHERE message.account_id = %s AND message.status = 'queued'
                ORDER BY message.id FOR UPDATE OF message
            ) AS wanted
            WHERE message.id = wanted.id
            """,
            [
                "failed" if are_final else "queued",
                now,
                arrays.ids(errors),
                arrays.texts([error[:ERROR_LENGTH] for error in errors.values()]),
                account_id,
            ],
        )
