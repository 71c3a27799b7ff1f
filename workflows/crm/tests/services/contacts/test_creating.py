"""Creating contacts and finding those that are there."""

from typing import Any

import pytest
from uuid_utils.compat import uuid7

from accounts.actors import SYSTEM
from accounts.models import Account, AuditEntry
from accounts.tests.factories import MembershipFactory
from workflows.crm.copies import Cause
from workflows.crm.models import Consent, Contact, ContactIdentity, Event, Tag
from workflows.crm.refusals import Refused
from workflows.crm.services.contacts import ConsentDraft, ContactDraft, Upserted, create_contacts
from workflows.crm.tests.factories import ContactFactory, CustomFieldFactory
from workflows.crm.tests.world import NOW, count_queries, locked, told

pytestmark = pytest.mark.django_db


def create(account: Account, *drafts: ContactDraft, **options: Any) -> list[Upserted]:
    answers = create_contacts(account_id=account.id, actor=SYSTEM, drafts=drafts, now=NOW, **options)
    assert not [answer for answer in answers if isinstance(answer, Refused)]
    return answers  # type: ignore[return-value]


def identities() -> set[tuple[str, str, str]]:
    return set(ContactIdentity.objects.values_list("kind", "source", "value"))


class TestCreateContacts:
    def test_makes_a_contact_with_everything(self, account: Account) -> None:
        owner = MembershipFactory(account=account).user
        CustomFieldFactory(account=account, key="score", field_type="number")
        cause = Cause(uuid7(), 4)
        (answer,) = create(
            account,
            ContactDraft(
                first_name="Zoë",
                last_name="Müller",
                email="Zoe@Example.com",
                phone="415 555 0123",
                timezone="Europe/Berlin",
                source="fair",
                owner_id=owner.id,
                custom_fields={"score": "12.5"},
                tags=["VIP"],
                external_ids={"shop": "17"},
                consents=[ConsentDraft("sms", "opt_out", NOW)],
                cause=cause,
            ),
        )
        contact = Contact.objects.get()
        assert answer == Upserted(contact.id, created=True, changed=True)
        assert (contact.first_name, contact.last_name) == ("Zoë", "Müller")
        assert (contact.email, contact.phone) == ("Zoe@Example.com", "+14155550123")
        assert (contact.timezone, contact.source, contact.owner) == ("Europe/Berlin", "fair", owner)
        assert contact.custom_fields == {"score": 12.5}
        assert contact.created_at == contact.updated_at == NOW
        assert identities() == {
            ("email", "", "zoe@example.com"),
            ("phone", "", "+14155550123"),
            ("external", "shop", "17"),
        }
        facts = {
            "first_name": "Zoë",
            "last_name": "Müller",
            "email": "Zoe@Example.com",
            "phone": "+14155550123",
            "source": "fair",
        }
        assert told() == [
            ("contact_created", facts),
            ("contact_assigned", {"owner_id": str(owner.id), "previous_owner_id": None}),
            ("tag_added", {"tag_name": "VIP", "tag_id": str(Tag.objects.get().id)}),
            ("unsubscribed", {"channel": "sms"}),
        ]
        assert set(Event.objects.values_list("caused_by_id", "depth")) == {(cause.action_execution_id, 4)}
        entry = AuditEntry.objects.get()
        assert (entry.verb, entry.object_id, entry.actor_label, entry.after) == (
            "contact.created",
            contact.id,
            "system",
            facts,
        )

    @pytest.mark.parametrize(
        ("draft", "matched_by"),
        [
            (ContactDraft(email="ADA@example.com", phone="+14155550199"), "email"),
            (ContactDraft(email="new@example.com", phone="+14155550123"), "phone"),
            (ContactDraft(external_ids={"shop": "17"}), "external"),
            (ContactDraft(email="ADA@example.com", external_ids={"shop": "18"}), "email"),
        ],
    )
    def test_finds_by_email_then_phone_then_foreign_id(
        self, account: Account, draft: ContactDraft, matched_by: str
    ) -> None:
        there = ContactFactory(
            account=account, email="ada@example.com", phone="+14155550123", external_ids={"shop": "17"}
        )
        draft.first_name = "Augusta"
        (answer,) = create(account, draft)
        assert (answer.contact_id, answer.created, answer.changed) == (there.id, False, True)
        assert answer.matched_by == matched_by
        there.refresh_from_db()
        assert there.first_name == "Augusta"
        assert there.last_name == "Lovelace"
        assert Contact.objects.count() == 1

    def test_email_goes_before_phone(self, account: Account) -> None:
        by_email = ContactFactory(account=account, email="ada@example.com")
        by_phone = ContactFactory(account=account, email="grace@example.com", phone="+14155550123")
        (answer,) = create(account, ContactDraft(email="ada@example.com", phone="+14155550123"))
        assert answer.contact_id == by_email.id
        by_email.refresh_from_db()
        assert by_email.phone == "+14155550123"
        owner_of_phone = ContactIdentity.objects.get(kind="phone").contact_id
        assert owner_of_phone == by_phone.id

    def test_finding_somebody_is_not_changing_them(self, account: Account) -> None:
        ContactFactory(account=account, email="ada@example.com", tags=["VIP"])
        (answer,) = create(account, ContactDraft(email="ADA@Example.com", tags=["vip"]))
        assert answer.changed is False
        assert Contact.objects.get().email == "ada@example.com"
        assert told() == []
        assert AuditEntry.objects.count() == 0

    def test_a_new_address_takes_the_place_of_the_old(self, account: Account) -> None:
        ContactFactory(account=account, email="old@example.com", phone="+14155550123")
        create(account, ContactDraft(email="new@example.com", phone="+14155550123"))
        assert identities() == {("email", "", "new@example.com"), ("phone", "", "+14155550123")}
        ((event_type, data),) = told()
        assert event_type == "contact_updated"
        assert data == {"fields": {"email": {"from": "old@example.com", "to": "new@example.com"}}}

    def test_drafts_of_one_call_find_each_other(self, account: Account) -> None:
        first, second, third, other = create(
            account,
            ContactDraft(email="ada@example.com", first_name="Ada"),
            ContactDraft(email="ADA@example.com", phone="+14155550123", last_name="Byron"),
            ContactDraft(phone="+14155550123", last_name="Lovelace", tags=["VIP"]),
            ContactDraft(email="grace@example.com"),
        )
        assert first.contact_id == second.contact_id == third.contact_id != other.contact_id
        assert [answer.created for answer in (first, second, third, other)] == [True, False, False, True]
        contact = Contact.objects.get(id=first.contact_id)
        assert (contact.first_name, contact.last_name, contact.phone) == ("Ada", "Lovelace", "+14155550123")
        assert [event_type for event_type, _ in told(contact.id)] == ["contact_created", "tag_added"]
        assert Contact.objects.count() == 2

    def test_drafts_of_one_call_that_change_the_same_contact_follow_each_other(self, account: Account) -> None:
        there = ContactFactory(account=account, email="ada@example.com", phone="+14155550123", first_name="A")
        create(
            account,
            ContactDraft(email="ada@example.com", first_name="B"),
            ContactDraft(phone="+14155550123", first_name="C"),
        )
        there.refresh_from_db()
        assert there.first_name == "C"
        assert [data["fields"]["first_name"] for _, data in told()] == [
            {"from": "A", "to": "B"},
            {"from": "B", "to": "C"},
        ]

    def test_an_address_that_a_later_draft_replaces_stays_free(self, account: Account) -> None:
        there = ContactFactory(account=account, email="old@example.com", phone="+14155550100")
        create(
            account,
            ContactDraft(email="first@example.com", phone="+14155550123"),
            ContactDraft(email="last@example.com", phone="+14155550123"),
            ContactDraft(email="passing@example.com", phone="+14155550100"),
            ContactDraft(email="old@example.com", phone="+14155550100"),
        )
        there.refresh_from_db()
        assert there.email == "old@example.com"
        assert set(ContactIdentity.objects.filter(kind="email").values_list("value", flat=True)) == {
            "last@example.com",
            "old@example.com",
        }

    def test_skips_on_request(self, account: Account) -> None:
        there = ContactFactory(account=account, email="ada@example.com", first_name="Ada")
        known, new = create(
            account,
            ContactDraft(email="ada@example.com", first_name="Eve", tags=["x"]),
            ContactDraft(email="grace@example.com"),
            duplicate_handling="skip",
        )
        assert known == Upserted(there.id, created=False, changed=False, matched_by="email")
        assert new.created is True
        there.refresh_from_db()
        assert there.first_name == "Ada"
        assert Tag.objects.count() == 0

    def test_refuses_on_request(self, account: Account) -> None:
        there = ContactFactory(account=account, email="ada@example.com")
        drafts = [ContactDraft(email="ada@example.com"), ContactDraft(email="grace@example.com")]
        refused, made = create_contacts(
            account_id=account.id, actor=SYSTEM, drafts=drafts, duplicate_handling="refuse", now=NOW
        )
        assert isinstance(refused, Refused)
        assert (refused.problems[0].code, refused.problems[0].attr) == ("contact_exists", "email")
        assert str(there.id) in refused.detail
        assert isinstance(made, Upserted)

    def test_duplicates_on_request_and_the_first_keeps_the_address(self, account: Account) -> None:
        there = ContactFactory(account=account, email="ada@example.com")
        first, second = create(
            account,
            ContactDraft(email="ada@example.com", phone="+14155550123"),
            ContactDraft(email="ada@example.com", phone="+14155550123"),
            duplicate_handling="create_duplicate",
        )
        assert Contact.objects.filter(email="ada@example.com").count() == 3
        assert ContactIdentity.objects.get(kind="email").contact_id == there.id
        assert ContactIdentity.objects.get(kind="phone").contact_id == first.contact_id
        assert second.created is True

    def test_a_bad_draft_never_loses_the_others(self, account: Account) -> None:
        bad, good, worse = create_contacts(
            account_id=account.id,
            actor=SYSTEM,
            drafts=[
                ContactDraft(email="nobody", tags=["x" * 51]),
                ContactDraft(email="ada@example.com"),
                ContactDraft(email="grace@example.com", custom_fields={"nope": 1}),
            ],
            now=NOW,
        )
        assert isinstance(bad, Refused)
        assert [problem.attr for problem in bad.problems] == ["email", "tags.0"]
        assert isinstance(worse, Refused)
        assert [problem.code for problem in worse.problems] == ["unknown_field"]
        assert isinstance(good, Upserted)
        assert [contact.email for contact in Contact.objects.all()] == ["ada@example.com"]

    def test_leaves_another_accounts_contact_alone(self, account: Account, other_account: Account) -> None:
        foreign = ContactFactory(account=other_account, email="ada@example.com", first_name="Ada")
        (answer,) = create(account, ContactDraft(email="ada@example.com", first_name="Eve"))
        assert answer.created is True
        foreign.refresh_from_db()
        assert foreign.first_name == "Ada"

    def test_a_deleted_contacts_address_is_free(self, account: Account) -> None:
        gone = ContactFactory(account=account, email="ada@example.com", deleted_at=NOW)
        gone.identities.all().delete()
        (answer,) = create(account, ContactDraft(email="ada@example.com"))
        assert answer.created is True

    def test_brings_copies_that_the_caller_holds_up_to_date(self, account: Account) -> None:
        (copy,) = locked(ContactFactory(account=account, email="ada@example.com"))
        create(account, ContactDraft(email="ada@example.com", first_name="Augusta", tags=["x"]), known={copy.id: copy})
        assert copy.first_name == "Augusta"
        assert copy.tags == {"x": "x"}

    def test_knows_one_person_by_folded_address(self, account: Account) -> None:
        create(account, ContactDraft(email="straße@example.com"), ContactDraft(email="STRASSE@EXAMPLE.COM"))
        create(account, ContactDraft(email="ΟΔΟΣ@example.com"), ContactDraft(email="οδος@example.com"))
        assert sorted(ContactIdentity.objects.values_list("value", flat=True)) == [
            "strasse@example.com",
            "οδοσ@example.com",
        ]
        assert Contact.objects.count() == 2

    @pytest.mark.parametrize("number", [1, 15])
    def test_takes_as_many_queries_for_one_draft_as_for_many(self, account: Account, number: int) -> None:
        CustomFieldFactory(account=account, key="score", field_type="number")
        owner = MembershipFactory(account=account).user

        def drafts(first_name: str) -> list[ContactDraft]:
            return [
                ContactDraft(
                    first_name=first_name,
                    email=f"person{place}@example.com",
                    phone=f"+1415555{place:04}",
                    owner_id=owner.id,
                    custom_fields={"score": place},
                    tags=["a", f"tag {place}"],
                    consents=[ConsentDraft("sms", "opt_in", NOW, "form")],
                )
                for place in range(number)
            ]

        assert count_queries(lambda: create(account, *drafts("new"))) == 16
        assert count_queries(lambda: create(account, *drafts("changed"))) == 12
        assert Contact.objects.filter(first_name="changed").count() == number
        assert Consent.objects.count() == number
