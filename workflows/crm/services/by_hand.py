"""What people do to single contacts and their records: each function locks the contact, does it and audits it.

The set-based services beside this one are what workflows use; they leave audit entries only where fields of contacts
change. Every function is one transaction; Missing when the account has no such contact or record.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts import audit
from accounts.actors import Actor
from accounts.problems import Conflict, Missing
from workflows.crm.copies import ContactCopy
from workflows.crm.folding import fold
from workflows.crm.models import Consent, Note, NoteType, Tag, Task
from workflows.crm.refusals import accepted
from workflows.crm.services.consents import ConsentChange, set_consents
from workflows.crm.services.contacts import (
    ContactDraft,
    DuplicateHandling,
    FieldChange,
    Upserted,
    create_contacts,
    delete_contacts,
    update_contacts,
)
from workflows.crm.services.locking import lock_contacts
from workflows.crm.services.notes import NoteDraft, add_notes
from workflows.crm.services.tags import TagChange, add_tags, remove_tags
from workflows.crm.services.tasks import TaskDraft, create_tasks, update_task


@transaction.atomic
def create_contact(
    *,
    account_id: UUID,
    actor: Actor,
    draft: ContactDraft,
    duplicate_handling: str = DuplicateHandling.REFUSE,
    now: datetime,
) -> Upserted:
    """Create a contact; Conflict (`contact_exists`) when there is one and it is to be refused, Invalid as for many."""
    (answer,) = create_contacts(
        account_id=account_id, actor=actor, drafts=[draft], duplicate_handling=duplicate_handling, now=now
    )
    return accepted(answer)


@transaction.atomic
def change_contact(
    *,
    account_id: UUID,
    actor: Actor,
    contact_id: UUID,
    values: Mapping[str, Any],
    tags: Sequence[str] | None = None,
    now: datetime,
) -> None:
    """Write fields (by column, or `custom_fields.<key>`); `tags` are all it has from then on, None leaves them."""
    contact = _locked(account_id, contact_id)
    (answer,) = update_contacts(account_id=account_id, actor=actor, changes=[FieldChange(contact, values)], now=now)
    accepted(answer)
    if tags is None:
        return
    before = sorted(contact.tags.values())
    wanted = {fold(name) for name in tags}
    leaving = [TagChange(contact, name) for folded, name in contact.tags.items() if folded not in wanted]
    add_tags(account_id=account_id, changes=[TagChange(contact, name) for name in tags], now=now)
    remove_tags(account_id=account_id, changes=leaving, now=now)
    after = sorted(contact.tags.values())
    if after != before:
        _record_tags(account_id, actor, contact_id, before, after)


@transaction.atomic
def delete_contact(*, account_id: UUID, actor: Actor, contact_id: UUID, now: datetime) -> None:
    """Delete a contact; its runs through workflows end."""
    if not delete_contacts(account_id=account_id, actor=actor, contact_ids=[contact_id], now=now):
        raise Missing


@transaction.atomic
def tag_contact(
    *, account_id: UUID, actor: Actor, contact_id: UUID, name: str, color: str = "", now: datetime
) -> tuple[Tag, bool]:
    """Put a tag on a contact, making it when missing; return it and whether it is new on the contact."""
    contact = _locked(account_id, contact_id)
    before = sorted(contact.tags.values())
    (is_new,) = add_tags(account_id=account_id, changes=[TagChange(contact, name, color)], now=now)
    if is_new:
        _record_tags(account_id, actor, contact_id, before, sorted(contact.tags.values()))
    return Tag.objects.for_account(account_id).get(folded_name=fold(name)), is_new


@transaction.atomic
def untag_contact(*, account_id: UUID, actor: Actor, contact_id: UUID, name: str, now: datetime) -> None:
    """Take a tag off a contact; Missing when it is not on it."""
    contact = _locked(account_id, contact_id)
    before = sorted(contact.tags.values())
    if not any(remove_tags(account_id=account_id, changes=[TagChange(contact, name)], now=now)):
        raise Missing
    _record_tags(account_id, actor, contact_id, before, sorted(contact.tags.values()))


@transaction.atomic
def add_note(
    *,
    account_id: UUID,
    actor: Actor,
    contact_id: UUID,
    content: str,
    note_type: str = NoteType.GENERAL,
    now: datetime,
) -> Note:
    """Write a note about a contact (1–5000 characters) in the actor's name."""
    contact = _locked(account_id, contact_id)
    draft = NoteDraft(contact, content, note_type=note_type, author_id=actor.user_id)
    (note_id,) = add_notes(account_id=account_id, drafts=[draft], now=now)
    _record(
        account_id, actor, "note.created", "note", note_id, None, {"contact_id": str(contact_id), "content": content}
    )
    return Note.objects.for_account(account_id).get(id=note_id)


@transaction.atomic
def create_task(*, account_id: UUID, actor: Actor, contact_id: UUID, now: datetime, **values: Any) -> Task:
    """Make a task about a contact: `title`, and `description`, `due_at`, `assignee_id`, `priority` where wanted."""
    draft = TaskDraft(_locked(account_id, contact_id), **values)
    (answer,) = create_tasks(account_id=account_id, drafts=[draft], now=now)
    task_id = accepted(answer)
    after = {"contact_id": str(contact_id), **_as_json(values)}
    _record(account_id, actor, "task.created", "task", task_id, None, after)
    return Task.objects.for_account(account_id).get(id=task_id)


@transaction.atomic
def change_task(*, account_id: UUID, actor: Actor, task_id: UUID, values: Mapping[str, Any], now: datetime) -> Task:
    """Change some of a task's `title`, `description`, `due_at`, `assignee_id`, `priority`, `status`."""
    lock = Task.objects.for_account(account_id).filter(id=task_id)
    contact_id = lock.values_list("contact_id", flat=True).first()
    if contact_id is None:
        raise Missing
    _locked(account_id, contact_id)
    before = {name: getattr(lock.get(), name) for name in values}
    task = update_task(account_id=account_id, task_id=task_id, values=values, now=now)
    changed = [name for name in values if getattr(task, name) != before[name]]
    if changed:
        facts = _as_json({name: before[name] for name in changed}), _as_json({name: values[name] for name in changed})
        _record(account_id, actor, "task.changed", "task", task_id, *facts)
    return task


@transaction.atomic
def record_consent(
    *,
    account_id: UUID,
    actor: Actor,
    contact_id: UUID,
    channel: str,
    state: str,
    recorded_at: datetime,
    evidence: str = "",
    now: datetime,
) -> Consent:
    """Record what a contact said on a channel; Conflict (`consent_outdated`) when a later word is on record."""
    _locked(account_id, contact_id)
    consents = Consent.objects.for_account(account_id).filter(contact_id=contact_id, channel=channel)
    before = consents.values("channel", "state", "evidence", "recorded_at").first()
    change = ConsentChange(contact_id, channel, state, recorded_at, evidence)
    set_consents(account_id=account_id, changes=[change], now=now)
    consent = consents.get()
    if consent.state != state:
        detail = f"A later word is on record: {consent.state} of {consent.recorded_at.isoformat()}."
        raise Conflict("consent_outdated", detail, "recorded_at")
    after = consents.values("channel", "state", "evidence", "recorded_at").get()
    if after != before:
        facts = before and _as_json(before), _as_json(after)
        _record(account_id, actor, "contact.consented", "contact", contact_id, *facts)
    return consent


def _locked(account_id: UUID, contact_id: UUID) -> ContactCopy:
    contacts = lock_contacts(account_id=account_id, contact_ids=[contact_id])
    if not contacts:
        raise Missing
    return contacts[contact_id]


def _as_json(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else str(value) if isinstance(value, UUID) else value
        for name, value in values.items()
    }


def _record_tags(account_id: UUID, actor: Actor, contact_id: UUID, before: Sequence[str], after: Sequence[str]) -> None:
    _record(account_id, actor, "contact.tagged", "contact", contact_id, {"tags": before}, {"tags": after})


def _record(
    account_id: UUID,
    actor: Actor,
    verb: str,
    object_type: str,
    object_id: UUID,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any],
) -> None:
    audit.record(
        account_id=account_id,
        actor=actor,
        verb=verb,
        object_type=object_type,
        object_id=object_id,
        before=before,
        after=after,
    )
