"""The mail servers of an account."""

from uuid import UUID

from django.db import IntegrityError, transaction

from accounts import audit
from accounts.actors import Actor
from accounts.problems import Conflict
from workflows.messaging.models import Connection, ConnectionKind


def connect_smtp(
    *,
    account_id: UUID,
    actor: Actor,
    name: str,
    host: str,
    port: int = 0,
    security: str = "none",
    username: str = "",
    secret_id: UUID | None = None,
) -> Connection:
    """Make a connection to a mail server; raises Conflict (`name_taken`).

    The host `postbox.test` is the postbox of this installation, whatever its port is today.
    """
    settings = {"host": host, "port": port, "security": security, "username": username}
    try:
        with transaction.atomic():
            connection = Connection.objects.create(
                account_id=account_id, kind=ConnectionKind.SMTP, name=name, settings=settings, secret_id=secret_id
            )
            audit.record(
                account_id=account_id,
                actor=actor,
                verb="connection.created",
                object_type="connection",
                object_id=connection.id,
                after={"name": name, "kind": ConnectionKind.SMTP.value, **settings},
            )
    except IntegrityError as error:
        raise Conflict("name_taken", f"There is a connection named {name} already.", "name") from error
    return connection


def choose_smtp(*, account_id: UUID, connection_id: UUID | None = None) -> Connection | None:
    """Return the connection asked for, else the account's first; None when there is none that is enabled."""
    enabled = Connection.objects.for_account(account_id).filter(kind=ConnectionKind.SMTP, is_enabled=True)
    return enabled.filter(id=connection_id).first() if connection_id else enabled.order_by("id").first()
