"""SMS as rows: which have a provider's id, which could be taken for another, and what receipts say of them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from workflows.crm import arrays
from workflows.crm.models import Channel
from workflows.messaging.models import Direction, Message, MessageStatus, StaffMessage, StaffMessageStatus
from workflows.messaging.providers.twilio import Accepted

TWINS_WITHIN = timedelta(minutes=10)
TEXTS = (Message, StaffMessage)
"""Where texts through the account's numbers are written down: to contacts, to members."""


def contacts_written_to(
    *, account_id: UUID, sender: str, contact_ids: Collection[UUID], but_by: Collection[UUID]
) -> set[UUID]:
    """Return those of the contacts that a number has written to, leaving messages `but_by` aside; one query."""
    messages = Message.objects.for_account(account_id).filter(
        contact_id__in=contact_ids, channel=Channel.SMS, direction=Direction.OUTBOUND, sender=sender
    )
    sent = messages.exclude(status=MessageStatus.FAILED).exclude(id__in=but_by)
    return set(sent.values_list("contact_id", flat=True))


def sid_of(*, account_id: UUID, message_id: UUID) -> str:
    """Return the provider's id of a message, which a receipt may have told; empty: not known."""
    for model in TEXTS:
        rows = model.objects.for_account(account_id).filter(id=message_id)
        if sid := rows.values_list("provider_message_id", flat=True).first():
            return str(sid)
    return ""


def sids_of_others(*, account_id: UUID, message_id: UUID, sids: Sequence[str]) -> set[str]:
    """Return those provider's ids that belong to other messages than this one."""
    known = [
        model.objects.for_account(account_id).filter(provider_message_id__in=sids).exclude(id=message_id)
        for model in TEXTS
    ]
    return {sid for rows in known for sid in rows.values_list("provider_message_id", flat=True)}


def has_twin(*, account_id: UUID, message_id: UUID) -> bool:
    """Tell whether another message says the same to the same number and has no provider's id yet."""
    if StaffMessage.objects.for_account(account_id).filter(id=message_id).exists():
        return has_staff_twin(account_id, message_id)
    messages = Message.objects.for_account(account_id)
    own = messages.filter(id=message_id).first()
    if own is None:
        return True
    twins = messages.filter(contact_id=own.contact_id, channel=Channel.SMS, direction=Direction.OUTBOUND)
    alike = twins.filter(sender=own.sender, recipient=own.recipient, text=own.text, provider_message_id="")
    return alike.filter(updated_at__gt=own.updated_at - TWINS_WITHIN).exclude(id=message_id).exists()


def has_staff_twin(account_id: UUID, message_id: UUID) -> bool:
    messages = StaffMessage.objects.for_account(account_id)
    own = messages.get(id=message_id)
    twins = messages.filter(recipient=own.recipient, sender=own.sender, text=own.text, provider_message_id="")
    in_doubt = twins.exclude(status__in=(StaffMessageStatus.FAILED, StaffMessageStatus.QUEUED))
    return in_doubt.filter(begun_at__gt=own.begun_at - TWINS_WITHIN).exclude(id=message_id).exists()


def record_accepted(*, account_id: UUID, accepted: Mapping[UUID, Accepted], now: datetime) -> None:
    """Keep the provider's ids of messages, and how many parts it counted."""
    if not accepted:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE messaging_message message
            SET provider_message_id = taken.sid, segments = taken.segments, updated_at = %s
            FROM (
                SELECT message.id, taken.sid, taken.segments
                FROM unnest(%s::uuid[], %s::text[], %s::smallint[]) AS taken (id, sid, segments)
                JOIN messaging_message message ON message.id = taken.id AND message.account_id = %s
                ORDER BY message.id FOR UPDATE OF message
            ) AS taken
            WHERE message.id = taken.id
            """,
            [
                now,
                arrays.ids(accepted),
                arrays.texts([each.sid[:255] for each in accepted.values()]),
                arrays.numbers([min(each.segments, 32767) for each in accepted.values()]),
                account_id,
            ],
        )
