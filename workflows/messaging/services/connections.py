"""Connections to providers, as people make, change and try them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from uuid_utils.compat import uuid7

from accounts import audit
from accounts.actors import Actor
from accounts.problems import Conflict, Invalid, Missing, Problem
from workflows.messaging.models import Connection, ConnectionKind, ConnectionStatus
from workflows.messaging.outbound import Deadline, NotSent, OutboundError, checked_target
from workflows.messaging.providers.smtp import POSTBOX_HOST, Server
from workflows.messaging.providers.smtp.pool import say_goodbye
from workflows.messaging.providers.smtp.session import Session
from workflows.messaging.secrets import UnreadableSecret, create_secret, delete_secret, replace_secret
from workflows.messaging.services import twilio_connections
from workflows.messaging.services.connecting import connect

DEFAULT_PORTS = {"tls": 465, "starttls": 587, "none": 25}
"""By how the connection is secured."""
ERROR_LENGTH = 500
SECONDS = 15.0
"""For a try, all told."""


@transaction.atomic
def create_connection(
    *,
    account_id: UUID,
    actor: Actor,
    kind: str,
    name: str,
    settings: Mapping[str, Any],
    password: str | None = None,
    is_enabled: bool = True,
) -> Connection:
    """Make a connection; its password becomes a secret.

    Invalid for settings that cannot be, such as a host that must not be called (`number_taken`); Conflict `name_taken`.
    """
    complete = KINDS[ConnectionKind(kind)].complete(settings, account_id=account_id, connection_id=None)
    secret_id = keep_password(account_id=account_id, actor=actor, password=password) if password else None
    made = connect(
        account_id=account_id,
        actor=actor,
        kind=ConnectionKind(kind),
        name=name,
        settings=complete,
        secret_id=secret_id,
    )
    if not is_enabled:
        made.is_enabled = False
        made.save(update_fields=["is_enabled"])
    return made


@transaction.atomic
def change_connection(*, account_id: UUID, actor: Actor, connection_id: UUID, changes: Mapping[str, Any]) -> Connection:
    """Change what is named; `settings` are merged into the present ones, a `password` of null is forgotten.

    Whoever leads a connection elsewhere sends its password again, so that nobody learns one by way of an own server.
    """
    connection = locked(account_id, connection_id)
    before = facts(connection)
    if "settings" in changes:
        kind = KINDS[ConnectionKind(connection.kind)]
        merged = {**connection.settings, **changes["settings"]}
        settings = kind.complete(merged, account_id=account_id, connection_id=connection_id)
        leads_elsewhere = any(connection.settings.get(place) != settings[place] for place in kind.places)
        if connection.secret_id and leads_elsewhere and "password" not in changes:
            detail = "Send the password again when the connection leads elsewhere."
            raise Invalid(Problem("required", detail, "password"))
        if settings != connection.settings:
            connection.status, connection.last_error, connection.checked_at = ConnectionStatus.UNTESTED, "", None
        connection.settings = settings
    connection.name = changes.get("name", connection.name)
    connection.is_enabled = changes.get("is_enabled", connection.is_enabled)
    forgotten = None
    if "password" in changes:
        forgotten = set_password(connection, changes["password"], actor)
    try:
        with transaction.atomic():
            connection.save()
    except IntegrityError as error:
        raise Conflict("name_taken", f"There is a connection named {connection.name} already.", "name") from error
    if forgotten:
        delete_secret(account_id=account_id, actor=actor, secret_id=forgotten)
    note(connection, actor, "connection.updated", before=before, after=facts(connection))
    return connection


@transaction.atomic
def delete_connection(*, account_id: UUID, actor: Actor, connection_id: UUID) -> None:
    """Forget a connection and its password."""
    connection = locked(account_id, connection_id)
    secret_id = connection.secret_id
    note(connection, actor, "connection.deleted", before=facts(connection))
    connection.delete()
    if secret_id and not Connection.objects.for_account(account_id).filter(secret_id=secret_id).exists():
        delete_secret(account_id=account_id, actor=actor, secret_id=secret_id)


def try_connection(*, account_id: UUID, connection_id: UUID, now: datetime) -> Connection:
    """Connect and sign in for real, send nothing, and note how it went. Call it outside any transaction."""
    rows = Connection.objects.for_account(account_id).filter(id=connection_id)
    connection = rows.first()
    if connection is None:
        raise Missing
    error = ""
    try:
        KINDS[ConnectionKind(connection.kind)].try_out(connection)
    except OutboundError as problem:
        error = problem.message[:ERROR_LENGTH] or "It failed."
    except UnreadableSecret as problem:
        error = str(problem)[:ERROR_LENGTH]
    status = ConnectionStatus.FAILING if error else ConnectionStatus.WORKING
    if not rows.filter(updated_at=connection.updated_at).update(status=status, last_error=error, checked_at=now):
        raise Conflict("changed_meanwhile", "The connection was changed while it was tried; try again.")
    connection.status, connection.last_error, connection.checked_at = status, error, now
    return connection


def complete_smtp_settings(
    settings: Mapping[str, Any], *, account_id: UUID, connection_id: UUID | None
) -> dict[str, Any]:
    """Return the settings with their defaults, or refuse a host that cannot or must not be connected to."""
    security = settings.get("security", "starttls")
    host = settings["host"].strip().lower()
    port = settings.get("port") or DEFAULT_PORTS[security]
    if host != POSTBOX_HOST:
        try:
            target = checked_target(f"http://{f'[{host}]' if ':' in host else host}:{port}/")
        except NotSent as problem:
            raise Invalid(Problem("invalid", problem.message, "settings.host")) from None
        if target.host != host:
            raise Invalid(Problem("invalid", "Give the name of the mail server alone.", "settings.host"))
    return {"host": host, "port": port, "security": security, "username": settings.get("username", "")}


def try_smtp(connection: Connection) -> None:
    say_goodbye(Session(Server.of(connection), Deadline.after(SECONDS)))


@dataclass(frozen=True, slots=True)
class Kind:
    """What connections of one kind do in their own way."""

    complete: Callable[..., dict[str, Any]]
    """Return given settings with their defaults, or raise Invalid."""
    try_out: Callable[[Connection], None]
    """Connect and sign in for real; raises OutboundError."""
    places: tuple[str, ...]
    """Settings that say where the password goes."""


KINDS = {
    ConnectionKind.SMTP: Kind(complete_smtp_settings, try_smtp, ("host", "port", "security")),
    ConnectionKind.TWILIO: Kind(
        twilio_connections.complete_settings, twilio_connections.try_out, ("account_sid", "api_host")
    ),
}


def keep_password(*, account_id: UUID, actor: Actor, password: str) -> UUID:
    secret = create_secret(account_id=account_id, actor=actor, name=f"connection password {uuid7()}", value=password)
    return secret.id


def set_password(connection: Connection, password: str | None, actor: Actor) -> UUID | None:
    """Give the connection another password or, with None, none; return the secret to delete once it is saved."""
    account_id, secret_id = connection.account_id, connection.secret_id
    if not password:
        connection.secret_id = None
        return secret_id
    if secret_id:
        replace_secret(account_id=account_id, actor=actor, secret_id=secret_id, value=password)
    else:
        connection.secret_id = keep_password(account_id=account_id, actor=actor, password=password)
    return None


def locked(account_id: UUID, connection_id: UUID) -> Connection:
    connection = Connection.objects.for_account(account_id).select_for_update().filter(id=connection_id).first()
    if connection is None:
        raise Missing
    return connection


def facts(connection: Connection) -> dict[str, Any]:
    """Return what the audit log keeps."""
    return {
        "name": connection.name,
        "kind": connection.kind,
        **connection.settings,
        "has_password": connection.secret_id is not None,
        "is_enabled": connection.is_enabled,
    }


def note(
    connection: Connection,
    actor: Actor,
    verb: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    audit.record(
        account_id=connection.account_id,
        actor=actor,
        verb=verb,
        object_type="connection",
        object_id=connection.id,
        before=before,
        after=after,
    )
