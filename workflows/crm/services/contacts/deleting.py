"""Deleting contacts: softly, with their addresses freed and their runs ended."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from django.db import connection

from accounts.actors import Actor
from accounts.audit import AuditRecord, record_many
from workflows.crm import arrays
from workflows.crm.catalogue import CONTACT_FACTS
from workflows.crm.copies import BY_HAND, Cause
from workflows.crm.events import NewEvent, record_events
from workflows.crm.models import Contact
from workflows.crm.services.campaign_members import remove_everywhere
from workflows.crm.services.course_access import end_everywhere
from workflows.crm.services.locking import lock_contacts


class DeleteCallback(Protocol):
    """Called in the deleting transaction with the contacts that are going."""

    def __call__(self, *, account_id: UUID, contact_ids: Collection[UUID], now: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class _Hook:
    before_lock: DeleteCallback
    after_lock: DeleteCallback


_hooks: list[_Hook] = []


def on_delete(*, before_lock: DeleteCallback, after_lock: DeleteCallback) -> Callable[[], None]:
    """Have both functions called whenever contacts are deleted; return a function that ends this.

    The product's lock order is workflow → execution → contact. So `before_lock` is called before the contacts are
    locked, to lock and end what hangs on them, and `after_lock` once they are, to end what came meanwhile: nothing new
    can come then. Both run in the deleting transaction; `before_lock` may be told of a contact that someone else
    deletes at the same moment, `after_lock` only of those that are being deleted here.
    """
    hook = _Hook(before_lock, after_lock)
    _hooks.append(hook)
    return lambda: _hooks.remove(hook)


def delete_contacts(
    *, account_id: UUID, actor: Actor, contact_ids: Collection[UUID], now: datetime, cause: Cause = BY_HAND
) -> set[UUID]:
    """Delete the account's contacts among `contact_ids`; return those that were still there.

    Their e-mail addresses, phone numbers and foreign ids are free again at once. Records `contact_deleted`; audited.
    """
    own_ids = set(
        Contact.objects.for_account(account_id).present().filter(id__in=contact_ids).values_list("id", flat=True)
    )
    for hook in _hooks:
        hook.before_lock(account_id=account_id, contact_ids=own_ids, now=now)
    contacts = lock_contacts(account_id=account_id, contact_ids=own_ids)
    if not contacts:
        return set()
    for hook in _hooks:
        hook.after_lock(account_id=account_id, contact_ids=contacts.keys(), now=now)
    remove_everywhere(contact_ids=contacts, now=now)
    end_everywhere(contact_ids=contacts, now=now)
    id_list = arrays.ids(contacts)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM crm_contactidentity WHERE contact_id = ANY(%s::uuid[])", [id_list])
        cursor.execute(
            "UPDATE crm_contact SET deleted_at = %s, updated_at = %s WHERE id = ANY(%s::uuid[])", [now, now, id_list]
        )
    facts = {contact.id: {name: getattr(contact, name) for name in CONTACT_FACTS} for contact in contacts.values()}
    record_many(
        account_id=account_id,
        actor=actor,
        entries=[
            AuditRecord(
                verb="contact.deleted", object_type="contact", object_id=contact_id, before=facts[contact_id], after={}
            )
            for contact_id in contacts
        ],
        now=now,
    )
    events = [NewEvent(contact_id, "contact_deleted", facts[contact_id], cause) for contact_id in contacts]
    record_events(account_id=account_id, events=events, now=now)
    return set(contacts)
