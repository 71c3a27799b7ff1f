"""What a step has told members already: each message is begun by one statement, and never begun twice unasked."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from django.db import connection

from workflows.messaging.models import StaffChannel, StaffMessage, StaffMessageStatus

ERROR_LENGTH = 500
KEPT = timedelta(days=90)
PAGE_SIZE = 5000
BEGINNABLE = (StaffMessageStatus.QUEUED, StaffMessageStatus.UNKNOWN)
"""`unknown` is begun again when a person has said that it was not sent: nothing else lets its step be taken anew."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A message that is to be sent now (`is_mine`), or how far another attempt came with it, and since when."""

    is_mine: bool
    status: str
    begun_at: datetime
    error: str = ""
    """Why it was refused for good."""


def id_of(step_key: UUID, channel: StaffChannel, user_id: UUID | None = None) -> UUID:
    """Return the id of a message: the same on every attempt."""
    return uuid5(step_key, f"{channel}:{user_id or ''}")


def begin(
    *,
    account_id: UUID,
    step_key: UUID,
    channel: StaffChannel,
    now: datetime,
    user_id: UUID | None = None,
    connection_id: UUID | None = None,
    sender: str = "",
    recipient: str = "",
    text: str = "",
) -> Begun:
    """Write down, outside any transaction, that a message is being handed over; one caller alone has it."""
    message_id = id_of(step_key, channel, user_id)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO messaging_staffmessage AS known (
                id, created_at, account_id, step_key, channel, status, user_id, connection_id, sender, recipient, text,
                provider_message_id, error_message, begun_at, updated_at
            )
            VALUES (%s, %s, %s, %s, %s, 'sending', %s, %s, %s, %s, %s, '', '', %s, %s)
            ON CONFLICT (id) DO UPDATE
            SET status = 'sending', connection_id = EXCLUDED.connection_id, sender = EXCLUDED.sender,
                recipient = EXCLUDED.recipient, text = EXCLUDED.text, error_message = '',
                begun_at = EXCLUDED.begun_at, updated_at = EXCLUDED.updated_at
            WHERE known.status = ANY(%s)
            RETURNING begun_at
            """,
            [
                message_id, now, account_id, step_key, channel, user_id, connection_id, sender, recipient, text,
                now, now, list(BEGINNABLE),
            ],
        )  # fmt: skip
        if cursor.fetchone():
            return Begun(True, StaffMessageStatus.SENDING, now)
    known = StaffMessage.objects.for_account(account_id).get(id=message_id)
    return Begun(False, known.status, known.begun_at, known.error_message)


def conclude(
    *, account_id: UUID, message_id: UUID, status: StaffMessageStatus, now: datetime, sid: str = "", error: str = ""
) -> None:
    """Write down how the handing over ended; what a receipt said first stands."""
    rows = StaffMessage.objects.for_account(account_id).filter(id=message_id, status=StaffMessageStatus.SENDING)
    rows.update(status=status, error_message=error[:ERROR_LENGTH], updated_at=now)
    if sid:
        known = StaffMessage.objects.for_account(account_id).filter(id=message_id, provider_message_id="")
        known.update(provider_message_id=sid[:255])


def give_up(*, account_id: UUID, step_keys: Collection[UUID], now: datetime) -> None:
    """Leave what steps have begun to a person's word."""
    begun = StaffMessage.objects.for_account(account_id).filter(
        step_key__in=step_keys, status=StaffMessageStatus.SENDING
    )
    begun.update(status=StaffMessageStatus.UNKNOWN, updated_at=now)


def settle(*, account_id: UUID, step_keys: Collection[UUID], now: datetime) -> None:
    """Take what nobody knew as sent: a person said so."""
    unknown = StaffMessage.objects.for_account(account_id).filter(
        step_key__in=step_keys, status=StaffMessageStatus.UNKNOWN
    )
    unknown.update(status=StaffMessageStatus.SENT, updated_at=now)


def record_receipt(*, account_id: UUID, connection_id: UUID, message_id: UUID, sid: str, now: datetime) -> UUID | None:
    """Take a text as sent that the provider tells of; return the key of a step that has no doubt left, if it had one.

    What becomes of a text after that is not kept.
    """
    own = StaffMessage.objects.for_account(account_id).filter(
        id=message_id, connection_id=connection_id, provider_message_id__in=("", sid)
    )
    was_unknown = own.filter(status=StaffMessageStatus.UNKNOWN).values_list("step_key", flat=True).first()
    open_statuses = (StaffMessageStatus.SENDING, StaffMessageStatus.UNKNOWN)
    own.filter(status__in=open_statuses).update(
        status=StaffMessageStatus.SENT, provider_message_id=sid[:255], updated_at=now
    )
    if was_unknown is None:
        return None
    others = StaffMessage.objects.for_account(account_id).filter(step_key=was_unknown, status__in=open_statuses)
    return None if others.exists() else was_unknown


def prune_staff_messages(*, now: datetime) -> int:
    """Remove what was told longer than 90 days ago, a page at a time; return how many."""
    removed = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                DELETE FROM messaging_staffmessage WHERE id IN (
                    SELECT id FROM messaging_staffmessage WHERE updated_at < %s ORDER BY updated_at LIMIT %s
                )
                """,
                [now - KEPT, PAGE_SIZE],
            )
            removed += cursor.rowcount
            if cursor.rowcount < PAGE_SIZE:
                return removed
