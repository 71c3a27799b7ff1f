"""Connections to providers, as people make, change and try them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from uuid_utils.compat import uuid7

from accounts import audit
from accounts.actors import Actor
from accounts.problems import Conflict, Invalid, Missing, Problem
from workflows.messaging.models import Connection, ConnectionKind, ConnectionStatus
from workflows.messaging.outbound import OutboundError
from workflows.messaging.secrets import UnreadableSecret, create_secret, delete_secret, replace_secret
from workflows.messaging.services.connecting import connect, facts
from workflows.messaging.services.connection_kinds import KINDS

SECRETS = {"password": "secret_id", "webhook_secret": "webhook_secret_id"}
"""What people call the secrets of a connection, and its columns."""
ERROR_LENGTH = 500


@transaction.atomic
def create_connection(
    *,
    account_id: UUID,
    actor: Actor,
    kind: str,
    name: str,
    settings: Mapping[str, Any],
    password: str | None = None,
    webhook_secret: str | None = None,
    messages_per_second: int | None = None,
    is_enabled: bool = True,
) -> Connection:
    """Make a connection; its password and its webhook secret become secrets.

    Invalid for settings that cannot be, such as a host that must not be called (`number_taken`); Conflict `name_taken`.
    """
    complete = KINDS[ConnectionKind(kind)].complete(settings, account_id=account_id, connection_id=None)
    check_webhook_secret(kind, webhook_secret)
    given = {"password": password, "webhook_secret": webhook_secret}
    secrets = {
        SECRETS[name]: keep(name, value, account_id=account_id, actor=actor) for name, value in given.items() if value
    }
    return connect(
        account_id=account_id,
        actor=actor,
        kind=ConnectionKind(kind),
        name=name,
        settings=complete,
        messages_per_second=messages_per_second,
        is_enabled=is_enabled,
        **secrets,
    )


@transaction.atomic
def change_connection(*, account_id: UUID, actor: Actor, connection_id: UUID, changes: Mapping[str, Any]) -> Connection:
    """Change what is named; `settings` are merged into the present ones, a secret of null is forgotten.

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
    connection.messages_per_second = changes.get("messages_per_second", connection.messages_per_second)
    check_webhook_secret(connection.kind, changes.get("webhook_secret"))
    forgotten = [set_secret(connection, name, changes[name], actor) for name in SECRETS if name in changes]
    try:
        with transaction.atomic():
            connection.save()
    except IntegrityError as error:
        raise Conflict("name_taken", f"There is a connection named {connection.name} already.", "name") from error
    for secret_id in filter(None, forgotten):
        delete_secret(account_id=account_id, actor=actor, secret_id=secret_id)
    note(connection, actor, "connection.updated", before=before, after=facts(connection))
    return connection


@transaction.atomic
def delete_connection(*, account_id: UUID, actor: Actor, connection_id: UUID) -> None:
    """Forget a connection and its secrets."""
    connection = locked(account_id, connection_id)
    secret_ids = {getattr(connection, column) for column in SECRETS.values()} - {None}
    note(connection, actor, "connection.deleted", before=facts(connection))
    connection.delete()
    others = Connection.objects.for_account(account_id)
    for secret_id in secret_ids:
        if not others.filter(Q(secret_id=secret_id) | Q(webhook_secret_id=secret_id)).exists():
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


def check_webhook_secret(kind: str, given: str | None) -> None:
    if given and not KINDS[ConnectionKind(kind)].has_webhook_secret:
        raise Invalid(Problem("invalid", f"A connection of the kind {kind} has no webhook secret.", "webhook_secret"))


def keep(name: str, value: str, *, account_id: UUID, actor: Actor) -> UUID:
    """Keep a password or webhook secret as a secret of the account."""
    title = f"connection {name.replace('_', ' ')} {uuid7()}"
    return create_secret(account_id=account_id, actor=actor, name=title, value=value).id


def set_secret(connection: Connection, name: str, value: str | None, actor: Actor) -> UUID | None:
    """Give the connection another secret or, with None, none; return the secret to delete once it is saved."""
    account_id, column = connection.account_id, SECRETS[name]
    secret_id: UUID | None = getattr(connection, column)
    if not value:
        setattr(connection, column, None)
        return secret_id
    if secret_id:
        replace_secret(account_id=account_id, actor=actor, secret_id=secret_id, value=value)
    else:
        setattr(connection, column, keep(name, value, account_id=account_id, actor=actor))
    return None


def locked(account_id: UUID, connection_id: UUID) -> Connection:
    connection = Connection.objects.for_account(account_id).select_for_update().filter(id=connection_id).first()
    if connection is None:
        raise Missing
    return connection


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
