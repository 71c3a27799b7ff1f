"""Messages from people on Messenger: kept, told as events beside the step that they answer, obeyed if they say STOP."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from django.db import transaction

from workflows.crm.events import NewEvent, record_events
from workflows.crm.models import Channel
from workflows.crm.services.locking import lock_contacts
from workflows.messaging.gate.words import consent_word
from workflows.messaging.models import Direction, Message, MessageStatus
from workflows.messaging.providers.messenger import MessengerPage
from workflows.messaging.providers.messenger.callbacks import Received
from workflows.messaging.services.consent_words import apply_consent_word
from workflows.messaging.services.messenger_people import SOURCE, meet

ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a message."""

    contact_id: UUID
    is_new_contact: bool = False
    answer_id: UUID | None = None
    """A message to the contact that is to be sent now: what STOP, START or HELP is answered with."""


def take_message(*, page: MessengerPage, received: Received, now: datetime) -> Taken | None:
    """Keep a person's message, record `messenger_received`, obey STOP, START and HELP.

    Who is not known yet becomes a contact. A message that came already changes nothing.
    """
    for _ in range(ATTEMPTS):
        with transaction.atomic():
            contact_id, is_new = meet(account_id=page.account_id, page_id=page.page_id, person=received.person, now=now)
            if lock_contacts(account_id=page.account_id, contact_ids=[contact_id]):
                return keep(page, received, contact_id, is_new_contact=is_new, now=now)
    return None  # whoever it was has been deleted again and again


def keep(page: MessengerPage, received: Received, contact_id: UUID, *, is_new_contact: bool, now: datetime) -> Taken:
    """Keep the message of a locked contact, and do what follows from it."""
    account_id, at = page.account_id, min(received.at, now)
    answered = answered_by(page, received, contact_id)
    message, is_new = Message.objects.get_or_create(
        id=uuid5(page.connection_id, received.mid),
        account_id=account_id,
        defaults={
            "contact_id": contact_id,
            "channel": Channel.MESSENGER,
            "direction": Direction.INBOUND,
            "status": MessageStatus.DELIVERED,
            "purpose": "transactional",
            "connection_id": page.connection_id,
            "provider_message_id": received.mid,
            "sender": received.person,
            "recipient": page.page_id,
            "text": received.text,
            "media_urls": list(received.attachments),
            "execution_id": answered.execution_id if answered else None,
            "action_execution_id": answered.action_execution_id if answered else None,
            "sent_at": at,
            "delivered_at": now,
        },
    )
    if not is_new:
        return Taken(contact_id, is_new_contact)
    facts = {
        "message_id": str(message.id),
        "text": received.text,
        "payload": received.payload,
        "attachments": list(received.attachments),
        "page_id": page.page_id,
        "related_message_id": str(answered.id) if answered else None,
    }
    event = NewEvent(contact_id, "messenger_received", facts, occurred_at=at, source=SOURCE, event_id=received.mid)
    record_events(account_id=account_id, events=[event], now=now)
    word = consent_word(received.text)
    if word is None:
        return Taken(contact_id, is_new_contact)
    answer = apply_consent_word(
        account_id=account_id,
        contact_ids=[contact_id],
        channel=Channel.MESSENGER,
        word=word,
        said_at=at,
        evidence=f"Messenger “{received.text[:50]}”, {received.mid}",
        now=now,
    )
    answer_id = keep_answer(page, received, contact_id, answer) if answer else None
    return Taken(contact_id, is_new_contact, answer_id)


def answered_by(page: MessengerPage, received: Received, contact_id: UUID) -> Message | None:
    """Return our message that a message was written below, else the last one from the page that a step sent."""
    messages = Message.objects.for_account(page.account_id).filter(
        contact_id=contact_id, channel=Channel.MESSENGER, direction=Direction.OUTBOUND, sender=page.page_id
    )
    sent = messages.exclude(status=MessageStatus.FAILED).exclude(execution_id=None).order_by("-created_at", "-id")
    named = sent.filter(provider_message_id=received.reply_to).first() if received.reply_to else None
    return named or sent.first()


def keep_answer(page: MessengerPage, received: Received, contact_id: UUID, text: str) -> UUID:
    """Keep what is to be answered; `messenger_answers.send_answer` sends it."""
    return Message.objects.create(
        id=uuid5(page.connection_id, f"{received.mid}/answer"),
        account_id=page.account_id,
        contact_id=contact_id,
        channel=Channel.MESSENGER,
        direction=Direction.OUTBOUND,
        status=MessageStatus.QUEUED,
        purpose="transactional",
        connection_id=page.connection_id,
        sender=page.page_id,
        recipient=received.person,
        text=text,
    ).id
