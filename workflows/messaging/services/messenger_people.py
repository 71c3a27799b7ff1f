"""Whom Meta knows by which id: page-scoped, another one for each page."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts.actors import Actor
from workflows.crm.models import ContactIdentity, IdentityKind
from workflows.crm.services.contacts import (
    ContactDraft,
    DuplicateHandling,
    FieldChange,
    Upserted,
    create_contacts,
    update_contacts,
)
from workflows.crm.services.contacts.identities import Identity, find_owners
from workflows.crm.services.locking import lock_contacts
from workflows.messaging.outbound import OutboundError
from workflows.messaging.providers.messenger import name_of
from workflows.messaging.services.messenger_pages import page_of

MESSENGER = Actor(label="Messenger")
SOURCE = "messenger"
"""Of contacts who wrote first; and of an external id that was given without its page."""


def source_of(page_id: str) -> str:
    """Return the name under which `external_ids` hold the ids of a page."""
    return f"{SOURCE}:{page_id}"


def people_of(*, account_id: UUID, page_id: str, contact_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the page-scoped ids of those contacts that have one, an id of this page first, then the newest."""
    own = source_of(page_id)
    rows = ContactIdentity.objects.for_account(account_id).filter(
        contact_id__in=contact_ids, kind=IdentityKind.EXTERNAL, source__in=(own, SOURCE)
    )
    found = sorted(rows.values_list("id", "contact_id", "source", "value"), key=lambda row: (row[2] == own, row[0]))
    return {contact_id: value for _, contact_id, _, value in found}


def contact_of(*, account_id: UUID, page_id: str, person: str) -> UUID | None:
    """Return the contact with a page-scoped id, or None; one query."""
    identities = [Identity(IdentityKind.EXTERNAL, source, person) for source in (source_of(page_id), SOURCE)]
    owners = find_owners(account_id=account_id, identities=identities)
    return next((owners[identity] for identity in identities if identity in owners), None)


def meet(*, account_id: UUID, page_id: str, person: str, now: datetime) -> tuple[UUID, bool]:
    """Return the contact with a page-scoped id and whether it is new: who writes first becomes a contact."""
    contact_id = contact_of(account_id=account_id, page_id=page_id, person=person)
    if contact_id is not None:
        return contact_id, False
    draft = ContactDraft(source=SOURCE, external_ids={source_of(page_id): person})
    (made,) = create_contacts(
        account_id=account_id, actor=MESSENGER, drafts=[draft], duplicate_handling=DuplicateHandling.SKIP, now=now
    )
    assert isinstance(made, Upserted)
    return made.contact_id, made.created


def learn_name(*, account_id: UUID, connection_id: UUID, contact_id: UUID, person: str, now: datetime) -> bool:
    """Ask Meta for the name of somebody new and keep it, unless one is known; tell whether it was kept.

    Makes a call; not to be used within a transaction. Where Meta does not tell, the contact stays without a name.
    """
    page = page_of(account_id=account_id, connection_id=connection_id)
    if page is None:
        return False
    try:
        first_name, last_name = name_of(page, person)
    except OutboundError:
        return False
    with transaction.atomic():
        contact = lock_contacts(account_id=account_id, contact_ids=[contact_id]).get(contact_id)
        if contact is None or contact.first_name or contact.last_name or not (first_name or last_name):
            return False
        change = FieldChange(contact, {"first_name": first_name, "last_name": last_name})
        update_contacts(account_id=account_id, actor=MESSENGER, changes=[change], now=now)
    return True
