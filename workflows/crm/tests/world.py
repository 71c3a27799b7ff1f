"""What the tests of crm share: a time, locked copies, and the events as a list."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.test.utils import CaptureQueriesContext

from workflows.crm.copies import ContactCopy
from workflows.crm.models import Contact, Event
from workflows.crm.services.locking import lock_contacts

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def locked(*contacts: Contact) -> list[ContactCopy]:
    """Return the contacts' copies, locked, in the order given."""
    copies = lock_contacts(account_id=contacts[0].account_id, contact_ids=[contact.id for contact in contacts])
    return [copies[contact.id] for contact in contacts]


def told(contact_id: UUID | None = None) -> list[tuple[str, dict[str, Any]]]:
    """Return type and data of the events, in order."""
    events = Event.objects.order_by("sequence")
    if contact_id is not None:
        events = events.filter(contact_id=contact_id)
    return [(event.event_type, event.data) for event in events]


def count_queries(call: Callable[[], Any]) -> int:
    """Return how many statements the call sends, savepoints left out."""
    captured: AbstractContextManager[Any] = CaptureQueriesContext(connection)
    with captured as queries:
        call()
    return sum("SAVEPOINT" not in query["sql"] for query in queries)
