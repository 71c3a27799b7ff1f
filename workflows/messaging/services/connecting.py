"""Making the row of a connection, of whatever kind."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts import audit
from accounts.actors import Actor
from accounts.problems import Conflict
from workflows.messaging.models import Connection, ConnectionKind


def connect(
    *,
    account_id: UUID,
    actor: Actor,
    kind: ConnectionKind,
    name: str,
    settings: Mapping[str, Any],
    secret_id: UUID | None = None,
    webhook_secret_id: UUID | None = None,
    messages_per_second: int | None = None,
    is_enabled: bool = True,
) -> Connection:
    """Make a connection with settings that are complete; raises Conflict (`name_taken`)."""
    try:
        with transaction.atomic():
            connection = Connection.objects.create(
                account_id=account_id,
                kind=kind.value,
                name=name,
                settings=dict(settings),
                secret_id=secret_id,
                webhook_secret_id=webhook_secret_id,
                messages_per_second=messages_per_second,
                is_enabled=is_enabled,
            )
            audit.record(
                account_id=account_id,
                actor=actor,
                verb="connection.created",
                object_type="connection",
                object_id=connection.id,
                after=facts(connection),
            )
    except IntegrityError as error:
        raise Conflict("name_taken", f"There is a connection named {name} already.", "name") from error
    return connection


def facts(connection: Connection) -> dict[str, Any]:
    """Return what the audit log keeps: of secrets only whether there are any."""
    return {
        "name": connection.name,
        "kind": connection.kind,
        **connection.settings,
        "has_password": connection.secret_id is not None,
        "has_webhook_secret": connection.webhook_secret_id is not None,
        "messages_per_second": connection.messages_per_second,
        "is_enabled": connection.is_enabled,
    }
