"""SMS from contacts: kept as messages, told as events beside the step that they answer, obeyed where they say STOP."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

import structlog
from django.db import transaction

from accounts.actors import Actor
from accounts.models import Membership
from workflows.crm.events import NewEvent, record_events
from workflows.crm.models import Channel, Contact
from workflows.crm.services.contacts import ContactDraft, DuplicateHandling, Upserted, create_contacts
from workflows.crm.services.locking import lock_contacts
from workflows.crm.values import clean_phone
from workflows.messaging.gate.words import ConsentWord, consent_word
from workflows.messaging.models import Direction, Message, MessageStatus
from workflows.messaging.segments import segments_of
from workflows.messaging.services.consent_words import apply_consent_word, confirmation

logger = structlog.get_logger(__name__)

SOURCE = "twilio"
"""Of the events: the provider's id makes each message count once."""
SENDER = Actor(label="Incoming SMS")


@dataclass(frozen=True, slots=True)
class Received:
    """A message as the provider tells of it."""

    connection_id: UUID
    sid: str
    sender: str
    recipient: str
    text: str
    media_urls: Sequence[str] = ()

    @property
    def message_id(self) -> UUID:
        """The id of its row: the same however often the provider tells of it."""
        return uuid5(self.connection_id, self.sid)


@transaction.atomic
def take_message(*, account_id: UUID, received: Received, now: datetime) -> str | None:
    """Keep a contact's message, record `sms_received`, obey STOP, START and HELP; return the text to answer, if any.

    Of several contacts with the number it is the one that was written to last; an opt-out is for all of them. Who is
    not known yet becomes a contact (`meet`). A message that came already changes nothing.
    """
    present = lock_contacts(account_id=account_id, contact_ids=contacts_with(account_id, received.sender))
    if not present:
        present = lock_contacts(account_id=account_id, contact_ids=meet(account_id, received, now))
    if not present:
        logger.info("an SMS came from a number of no contact", connection_id=str(received.connection_id))
        return help_for_anybody(account_id, received)
    answered = last_message_to(account_id, received, sorted(present))
    contact_id = answered.contact_id if answered else min(present)
    _, is_new = Message.objects.get_or_create(
        id=received.message_id,
        account_id=account_id,
        defaults={
            "contact_id": contact_id,
            "channel": Channel.SMS,
            "direction": Direction.INBOUND,
            "status": MessageStatus.DELIVERED,
            "purpose": "transactional",
            "connection_id": received.connection_id,
            "provider_message_id": received.sid,
            "sender": received.sender,
            "recipient": received.recipient,
            "text": received.text,
            "media_urls": list(received.media_urls),
            "segments": segments_of(received.text).count,
            "execution_id": answered.execution_id if answered else None,
            "action_execution_id": answered.action_execution_id if answered else None,
            "delivered_at": now,
        },
    )
    if not is_new:
        return None
    facts = {
        "message_id": str(received.message_id),
        "text": received.text,
        "from": received.sender,
        "to": received.recipient,
        "related_message_id": str(answered.id) if answered else None,
    }
    event = NewEvent(contact_id, "sms_received", facts, source=SOURCE, event_id=received.sid)
    record_events(account_id=account_id, events=[event], now=now)
    word = consent_word(received.text)
    if word is None:
        return None
    answer = apply_consent_word(
        account_id=account_id,
        contact_ids=list(present),
        channel=Channel.SMS,
        word=word,
        said_at=now,
        evidence=f"SMS “{received.text[:50]}”, {received.sid}",
        now=now,
    )
    if answer:
        keep_answer(account_id, contact_id, received, answer, now)
    return answer


def meet(account_id: UUID, received: Received, now: datetime) -> list[UUID]:
    """Make who wrote from an unknown number a contact of the source `sms`, also who says STOP or START.

    A STOP without anybody to note it with would be forgotten by the next import. Nobody is made of who asks for HELP
    alone, of members' phones, of senders that are no phone numbers, and of a message that came already.
    """
    try:
        is_number = clean_phone(received.sender, "") == received.sender != ""
    except ValueError:
        is_number = False
    if not is_number or consent_word(received.text) is ConsentWord.HELP:
        return []
    members = Membership.objects.for_account(account_id).filter(phone=received.sender, is_active=True)
    if members.exists() or Message.objects.for_account(account_id).filter(id=received.message_id).exists():
        return []
    draft = ContactDraft(phone=received.sender, source="sms")
    (answer,) = create_contacts(
        account_id=account_id, actor=SENDER, drafts=[draft], duplicate_handling=DuplicateHandling.SKIP, now=now
    )
    return [answer.contact_id] if isinstance(answer, Upserted) else []


def help_for_anybody(account_id: UUID, received: Received) -> str | None:
    """Return what HELP is answered with, whoever asks."""
    if consent_word(received.text) is not ConsentWord.HELP:
        return None
    return confirmation(ConsentWord.HELP, account_id=account_id)


def contacts_with(account_id: UUID, phone: str) -> list[UUID]:
    return list(Contact.objects.for_account(account_id).present().filter(phone=phone).values_list("id", flat=True))


def last_message_to(account_id: UUID, received: Received, contact_ids: Sequence[UUID]) -> Message | None:
    """Return the last message to one of the contacts between the same two numbers."""
    messages = Message.objects.for_account(account_id).filter(
        contact_id__in=contact_ids,
        channel=Channel.SMS,
        direction=Direction.OUTBOUND,
        sender=received.recipient,
        recipient=received.sender,
    )
    sent = messages.exclude(status=MessageStatus.FAILED).exclude(execution_id=None)
    return sent.order_by("-created_at", "-id").first()


def keep_answer(account_id: UUID, contact_id: UUID, received: Received, text: str, now: datetime) -> None:
    """Keep what the provider is told to answer."""
    Message.objects.create(
        id=uuid5(received.connection_id, f"{received.sid}/answer"),
        account_id=account_id,
        contact_id=contact_id,
        channel=Channel.SMS,
        direction=Direction.OUTBOUND,
        status=MessageStatus.SENT,
        purpose="transactional",
        connection_id=received.connection_id,
        sender=received.recipient,
        recipient=received.sender,
        text=text,
        segments=segments_of(text).count,
        sent_at=now,
    )
