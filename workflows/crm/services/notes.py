"""Writing notes about contacts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from uuid_utils.compat import uuid7

from accounts import audit
from accounts.actors import Actor
from accounts.problems import Missing
from workflows.crm import arrays
from workflows.crm.copies import BY_HAND, Cause, ContactCopy
from workflows.crm.events import NewEvent, record_events
from workflows.crm.models import Note, NoteType
from workflows.crm.services.locking import lock_contacts


@dataclass(slots=True, eq=False)
class NoteDraft:
    """A note to write about a locked contact; `content` is 1–5000 characters."""

    contact: ContactCopy
    content: str
    note_type: str = NoteType.GENERAL
    author_id: UUID | None = None
    cause: Cause = BY_HAND


def add_notes(*, account_id: UUID, drafts: Sequence[NoteDraft], now: datetime) -> list[UUID]:
    """Write the notes and return their ids; the contacts are locked by the caller. Records `note_added` for each."""
    if not drafts:
        return []
    note_ids = [uuid7() for _ in drafts]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO crm_note (
                id, created_at, updated_at, account_id, contact_id, content, note_type, author_id, caused_by_id
            )
            SELECT id, %s, %s, %s, contact_id, content, note_type, author_id, caused_by_id
            FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::uuid[], %s::uuid[])
                 AS note (id, contact_id, content, note_type, author_id, caused_by_id)
            """,
            [
                now,
                now,
                account_id,
                arrays.ids(note_ids),
                arrays.ids([draft.contact.id for draft in drafts]),
                arrays.texts([draft.content for draft in drafts]),
                arrays.texts([draft.note_type for draft in drafts]),
                arrays.ids([draft.author_id for draft in drafts]),
                arrays.ids([draft.cause.action_execution_id for draft in drafts]),
            ],
        )
    events = [
        NewEvent(
            draft.contact.id,
            "note_added",
            {"note_id": str(note_id), "note_type": draft.note_type, "content": draft.content},
            draft.cause,
        )
        for note_id, draft in zip(note_ids, drafts, strict=True)
    ]
    record_events(account_id=account_id, events=events, now=now)
    return note_ids


def change_note(*, account_id: UUID, actor: Actor, note_id: UUID, content: str, now: datetime) -> Note:
    """Write the note anew; audited. Raises Missing when the account has no such note."""
    note = _locked(account_id, note_id)
    if note.content != content:
        before, note.content, note.updated_at = note.content, content, now
        Note.objects.filter(id=note.id).update(content=content, updated_at=now)
        _record(note, actor, "note.changed", {"content": before}, {"content": content})
    return note


def delete_note(*, account_id: UUID, actor: Actor, note_id: UUID) -> None:
    """Delete the note; audited. Raises Missing when the account has no such note."""
    note = _locked(account_id, note_id)
    _record(note, actor, "note.deleted", {"content": note.content}, {})
    note.delete()


def _locked(account_id: UUID, note_id: UUID) -> Note:
    notes = Note.objects.for_account(account_id).filter(id=note_id)
    contact_id = notes.values_list("contact_id", flat=True).first()
    if contact_id is None or not lock_contacts(account_id=account_id, contact_ids=[contact_id]):
        raise Missing
    note = notes.select_for_update(no_key=True).first()
    if note is None:
        raise Missing
    return note


def _record(note: Note, actor: Actor, verb: str, before: dict[str, str], after: dict[str, str]) -> None:
    audit.record(
        account_id=note.account_id,
        actor=actor,
        verb=verb,
        object_type="note",
        object_id=note.id,
        before=before,
        after=after,
    )
