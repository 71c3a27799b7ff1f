"""What Meta tells of a page: messages of people, and how ours fared."""

import hmac
from typing import assert_never
from uuid import UUID

import structlog
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from accounts.actors import Actor
from accounts.api.identifiers import parse_uuid
from accounts.tenancy import account_scope, system_scope
from workflows.api.public import unlisted
from workflows.engine import clock
from workflows.engine.perform.settling import Settlement, settle_many
from workflows.engine.wake import Tick, wake
from workflows.messaging.models import Connection, ConnectionKind
from workflows.messaging.providers.messenger import SIGNATURE_HEADER, MessengerPage, is_genuine
from workflows.messaging.providers.messenger.callbacks import Echo, Progress, Received, read_callback
from workflows.messaging.services.messenger_inbox import Taken, take_message
from workflows.messaging.services.messenger_receipts import record_echo, record_progress
from workflows.models import DispatchStatus, WorkflowDispatch

logger = structlog.get_logger(__name__)

META = Actor(label="Meta")
LONGEST_CHALLENGE = 200
TAKEN = b"EVENT_RECEIVED"
"""What Meta's documentation answers with; any 200 will do."""


@unlisted
@require_http_methods(["GET", "POST"])
def messenger(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Take callbacks in; a forged one, and one for a connection that is not there, look alike: 403."""
    with system_scope("a callback names its connection before its account is known"):
        connection = Connection.objects.filter(id=connection_id, kind=ConnectionKind.MESSENGER).first()
    if connection is None:
        return HttpResponse(status=403)
    with account_scope(connection.account_id):
        page = MessengerPage.of(connection)
        if request.method == "GET":
            return answer_to_challenge(request, page)
        app_secret, signature = page.app_secret(), request.headers.get(SIGNATURE_HEADER, "")
        if app_secret is None or not is_genuine(app_secret=app_secret, body=request.body, signature=signature):
            logger.warning("a callback was not signed by its provider", connection_id=str(connection_id))
            return HttpResponse(status=403)
        for told in read_callback(request.body, page_id=page.page_id):
            take(page, told)
    return HttpResponse(TAKEN, content_type="text/plain")


def answer_to_challenge(request: HttpRequest, page: MessengerPage) -> HttpResponse:
    """Show Meta that the address is ours: repeat what it says if it knows the verify token."""
    token, challenge = (request.GET.get(f"hub.{name}", "") for name in ("verify_token", "challenge"))
    knows_token = hmac.compare_digest(token.encode(errors="replace"), page.verify_token.encode())
    if request.GET.get("hub.mode") != "subscribe" or not knows_token or len(challenge) > LONGEST_CHALLENGE:
        return HttpResponse(status=403)
    answer = HttpResponse(challenge.encode(errors="replace"), content_type="text/plain; charset=utf-8")
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


def take(page: MessengerPage, told: Received | Echo | Progress) -> None:
    now = clock.now()
    match told:
        case Received():
            taken = take_message(page=page, received=told, now=now)
            if taken is not None:
                have_done(page, told, taken)
        case Echo():
            echo(page, told)
        case Progress():
            record_progress(page=page, progress=told, now=now)
        case _:
            assert_never(told)


def have_done(page: MessengerPage, received: Received, taken: Taken) -> None:
    """Let workers make the calls that a message asks for: Meta waits for our answer, and should not."""
    account_id = str(page.account_id)
    if taken.answer_id:
        wake(Tick.ANSWER_ON_MESSENGER, account_id=account_id, message_id=str(taken.answer_id))
    if taken.is_new_contact:
        wake(
            Tick.MEET_ON_MESSENGER,
            account_id=account_id,
            connection_id=str(page.connection_id),
            contact_id=str(taken.contact_id),
            person=received.person,
        )


def echo(page: MessengerPage, told: Echo) -> None:
    """Bring a message up to date; a step that did not know whether it was sent goes on."""
    message_id, now = parse_uuid(told.metadata), clock.now()
    if message_id is None:
        return
    log_id = record_echo(page=page, message_id=message_id, echo=told, now=now)
    dispatches = WorkflowDispatch.objects.for_account(page.account_id)
    if log_id and dispatches.filter(id=message_id, status=DispatchStatus.UNKNOWN).exists():
        settle_many(account_id=page.account_id, actor=META, log_ids=[log_id], outcome=Settlement.SENT, now=now)
