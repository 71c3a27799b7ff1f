"""The mail servers of an account."""

from uuid import UUID

from workflows.messaging.models import Connection, ConnectionKind


def choose_smtp(*, account_id: UUID, connection_id: UUID | None = None) -> Connection | None:
    """Return the connection asked for, else the account's first; None when there is none that is enabled."""
    enabled = Connection.objects.for_account(account_id).filter(kind=ConnectionKind.SMTP, is_enabled=True)
    return enabled.filter(id=connection_id).first() if connection_id else enabled.order_by("id").first()
