"""What the provider tells of calls that it placed. A status never goes back, in whatever order callbacks come."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from workflows.crm.copies import BY_HAND, Cause
from workflows.crm.events import NewEvent, record_events
from workflows.crm.models import Channel, Contact
from workflows.messaging.models import Call, CallOutcome, Direction, Message, MessageStatus
from workflows.messaging.services.call_scripts import ANSWERS, FINAL, is_news, outcome_of, what_to_do

SOURCE = "twilio"
"""Of the events: the provider's id makes each call count once."""
LONGEST_CALL = 2**31 - 1
NOT_REACHED = {
    CallOutcome.BUSY: "The line was busy.",
    CallOutcome.NO_ANSWER: "Nobody answered.",
    CallOutcome.FAILED: "Twilio could not place the call.",
    CallOutcome.CANCELED: "The call was canceled at Twilio.",
}
"""Errors of messages whose call never got through."""


@dataclass(frozen=True, slots=True)
class About:
    """Which call a callback is about: the message, one of its attempts, and Twilio's id of the call."""

    connection_id: UUID
    message_id: UUID
    attempt: int
    sid: str


def record_progress(
    *,
    account_id: UUID,
    about: About,
    status: str,
    answered_by: str = "",
    seconds: int | None = None,
    error_code: str = "",
    now: datetime,
) -> Call | None:
    """Bring a call up to date with what `status` says, in Twilio's words; return it, None when there is none."""

    def change(call: Call) -> None:
        learn_who_answered(call, answered_by)
        if is_news(call.status, status):
            call.status = status
            if status in FINAL:
                call.duration_seconds = min(seconds or 0, LONGEST_CALL)
                if error_code:
                    call.message.error_message = f"Twilio could not place the call (error {error_code})."

    return changed(account_id, about, change, now)


def record_answer(*, account_id: UUID, about: About, answered_by: str, now: datetime) -> Call | None:
    """Note that a call was answered, by whom, and what it is told to do: the same however often it is asked."""

    def change(call: Call) -> None:
        learn_who_answered(call, answered_by)
        if is_news(call.status, "in-progress"):
            call.status = "in-progress"
        call.did = call.did or what_to_do(call.script, call.answered_by)

    return changed(account_id, about, change, now)


def record_destination(*, account_id: UUID, about: About, status: str, now: datetime) -> Call | None:
    """Note how far the call to the destination came."""

    def change(call: Call) -> None:
        if is_news(call.destination_status, status):
            call.destination_status = status

    return changed(account_id, about, change, now)


def record_recording(
    *, account_id: UUID, about: About, recording_sid: str, url: str, seconds: int | None, now: datetime
) -> Call | None:
    """Keep where the recording of a call is; it may come long after the end."""

    def change(call: Call) -> None:
        call.recording_sid, call.recording_url = recording_sid, url
        call.recording_seconds = min(seconds, LONGEST_CALL) if seconds is not None else None

    return changed(account_id, about, change, now)


def learn_who_answered(call: Call, answered_by: str) -> None:
    if answered_by in ANSWERS and not call.answered_by:
        call.answered_by = answered_by


@transaction.atomic
def changed(account_id: UUID, about: About, change: Callable[[Call], None], now: datetime) -> Call | None:
    """Change a call under the locks of its contact and its rows, and record `call_completed` once it is over."""
    messages = Message.objects.for_account(account_id).filter(
        id=about.message_id,
        connection_id=about.connection_id,
        channel=Channel.VOICE,
        direction=Direction.OUTBOUND,
    )
    contact_id = messages.values_list("contact_id", flat=True).first()
    if contact_id is None:
        return None
    contacts = Contact.objects.for_account(account_id).present().filter(id=contact_id)
    is_present = contacts.select_for_update(no_key=True).values_list("id").first() is not None
    message = messages.select_for_update().get()
    calls = Call.objects.for_account(account_id).filter(message_id=message.id, attempt=about.attempt)
    call = calls.select_for_update(of=("self",)).first()
    if call is None or message.provider_message_id not in {"", about.sid}:
        return None
    message.provider_message_id = about.sid
    call.message = message
    was_over = bool(call.outcome)
    change(call)
    if not was_over:
        call.outcome = outcome_of(call)
        bring_message_forward(call, now)
        if call.outcome and is_present:
            record_completed(call, now)
    call.save()
    message.save()
    return call


def bring_message_forward(call: Call, now: datetime) -> None:
    message = call.message
    if call.outcome in NOT_REACHED:
        message.status = MessageStatus.FAILED
        message.error_message = message.error_message or NOT_REACHED[CallOutcome(call.outcome)]
        return
    message.error_message = ""
    if call.status != "queued":
        message.status = MessageStatus.SENT
        message.sent_at = message.sent_at or now
    if call.status == "in-progress" or call.status in FINAL:
        message.status = MessageStatus.DELIVERED
        message.delivered_at = message.delivered_at or now


def record_completed(call: Call, now: datetime, *, answers: UUID | None = None) -> None:
    """Record the event of a call that is over; the contact is there, and locked. `answers` is the call it returns."""
    message = call.message
    facts = {
        "message_id": str(message.id),
        "call_sid": message.provider_message_id,
        "direction": message.direction,
        "outcome": call.outcome,
        "answered_by": call.answered_by,
        "duration_seconds": call.duration_seconds or 0,
        "from": message.sender,
        "to": message.recipient,
        "related_message_id": str(answers) if answers else None,
    }
    is_ours = message.direction == Direction.OUTBOUND and message.action_execution_id
    cause = Cause(message.action_execution_id, call.depth) if is_ours else BY_HAND
    event_id = f"{message.provider_message_id}/ended"
    event = NewEvent(message.contact_id, "call_completed", facts, cause, source=SOURCE, event_id=event_id)
    record_events(account_id=call.account_id, events=[event], now=now)
