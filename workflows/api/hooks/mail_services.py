"""What mail services tell of mails: each callback is checked in its service's way, on the raw body."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

import structlog
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from accounts.actors import Actor
from accounts.api.identifiers import parse_uuid
from accounts.tenancy import account_scope, system_scope
from workflows.api.public import unlisted
from workflows.engine import clock
from workflows.engine.perform.settling import Settlement, settle_many
from workflows.messaging.models import Connection
from workflows.messaging.outbound import OutboundError
from workflows.messaging.providers.mail_services import SERVICES, Callback, Forged, MailEvent, ServiceAccount
from workflows.messaging.secrets import SecretText, UnreadableSecret, reveal_secrets
from workflows.messaging.services.mail_receipts import Service, record_mail_event
from workflows.models import DispatchStatus, WorkflowDispatch

logger = structlog.get_logger(__name__)


def mail_service(kind: str) -> Callable[..., HttpResponse]:
    """Return the view that one service calls."""

    @unlisted
    @require_POST
    def tell(request: HttpRequest, connection_id: UUID) -> HttpResponse:
        """Take events; forged ones, and those for a connection that is not there, look alike: 403."""
        with system_scope("a callback names its connection before its account is known"):
            connection = Connection.objects.filter(id=connection_id, kind=kind).first()
        if connection is None:
            return HttpResponse(status=403)
        now = clock.now()
        with account_scope(connection.account_id):
            try:
                events = read(connection, request, now)
            except Forged:
                logger.warning("a callback was not signed by its provider", connection_id=str(connection_id))
                return HttpResponse(status=403)
            except OutboundError:  # a certificate could not be fetched; the service tries again
                return HttpResponse(status=503, headers={"Retry-After": "60"})
            for event in events:
                record(connection, event, now)
        return HttpResponse(status=200)

    return tell


def read(connection: Connection, request: HttpRequest, now: datetime) -> Sequence[MailEvent]:
    """Return what a callback tells; Forged unless it comes from the service."""
    callback = Callback(body=request.body, headers=request.headers, now=now)
    return SERVICES[connection.kind].read(ServiceAccount.of(connection), callback, webhook_secret(connection))


def webhook_secret(connection: Connection) -> SecretText | None:
    secret_id = connection.webhook_secret_id
    if secret_id is None:
        return None
    try:
        return reveal_secrets(account_id=connection.account_id, secret_ids=[secret_id])[secret_id]
    except UnreadableSecret:
        return None


def record(connection: Connection, event: MailEvent, now: datetime) -> None:
    """Bring a mail up to date; a step that did not know whether it was sent goes on."""
    account_id, message_id = connection.account_id, parse_uuid(event.message_id)
    label = SERVICES[connection.kind].label
    service = Service(account_id, connection.id, label)
    log_id = record_mail_event(service=service, event=event, message_id=message_id, now=now)
    if log_id is None or message_id is None:
        return
    unknown = WorkflowDispatch.objects.for_account(account_id).filter(id=message_id, status=DispatchStatus.UNKNOWN)
    if unknown.exists():
        actor = Actor(label=label)
        settle_many(account_id=account_id, actor=actor, log_ids=[log_id], outcome=Settlement.SENT, now=now)
