"""Many callers on the same contacts and addresses at once: one truth, no deadlock."""

import random
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from uuid import UUID

import pytest
from django.db import transaction

from accounts.actors import SYSTEM
from accounts.tests.factories import AccountFactory
from workflows.crm.models import Contact, ContactIdentity, ContactTag, Event, Note, Tag
from workflows.crm.refusals import Refused
from workflows.crm.services.consents import ConsentChange, set_consents
from workflows.crm.services.contacts import (
    ContactDraft,
    FieldChange,
    Upserted,
    create_contacts,
    delete_contacts,
    update_contacts,
)
from workflows.crm.services.locking import lock_contacts
from workflows.crm.services.notes import NoteDraft, add_notes
from workflows.crm.services.tag_list import delete_tag
from workflows.crm.services.tags import TagChange, add_tags, remove_tags
from workflows.crm.tests.factories import ContactFactory
from workflows.crm.tests.together import together
from workflows.crm.tests.world import NOW

pytestmark = pytest.mark.django_db(transaction=True)

CALLERS = 8
ROUNDS = 10


def upsert(account_id: UUID, drafts: list[ContactDraft]) -> list[Upserted | Refused]:
    with transaction.atomic():
        return create_contacts(account_id=account_id, actor=SYSTEM, drafts=drafts, now=NOW)


def names_told(contact: Contact) -> list[dict[str, str]]:
    """Return from and to of each change of the contact's first name, in the order of the events."""
    events = Event.objects.filter(contact_id=contact.id, event_type="contact_updated").order_by("sequence")
    return [event.data["fields"]["first_name"] for event in events]


class TestUpserts:
    def test_the_same_address_becomes_one_contact(self) -> None:
        account = AccountFactory()
        spellings = ["ada@example.com", "ADA@EXAMPLE.COM", "Ada@Example.com", "aDa@example.COM"]
        answers = together(
            [
                partial(upsert, account.id, [ContactDraft(email=spelling, tags=["VIP"])])
                for spelling in spellings * (CALLERS // len(spellings))
            ]
        )
        contact = Contact.objects.get()
        assert {answer.contact_id for (answer,) in answers} == {contact.id}
        assert sum(answer.created for (answer,) in answers) == 1
        assert ContactIdentity.objects.count() == ContactTag.objects.count() == Tag.objects.count() == 1
        assert Event.objects.filter(event_type="contact_created").count() == 1
        assert Event.objects.filter(event_type="tag_added").count() == 1

    def test_batches_in_any_order_become_one_set_of_contacts(self) -> None:
        account = AccountFactory()
        addresses = [f"person{number}@example.com" for number in range(60)]

        def batch(seed: int) -> list[ContactDraft]:
            mixed = random.Random(seed).sample(addresses, len(addresses))
            return [ContactDraft(email=email, first_name=f"by {seed}", tags=[f"tag {seed % 3}"]) for email in mixed]

        answers = together([partial(upsert, account.id, batch(seed)) for seed in range(CALLERS)])
        assert Contact.objects.count() == ContactIdentity.objects.count() == len(addresses)
        assert sum(answer.created for each in answers for answer in each) == len(addresses)
        assert Tag.objects.count() == 3
        for contact in Contact.objects.all():
            renamed = names_told(contact)
            assert all(one["to"] == other["from"] for one, other in pairwise(renamed))
            assert renamed[-1]["to"] == contact.first_name

    def test_one_of_two_gets_the_address(self) -> None:
        account = AccountFactory()
        contacts = [ContactFactory(account=account) for _ in range(CALLERS)]

        def take(contact: Contact) -> object:
            with transaction.atomic():
                copies = lock_contacts(account_id=account.id, contact_ids=[contact.id])
                change = FieldChange(copies[contact.id], {"email": "wanted@example.com"})
                (answer,) = update_contacts(account_id=account.id, actor=SYSTEM, changes=[change], now=NOW)
                return answer

        answers = together([partial(take, contact) for contact in contacts])
        assert sum(isinstance(answer, Refused) for answer in answers) == CALLERS - 1
        assert Contact.objects.filter(email="wanted@example.com").count() == 1
        owner = ContactIdentity.objects.get(value="wanted@example.com").contact
        assert owner.email == "wanted@example.com"


class TestMixedBatches:
    def test_tags_fields_notes_consents_and_deletes_never_deadlock(self) -> None:
        account = AccountFactory()
        contacts = [ContactFactory(account=account) for _ in range(30)]
        ids = [contact.id for contact in contacts]
        doomed = set(ids[::5])

        def work(seed: int) -> int:
            dice = random.Random(seed)
            added = 0
            for number in range(ROUNDS):
                with transaction.atomic():
                    chosen = dice.sample(ids, len(ids))
                    copies = list(lock_contacts(account_id=account.id, contact_ids=chosen).values())
                    names = dice.sample([f"tag {letter}" for letter in "abcdefgh"], 3)
                    changes = [TagChange(copy, name) for copy in copies for name in names]
                    added += sum(add_tags(account_id=account.id, changes=changes, now=NOW))
                    added -= sum(remove_tags(account_id=account.id, changes=changes[::2], now=NOW))
                    fields = [FieldChange(copy, {"first_name": f"{seed}.{number}"}) for copy in copies]
                    update_contacts(account_id=account.id, actor=SYSTEM, changes=fields, now=NOW)
                    drafts = [NoteDraft(copy, f"{seed}.{number}") for copy in copies]
                    add_notes(account_id=account.id, drafts=drafts, now=NOW)
                    words = [ConsentChange(copy.id, "sms", "opt_out", NOW) for copy in copies]
                    set_consents(account_id=account.id, changes=words, now=NOW)
            return added

        def delete() -> int:
            for contact_id in doomed:
                with transaction.atomic():
                    delete_contacts(account_id=account.id, actor=SYSTEM, contact_ids=[contact_id], now=NOW)
            return 0

        calls: list[Callable[[], int]] = [partial(work, seed) for seed in range(CALLERS - 1)]
        added = together([*calls, delete])
        assert ContactTag.objects.count() == sum(added)
        counted = {"tag_added": 0, "tag_removed": 0, "note_added": 0}
        for event_type in counted:
            counted[event_type] = Event.objects.filter(event_type=event_type).count()
        assert counted["tag_added"] - counted["tag_removed"] == ContactTag.objects.count()
        assert counted["note_added"] == Note.objects.count()
        for contact in Contact.objects.all():
            events = Event.objects.filter(contact_id=contact.id).order_by("sequence")
            renamed = names_told(contact)
            assert all(one["to"] == other["from"] for one, other in pairwise(renamed))
            assert renamed == [] or renamed[-1]["to"] == contact.first_name
            if contact.id in doomed:
                assert contact.deleted_at is not None
                assert [event.event_type for event in events][-1] == "contact_deleted"

    def test_a_tag_that_is_deleted_while_it_is_added_leaves_nothing_behind(self) -> None:
        account = AccountFactory()
        contacts = [ContactFactory(account=account, tags=["VIP"] if number % 2 else []) for number in range(20)]
        tag = Tag.objects.get()

        def add(contact: Contact) -> None:
            with transaction.atomic():
                copies = lock_contacts(account_id=account.id, contact_ids=[contact.id])
                add_tags(account_id=account.id, changes=[TagChange(copies[contact.id], "vip")], now=NOW)

        def delete() -> None:
            with transaction.atomic():
                delete_tag(account_id=account.id, actor=SYSTEM, tag_id=tag.id, now=NOW)

        together([*(partial(add, contact) for contact in contacts[:6]), delete])
        assert not Tag.objects.filter(id=tag.id).exists()
        assert not ContactTag.objects.filter(tag_id=tag.id).exists()
        for contact in contacts:
            events = Event.objects.filter(contact_id=contact.id)
            balance = sum(+1 if event.event_type == "tag_added" else -1 for event in events)
            had_it = contacts.index(contact) % 2
            assert had_it + balance == contact.contact_tags.count()
