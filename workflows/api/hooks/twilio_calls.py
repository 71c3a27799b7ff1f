"""What Twilio asks and tells of calls: what they are to do, and what became of them."""

from collections.abc import Callable, Mapping
from uuid import UUID

import structlog
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.views.decorators.http import require_POST

from accounts.api.identifiers import parse_uuid
from accounts.tenancy import account_scope, system_scope
from workflows.actions.calls import result_of
from workflows.api.hooks.twilio_forms import LONGEST_ID, genuine_form, text_of
from workflows.api.public import unlisted
from workflows.engine import clock
from workflows.engine.perform.callbacks import call_back
from workflows.messaging.models import Call, Connection, ConnectionKind
from workflows.messaging.providers.twilio import TwilioAccount, twiml
from workflows.messaging.services import call_progress
from workflows.messaging.services.audio import public_url
from workflows.messaging.services.call_inbox import Incoming, take_call
from workflows.messaging.services.call_progress import About
from workflows.messaging.services.call_scripts import FINAL, IVR, JOIN, PLAY, PROGRESS, QUEUE

logger = structlog.get_logger(__name__)

LONGEST_URL = 500
LONGEST_NUMBER = 9
HIGHEST_ATTEMPT = 32767
SORRY = "We are sorry, the call cannot be connected right now. Goodbye."
STATUSES = frozenset({*FINAL, *PROGRESS})
QUEUE_RESULTS = {
    "bridged": "completed",
    "hangup": "canceled",
    "queue-full": "busy",
    "bridging-in-process": "in-progress",
}
"""What came of waiting in a queue, in the words of calls; all else did not work."""

Answer = Callable[[Connection, About, QueryDict], str]


@unlisted
@require_POST
def twilio_call(request: HttpRequest, connection_id: UUID, about: str) -> HttpResponse:
    """Answer what a call asks; a forged question, and one for a connection that is not there, look alike: 403."""
    if about not in ANSWERS:
        raise Http404
    with system_scope("a callback names its connection before its account is known"):
        connection = Connection.objects.filter(id=connection_id, kind=ConnectionKind.TWILIO).first()
    if connection is None:
        return HttpResponse(status=403)
    with account_scope(connection.account_id):
        form = genuine_form(request, connection)
        if form is None:
            logger.warning("a callback was not signed by its provider", connection_id=str(connection_id))
            return HttpResponse(status=403)
        call = call_meant(request, connection, form)
        text = ANSWERS[about](connection, call, form) if call else twiml.hang_up()
    return in_twiml(text)


def incoming(connection: Connection, form: QueryDict) -> HttpResponse:
    """Answer a call to one of the account's numbers."""
    call = Incoming(
        connection_id=connection.id,
        sid=text_of(form, "CallSid")[:LONGEST_ID],
        sender=text_of(form, "From")[:LONGEST_ID],
        recipient=text_of(form, "To")[:LONGEST_ID],
    )
    return in_twiml(twiml.say(take_call(account_id=connection.account_id, incoming=call, now=clock.now())))


def call_meant(request: HttpRequest, connection: Connection, form: QueryDict) -> About | None:
    """Return which call a callback is about, as our own address says; None when it is none of ours.

    The call to a destination has a sid of its own, and names the contact's as its parent.
    """
    message_id = parse_uuid(request.GET.get("message", ""))
    sid = (text_of(form, "ParentCallSid") or text_of(form, "CallSid"))[:LONGEST_ID]
    attempt = number_in(request.GET, "attempt")
    if message_id is None or not sid or attempt is None:
        return None
    return About(connection.id, message_id, min(attempt, HIGHEST_ATTEMPT), sid)


def answer(connection: Connection, about: About, form: QueryDict) -> str:
    """Say what the call is to do, now that it is answered."""
    now = clock.now()
    call = call_progress.record_answer(
        account_id=connection.account_id, about=about, answered_by=text_of(form, "AnsweredBy"), now=now
    )
    if call is None or call.did not in {PLAY, JOIN}:
        return twiml.hang_up()
    if call.did == PLAY:
        media_id = UUID(call.script["media_id"])
        return twiml.play(public_url(account_id=connection.account_id, media_id=media_id, today=now.date()))
    return connecting(connection, about, call)


def connecting(connection: Connection, about: About, call: Call) -> str:
    script, urls = call.script, Addresses(connection, about)
    if script["destination_type"] == IVR:
        return twiml.go_on_at(script["destination"])
    if script["destination_type"] == QUEUE:
        return twiml.put_into_queue(script["destination"], action=urls.to("queue"))
    return twiml.connect_to_number(
        script["destination"],
        caller_id=call.message.sender,
        ring_seconds=script["ring_seconds"],
        most_seconds=script["most_seconds"],
        action=urls.to("dial"),
        status=urls.to("destination"),
        whisper=urls.to("whisper") if script["whisper"] else "",
    )


class Addresses:
    """Where a call asks and tells, for one attempt at it."""

    def __init__(self, connection: Connection, about: About) -> None:
        self.base = f"{TwilioAccount.of(connection).callback_url}/calls"
        self.query = f"message={about.message_id}&attempt={about.attempt}"

    def to(self, about: str) -> str:
        return f"{self.base}/{about}?{self.query}"


def whisper(connection: Connection, about: About, form: QueryDict) -> str:
    """Say what the destination is told before it is connected."""
    call = call_progress.record_destination(
        account_id=connection.account_id, about=about, status="in-progress", now=clock.now()
    )
    return twiml.say(call.script.get("whisper", "")) if call else twiml.hang_up()


def progress(connection: Connection, about: About, form: QueryDict) -> str:
    """Note how far the call came."""
    told = text_of(form, "CallStatus")
    code = text_of(form, "ErrorCode") or text_of(form, "SipResponseCode")
    return concluded(
        call_progress.record_progress(
            account_id=connection.account_id,
            about=about,
            status=told if told in STATUSES else "",
            answered_by=text_of(form, "AnsweredBy"),
            seconds=number_in(form, "CallDuration"),
            error_code=code[:LONGEST_ID] if told == "failed" else "",
            now=clock.now(),
        )
    )


def destination(connection: Connection, about: About, form: QueryDict) -> str:
    """Note how far the call to the destination came."""
    return told_of_destination(connection, about, text_of(form, "CallStatus"))


def dial(connection: Connection, about: About, form: QueryDict) -> str:
    """Note what came of the call to the destination, and take leave of a contact who could not be connected."""
    told = text_of(form, "DialCallStatus")
    told_of_destination(connection, about, "completed" if told == "answered" else told)
    return twiml.say(SORRY) if told in {"busy", "no-answer", "failed"} else twiml.hang_up()


def queue(connection: Connection, about: About, form: QueryDict) -> str:
    """Note what came of waiting in a queue."""
    told = QUEUE_RESULTS.get(text_of(form, "QueueResult"), "failed")
    told_of_destination(connection, about, told)
    return twiml.say(SORRY) if told in {"busy", "failed"} else twiml.hang_up()


def told_of_destination(connection: Connection, about: About, told: str) -> str:
    status = told if told in STATUSES else ""
    return concluded(
        call_progress.record_destination(account_id=connection.account_id, about=about, status=status, now=clock.now())
    )


def recording(connection: Connection, about: About, form: QueryDict) -> str:
    """Keep where the recording is."""
    call_progress.record_recording(
        account_id=connection.account_id,
        about=about,
        recording_sid=text_of(form, "RecordingSid")[:LONGEST_ID],
        url=text_of(form, "RecordingUrl")[:LONGEST_URL],
        seconds=number_in(form, "RecordingDuration"),
        now=clock.now(),
    )
    return twiml.nothing()


def concluded(call: Call | None) -> str:
    """Let the step go on whose call is over; telling it once more changes nothing."""
    if call is not None and call.outcome:
        call_back(account_id=call.account_id, key=call.message_id, outcome=result_of(call), now=clock.now())
    return twiml.nothing()


ANSWERS: Mapping[str, Answer] = {
    "answer": answer,
    "destination": destination,
    "dial": dial,
    "queue": queue,
    "recording": recording,
    "status": progress,
    "whisper": whisper,
}


def number_in(form: QueryDict, name: str) -> int | None:
    """Return a parameter that is a whole number of at most nine digits."""
    text = text_of(form, name)
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER else None


def in_twiml(text: str) -> HttpResponse:
    return HttpResponse(text, content_type="text/xml")
