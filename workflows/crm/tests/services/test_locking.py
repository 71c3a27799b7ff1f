"""Reading contacts for work."""

import pytest
from django.db import connection
from uuid_utils.compat import uuid7

from accounts.models import Account
from accounts.tests.factories import MembershipFactory
from workflows.crm.services.locking import lock_contacts, read_contacts
from workflows.crm.tests.factories import ContactFactory, ContactTagFactory, TagFactory
from workflows.crm.tests.world import NOW, count_queries

pytestmark = pytest.mark.django_db


class TestLockContacts:
    def test_gives_the_contact_as_it_is(self, account: Account) -> None:
        owner = MembershipFactory(account=account, user__name="Olive").user
        contact = ContactFactory(
            account=account,
            first_name="Zoë",
            phone="+14155550123",
            timezone="Europe/Berlin",
            source="fair",
            owner=owner,
            custom_fields={"score": 12.5, "colors": ["red"]},
        )
        for name in ("Straße", "a"):
            ContactTagFactory(contact=contact, tag=TagFactory(account=account, name=name))
        copy = lock_contacts(account_id=account.id, contact_ids=[contact.id])[contact.id]
        assert copy.id == contact.id
        assert copy.account_id == account.id
        assert (copy.first_name, copy.last_name) == ("Zoë", "Lovelace")
        assert (copy.email, copy.phone) == (contact.email, "+14155550123")
        assert (copy.timezone, copy.source) == ("Europe/Berlin", "fair")
        assert (copy.owner_id, copy.owner_name, copy.owner_email) == (owner.id, "Olive", owner.email)
        assert copy.custom_fields == {"score": 12.5, "colors": ["red"]}
        assert list(copy.tags.items()) == [("strasse", "Straße"), ("a", "a")]

    def test_leaves_out_the_deleted_the_foreign_and_the_unknown(self, account: Account, other_account: Account) -> None:
        deleted = ContactFactory(account=account, deleted_at=NOW)
        foreign = ContactFactory(account=other_account)
        assert lock_contacts(account_id=account.id, contact_ids=[deleted.id, foreign.id, uuid7()]) == {}
        assert lock_contacts(account_id=account.id, contact_ids=[]) == {}

    def test_takes_three_queries_for_any_number(self, account: Account) -> None:
        owner = MembershipFactory(account=account).user
        contacts = [ContactFactory(account=account, owner=owner, tags=["x", "y"]) for _ in range(10)]
        ids = [contact.id for contact in contacts]
        assert count_queries(lambda: lock_contacts(account_id=account.id, contact_ids=ids)) == 3
        assert list(lock_contacts(account_id=account.id, contact_ids=reversed(ids))) == sorted(ids)

    def test_locks_and_reading_does_not(self, account: Account) -> None:
        contact = ContactFactory(account=account)

        def lock_count() -> int:
            with connection.cursor() as cursor:
                cursor.execute("SELECT xmax::text::bigint FROM crm_contact WHERE id = %s", [contact.id])
                return int(cursor.fetchone()[0])

        read_contacts(account_id=account.id, contact_ids=[contact.id])
        assert lock_count() == 0
        lock_contacts(account_id=account.id, contact_ids=[contact.id])
        assert lock_count() != 0
