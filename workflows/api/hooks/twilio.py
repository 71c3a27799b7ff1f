"""What Twilio tells: messages and calls of contacts, and how our messages fared."""

from uuid import UUID

import structlog
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.html import escape
from django.views.decorators.http import require_POST

from accounts.actors import Actor
from accounts.api.identifiers import parse_uuid
from accounts.tenancy import account_scope, system_scope
from workflows.api.hooks.twilio_calls import incoming
from workflows.api.hooks.twilio_forms import LONGEST_ID, genuine_form, text_of
from workflows.api.public import unlisted
from workflows.engine import clock
from workflows.engine.perform.settling import Settlement, settle_many
from workflows.messaging.models import Connection, ConnectionKind
from workflows.messaging.services import staff_messages
from workflows.messaging.services.sms_inbox import Received, take_message
from workflows.messaging.services.sms_receipts import Receipt, record_receipt
from workflows.models import DispatchStatus, WorkflowDispatch

logger = structlog.get_logger(__name__)

TWILIO = Actor(label="Twilio")
LONGEST_TEXT = 10_000
MAXIMUM_MEDIA = 10
INBOUND = "received"


@unlisted
@require_POST
def twilio(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Take a message, receipt or call; a forged one, and one for a connection that is not there, look alike: 403."""
    with system_scope("a callback names its connection before its account is known"):
        connection = Connection.objects.filter(id=connection_id, kind=ConnectionKind.TWILIO).first()
    if connection is None:
        return HttpResponse(status=403)
    with account_scope(connection.account_id):
        form = genuine_form(request, connection)
        if form is None:
            logger.warning("a callback was not signed by its provider", connection_id=str(connection_id))
            return HttpResponse(status=403)
        if form.get("SmsStatus") == INBOUND and "MessageStatus" not in form:
            return answer_in_twiml(received(connection, form))
        if "CallSid" in form:
            return incoming(connection, form)
        receipt(connection, request.GET.get("message", ""), form)
    return HttpResponse(status=204)


def received(connection: Connection, form: QueryDict) -> str | None:
    """Keep a contact's message; return what is to be answered."""
    sid = text_of(form, "MessageSid")[:LONGEST_ID]
    if not sid:
        return None
    count = text_of(form, "NumMedia")
    media = min(int(count), MAXIMUM_MEDIA) if count.isdecimal() and len(count) <= 2 else 0  # noqa: PLR2004 - digits
    message = Received(
        connection_id=connection.id,
        sid=sid,
        sender=text_of(form, "From")[:LONGEST_ID],
        recipient=text_of(form, "To")[:LONGEST_ID],
        text=text_of(form, "Body")[:LONGEST_TEXT],
        media_urls=[text_of(form, f"MediaUrl{number}") for number in range(media)],
    )
    return take_message(account_id=connection.account_id, received=message, now=clock.now())


def receipt(connection: Connection, message: str, form: QueryDict) -> None:
    """Bring a message up to date; a step that did not know whether it was sent goes on."""
    message_id = parse_uuid(message)
    sid = text_of(form, "MessageSid")[:LONGEST_ID]
    if message_id is None or not sid:
        return
    account_id, now = connection.account_id, clock.now()
    log_id = record_receipt(
        account_id=account_id,
        connection_id=connection.id,
        receipt=Receipt(message_id, sid, text_of(form, "MessageStatus"), text_of(form, "ErrorCode")[:LONGEST_ID]),
        now=now,
    )
    told: UUID | None = None
    if log_id is None:
        told = staff_messages.record_receipt(
            account_id=account_id, connection_id=connection.id, message_id=message_id, sid=sid, now=now
        )
    step_key = message_id if log_id else told
    if step_key is None:
        return
    dispatches = WorkflowDispatch.objects.for_account(account_id).filter(id=step_key, status=DispatchStatus.UNKNOWN)
    if in_doubt := dispatches.values_list("log_id", flat=True).first():
        settle_many(account_id=account_id, actor=TWILIO, log_ids=[in_doubt], outcome=Settlement.SENT, now=now)


def answer_in_twiml(text: str | None) -> HttpResponse:
    """Return what Twilio is to send back: a message, or nothing."""
    inner = f"<Message>{escape(text)}</Message>" if text else ""
    body = f'<?xml version="1.0" encoding="UTF-8"?><Response>{inner}</Response>'
    return HttpResponse(body, content_type="text/xml")
