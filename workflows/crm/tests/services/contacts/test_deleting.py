"""Deleting contacts."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import pytest
from django.db import connection

from accounts.actors import SYSTEM
from accounts.models import Account, AuditEntry
from workflows.crm.models import Contact, ContactIdentity
from workflows.crm.services.contacts import delete_contacts, on_delete
from workflows.crm.tests.factories import ContactFactory
from workflows.crm.tests.world import NOW, told

pytestmark = pytest.mark.django_db


class TestDeleteContacts:
    def test_deletes_softly_and_frees_the_addresses(self, account: Account) -> None:
        contact = ContactFactory(account=account, first_name="Ada", email="ada@example.com", phone="+14155550123")
        kept = ContactFactory(account=account)
        gone = delete_contacts(account_id=account.id, actor=SYSTEM, contact_ids=[contact.id], now=NOW)
        assert gone == {contact.id}
        contact.refresh_from_db()
        assert contact.deleted_at == contact.updated_at == NOW
        assert list(Contact.objects.present()) == [kept]
        assert set(ContactIdentity.objects.values_list("contact_id", flat=True)) == {kept.id}
        facts = {
            "first_name": "Ada",
            "last_name": "Lovelace",
            "email": "ada@example.com",
            "phone": "+14155550123",
            "source": "",
        }
        assert told() == [("contact_deleted", facts)]
        entry = AuditEntry.objects.get()
        assert (entry.verb, entry.object_id, entry.before) == ("contact.deleted", contact.id, facts)

    def test_leaves_the_foreign_and_the_deleted_alone(self, account: Account, other_account: Account) -> None:
        foreign = ContactFactory(account=other_account)
        deleted = ContactFactory(account=account, deleted_at=NOW)
        ids = [foreign.id, deleted.id]
        assert delete_contacts(account_id=account.id, actor=SYSTEM, contact_ids=ids, now=NOW) == set()
        foreign.refresh_from_db()
        assert foreign.deleted_at is None
        assert told() == []


class TestOnDelete:
    def test_is_called_before_the_lock_and_under_it(self, account: Account, other_account: Account) -> None:
        contact, foreign = ContactFactory(account=account), ContactFactory(account=other_account)
        calls: list[tuple[str, set[UUID], bool]] = []

        def is_locked() -> bool:
            with connection.cursor() as cursor:
                cursor.execute("SELECT xmax::text::bigint FROM crm_contact WHERE id = %s", [contact.id])
                return bool(cursor.fetchone()[0])

        def before(*, account_id: UUID, contact_ids: Collection[UUID], now: datetime) -> None:
            assert (account_id, now) == (account.id, NOW)
            calls.append(("before", set(contact_ids), is_locked()))

        def after(*, account_id: UUID, contact_ids: Collection[UUID], now: datetime) -> None:
            calls.append(("after", set(contact_ids), is_locked()))

        end = on_delete(before_lock=before, after_lock=after)
        try:
            delete_contacts(account_id=account.id, actor=SYSTEM, contact_ids=[contact.id, foreign.id], now=NOW)
        finally:
            end()
        assert calls == [("before", {contact.id}, False), ("after", {contact.id}, True)]
        delete_contacts(account_id=account.id, actor=SYSTEM, contact_ids=[contact.id], now=NOW)
        assert len(calls) == 2
