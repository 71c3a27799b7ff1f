"""Calls of contacts to the account's numbers: nobody takes them, so they are told who it is, and kept."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

import structlog
from django.db import transaction

from accounts.models import Account
from workflows.crm.models import Channel
from workflows.crm.services.locking import lock_contacts
from workflows.messaging.models import Call, CallOutcome, CallStatus, Direction, Message, MessageStatus
from workflows.messaging.services.call_progress import record_completed
from workflows.messaging.services.sms_inbox import contacts_with

logger = structlog.get_logger(__name__)

GREETING = "This is {name}. Nobody takes calls at this number. We know that you called. Goodbye."
LONGEST_NAME = 50


@dataclass(frozen=True, slots=True)
class Incoming:
    """A call as the provider tells of it."""

    connection_id: UUID
    sid: str
    sender: str
    recipient: str

    @property
    def message_id(self) -> UUID:
        """The id of its row: the same however often the provider tells of it."""
        return uuid5(self.connection_id, self.sid)


@transaction.atomic
def take_call(*, account_id: UUID, incoming: Incoming, now: datetime) -> str:
    """Keep a contact's call and record `call_completed`; return what the caller is told.

    Of several contacts with the number it is the one that was called last. A call that came already changes nothing,
    and of one from a number of no contact nothing is kept.
    """
    present = lock_contacts(account_id=account_id, contact_ids=contacts_with(account_id, incoming.sender))
    if present:
        keep(account_id, incoming, sorted(present), now)
    else:
        logger.info("a call came from a number of no contact", connection_id=str(incoming.connection_id))
    name = Account.objects.values_list("name", flat=True).get(id=account_id)
    return GREETING.format(name=name[:LONGEST_NAME])


def keep(account_id: UUID, incoming: Incoming, contact_ids: list[UUID], now: datetime) -> None:
    last = last_call_to(account_id, incoming, contact_ids)
    message, is_new = Message.objects.get_or_create(
        id=incoming.message_id,
        account_id=account_id,
        defaults={
            "contact_id": last.contact_id if last else contact_ids[0],
            "channel": Channel.VOICE,
            "direction": Direction.INBOUND,
            "status": MessageStatus.DELIVERED,
            "purpose": "transactional",
            "connection_id": incoming.connection_id,
            "provider_message_id": incoming.sid,
            "sender": incoming.sender,
            "recipient": incoming.recipient,
            "execution_id": last.execution_id if last else None,
            "action_execution_id": last.action_execution_id if last else None,
            "delivered_at": now,
        },
    )
    if not is_new:
        return
    call = Call.objects.create(
        id=message.id,
        account_id=account_id,
        message=message,
        status=CallStatus.COMPLETED,
        outcome=CallOutcome.ANSWERED,
    )
    record_completed(call, now, answers=last.id if last else None)


def last_call_to(account_id: UUID, incoming: Incoming, contact_ids: list[UUID]) -> Message | None:
    """Return the last call to one of the contacts between the same two numbers."""
    messages = Message.objects.for_account(account_id).filter(
        contact_id__in=contact_ids,
        channel=Channel.VOICE,
        direction=Direction.OUTBOUND,
        sender=incoming.recipient,
        recipient=incoming.sender,
    )
    return messages.exclude(execution_id=None).order_by("-created_at", "-id").first()
