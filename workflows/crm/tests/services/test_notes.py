"""Notes."""

import pytest
from uuid_utils.compat import uuid7

from accounts.actors import SYSTEM
from accounts.models import Account, AuditEntry
from accounts.problems import Missing
from accounts.tests.factories import UserFactory
from workflows.crm.copies import Cause
from workflows.crm.models import Note, NoteType
from workflows.crm.services.notes import NoteDraft, add_notes, change_note, delete_note
from workflows.crm.tests.factories import ContactFactory, NoteFactory
from workflows.crm.tests.world import NOW, count_queries, locked, told

pytestmark = pytest.mark.django_db


class TestAddNotes:
    def test_writes_them_and_says_so(self, account: Account) -> None:
        ada, grace = locked(ContactFactory(account=account), ContactFactory(account=account))
        author, log_id = UserFactory(), uuid7()
        ids = add_notes(
            account_id=account.id,
            drafts=[
                NoteDraft(ada, 'Said "yes",\nthen {no} \\ maybe', author_id=author.id),
                NoteDraft(grace, "x", NoteType.WORKFLOW, cause=Cause(log_id, 1)),
            ],
            now=NOW,
        )
        first, second = (Note.objects.get(id=note_id) for note_id in ids)
        assert (first.contact_id, first.content) == (ada.id, 'Said "yes",\nthen {no} \\ maybe')
        assert (first.author_id, first.note_type, first.caused_by_id) == (author.id, "general", None)
        assert (second.author_id, second.note_type, second.caused_by_id) == (None, "workflow", log_id)
        assert (first.account_id, first.created_at, first.updated_at) == (account.id, NOW, NOW)
        assert told(grace.id) == [("note_added", {"note_id": str(second.id), "note_type": "workflow", "content": "x"})]

    def test_takes_two_queries_for_any_number(self, account: Account) -> None:
        drafts = [NoteDraft(contact, "x") for contact in locked(*[ContactFactory(account=account) for _ in range(9)])]
        assert count_queries(lambda: add_notes(account_id=account.id, drafts=drafts, now=NOW)) == 2
        assert count_queries(lambda: add_notes(account_id=account.id, drafts=[], now=NOW)) == 0


class TestChangeNote:
    def test_is_audited(self, account: Account) -> None:
        note = NoteFactory(contact=ContactFactory(account=account), content="old")
        change_note(account_id=account.id, actor=SYSTEM, note_id=note.id, content="new", now=NOW)
        note.refresh_from_db()
        assert (note.content, note.updated_at) == ("new", NOW)
        entry = AuditEntry.objects.get()
        assert (entry.verb, entry.before, entry.after) == ("note.changed", {"content": "old"}, {"content": "new"})

    def test_is_missing_elsewhere_and_with_a_deleted_contact(self, account: Account, other_account: Account) -> None:
        foreign = NoteFactory(contact=ContactFactory(account=other_account))
        orphan = NoteFactory(contact=ContactFactory(account=account, deleted_at=NOW))
        for note in (foreign, orphan):
            with pytest.raises(Missing):
                change_note(account_id=account.id, actor=SYSTEM, note_id=note.id, content="new", now=NOW)
            with pytest.raises(Missing):
                delete_note(account_id=account.id, actor=SYSTEM, note_id=note.id)
        assert Note.objects.filter(content="new").count() == 0
        assert Note.objects.count() == 2


class TestDeleteNote:
    def test_removes_it(self, account: Account) -> None:
        note = NoteFactory(contact=ContactFactory(account=account))
        delete_note(account_id=account.id, actor=SYSTEM, note_id=note.id)
        assert Note.objects.count() == 0
        assert AuditEntry.objects.get().verb == "note.deleted"
