"""What an account sends its mail through: mail servers and mail services."""

from uuid import UUID, uuid5

from django.conf import settings

from accounts.actors import Actor
from workflows.messaging.models import Connection, ConnectionKind
from workflows.messaging.models.connection import MAIL_KINDS
from workflows.messaging.postbox import POSTBOX_HOST
from workflows.messaging.services.connecting import connect


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
    options = {"host": host, "port": port, "security": security, "username": username}
    return connect(
        account_id=account_id,
        actor=actor,
        kind=ConnectionKind.SMTP,
        name=name,
        settings=options,
        secret_id=secret_id,
    )


def choose_mail(*, account_id: UUID, connection_id: UUID | None = None) -> Connection | None:
    """Return the connection asked for, else the account's oldest that mail goes through, of whatever kind.

    None when there is none that is enabled.

    Where the postbox is the default mail server, as with `make run`, an account without any connection has that one.
    """
    connections = Connection.objects.for_account(account_id).filter(kind__in=MAIL_KINDS)
    enabled = connections.filter(is_enabled=True)
    if connection_id:
        return enabled.filter(id=connection_id).first()
    chosen = enabled.order_by("id").first()
    if chosen is None and settings.POSTBOX_IS_DEFAULT and not connections.exists():
        return postbox_of(account_id)
    return chosen


def postbox_of(account_id: UUID) -> Connection:
    """Return a connection to the postbox that is in no table."""
    return Connection(
        id=uuid5(account_id, POSTBOX_HOST),
        account_id=account_id,
        kind=ConnectionKind.SMTP,
        name="Postbox",
        settings={"host": POSTBOX_HOST, "security": "none"},
    )
