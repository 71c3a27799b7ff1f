"""Which connection a Facebook page belongs to."""

from uuid import UUID

from django.db.models import QuerySet

from workflows.messaging.models import Connection, ConnectionKind
from workflows.messaging.postbox import POSTBOX_HOST
from workflows.messaging.providers.messenger import API_HOST, MessengerPage

API_HOSTS = (API_HOST, POSTBOX_HOST)


def pages(account_id: UUID) -> QuerySet[Connection]:
    """Return the account's connections to pages."""
    return Connection.objects.for_account(account_id).filter(kind=ConnectionKind.MESSENGER)


def with_page_id(account_id: UUID, page_id: str) -> QuerySet[Connection]:
    """Return the account's connection to a page, by Meta's id."""
    return pages(account_id).filter(settings__page_id=page_id)


def page_of(*, account_id: UUID, connection_id: UUID) -> MessengerPage | None:
    """Return the page of an enabled connection; None when the account has none of this id."""
    connection = pages(account_id).filter(id=connection_id, is_enabled=True).first()
    return MessengerPage.of(connection) if connection else None
