"""Changing contacts."""

from typing import Any

import pytest
from uuid_utils.compat import uuid7

from accounts.actors import Actor
from accounts.models import Account, AuditEntry
from accounts.tests.factories import MembershipFactory
from workflows.crm.copies import Cause, ContactCopy
from workflows.crm.models import Contact, ContactIdentity, Event
from workflows.crm.refusals import Refused
from workflows.crm.services.contacts import FieldChange, update_contacts
from workflows.crm.tests.factories import ContactFactory, CustomFieldFactory
from workflows.crm.tests.world import NOW, count_queries, locked, told

pytestmark = pytest.mark.django_db

ACTOR = Actor(label="Welcome workflow")


def update(account: Account, *changes: FieldChange) -> list[Any]:
    return update_contacts(account_id=account.id, actor=ACTOR, changes=changes, now=NOW)


def change_one(account: Account, contact: ContactCopy, **values: Any) -> Any:
    (answer,) = update(account, FieldChange(contact, values))
    return answer


class TestUpdateContacts:
    def test_writes_rendered_values_and_says_what_changed(self, account: Account) -> None:
        CustomFieldFactory(account=account, key="score", field_type="number")
        CustomFieldFactory(account=account, key="colors", field_type="multi_select", options=["Red", "Blue"])
        contact = ContactFactory(account=account, first_name="Ada", custom_fields={"score": 1})
        (copy,) = locked(contact)
        cause = Cause(uuid7(), 1)
        values = {
            "first_name": " Augusta ",
            "last_name": "Lovelace",
            "phone": "415 555 0123",
            "custom_fields.score": "2.50",
            "custom_fields.colors": "red; blue",
        }
        (deltas,) = update(account, FieldChange(copy, values, cause))
        assert deltas == {
            "first_name": {"from": "Ada", "to": "Augusta"},
            "phone": {"from": "", "to": "+14155550123"},
            "custom_fields.score": {"from": 1, "to": 2.5},
            "custom_fields.colors": {"from": None, "to": ["Red", "Blue"]},
        }
        contact.refresh_from_db()
        assert (contact.first_name, contact.phone, contact.updated_at) == ("Augusta", "+14155550123", NOW)
        assert contact.custom_fields == copy.custom_fields == {"score": 2.5, "colors": ["Red", "Blue"]}
        assert (copy.first_name, copy.phone) == ("Augusta", "+14155550123")
        assert told() == [
            ("contact_updated", {"fields": deltas}),
            ("custom_field_changed", {"field": "score", "from": 1, "to": 2.5}),
            ("custom_field_changed", {"field": "colors", "from": None, "to": ["Red", "Blue"]}),
        ]
        assert set(Event.objects.values_list("caused_by_id", "depth")) == {(cause.action_execution_id, 1)}
        entry = AuditEntry.objects.get()
        assert (entry.verb, entry.object_id, entry.actor_label) == ("contact.updated", contact.id, ACTOR.label)
        assert entry.before == {name: delta["from"] for name, delta in deltas.items()}
        assert entry.after == {name: delta["to"] for name, delta in deltas.items()}

    def test_says_nothing_when_nothing_changes(self, account: Account) -> None:
        CustomFieldFactory(account=account, key="score", field_type="number")
        contact = ContactFactory(account=account, email="ada@example.com", custom_fields={"score": 1.5})
        (copy,) = locked(contact)
        before = Contact.objects.get().updated_at
        values = {"first_name": contact.first_name, "email": "ada@example.com", "custom_fields.score": "1.50"}
        assert update(account, FieldChange(copy, values)) == [{}]
        assert told() == []
        assert AuditEntry.objects.count() == 0
        assert Contact.objects.get().updated_at == before

    def test_an_empty_value_clears(self, account: Account) -> None:
        CustomFieldFactory(account=account, key="score", field_type="number")
        owner = MembershipFactory(account=account).user
        contact = ContactFactory(
            account=account, phone="+14155550123", timezone="Europe/Rome", owner=owner, custom_fields={"score": 1}
        )
        (copy,) = locked(contact)
        update(account, FieldChange(copy, {"phone": "", "timezone": "", "owner_id": None, "custom_fields.score": ""}))
        contact.refresh_from_db()
        assert (contact.phone, contact.timezone, contact.owner_id, contact.custom_fields) == ("", "", None, {})
        assert not ContactIdentity.objects.filter(kind="phone").exists()
        assert ("contact_assigned", {"owner_id": None, "previous_owner_id": str(owner.id)}) in told()

    def test_leaves_custom_fields_alone_that_it_was_not_asked_to_change(self, account: Account) -> None:
        for key in ("one", "two", "three"):
            CustomFieldFactory(account=account, key=key)
        contact = ContactFactory(account=account, custom_fields={"one": "1", "two": "2"})
        (copy,) = locked(contact)
        Contact.objects.update(custom_fields={"one": "1", "two": "2", "three": "written by this transaction"})
        change_one(account, copy, **{"custom_fields.one": "", "custom_fields.two": "II"})
        contact.refresh_from_db()
        assert contact.custom_fields == {"two": "II", "three": "written by this transaction"}

    def test_a_new_owner_is_told(self, account: Account) -> None:
        owner = MembershipFactory(account=account, user__name="Olive").user
        (copy,) = locked(ContactFactory(account=account))
        change_one(account, copy, owner_id=str(owner.id))
        assert (copy.owner_id, copy.owner_name, copy.owner_email) == (owner.id, "Olive", owner.email)
        assert told()[1] == ("contact_assigned", {"owner_id": str(owner.id), "previous_owner_id": None})

    def test_changes_of_one_contact_follow_each_other(self, account: Account) -> None:
        contact = ContactFactory(account=account, first_name="A", email="a@example.com")
        (copy,) = locked(contact)
        answers = update(
            account,
            FieldChange(copy, {"first_name": "B", "email": "b@example.com"}),
            FieldChange(copy, {"first_name": "C", "email": "a@example.com"}),
        )
        assert [answer["first_name"] for answer in answers] == [{"from": "A", "to": "B"}, {"from": "B", "to": "C"}]
        contact.refresh_from_db()
        assert (contact.first_name, contact.email) == ("C", "a@example.com")
        assert list(ContactIdentity.objects.values_list("value", flat=True)) == ["a@example.com"]
        assert [event_type for event_type, _ in told()] == ["contact_updated", "contact_updated"]


class TestAddresses:
    def test_a_taken_one_refuses_that_change_only(self, account: Account) -> None:
        taken = ContactFactory(account=account, email="ada@example.com")
        contact = ContactFactory(account=account, email="eve@example.com", first_name="Eve")
        other = ContactFactory(account=account, email="grace@example.com")
        eve, grace = locked(contact, other)
        refused, done = update(
            account,
            FieldChange(eve, {"email": "Ada@Example.com", "phone": "+14155550123", "first_name": "Ada"}),
            FieldChange(grace, {"email": "hopper@example.com"}),
        )
        assert isinstance(refused, Refused)
        assert [(problem.code, problem.attr) for problem in refused.problems] == [("contact_exists", "email")]
        assert str(taken.id) in refused.detail
        assert done == {"email": {"from": "grace@example.com", "to": "hopper@example.com"}}
        contact.refresh_from_db()
        assert (contact.email, contact.phone, contact.first_name) == ("eve@example.com", "", "Eve")
        assert eve.first_name == "Eve"
        assert sorted(ContactIdentity.objects.values_list("value", flat=True)) == [
            "ada@example.com",
            "eve@example.com",
            "hopper@example.com",
        ]

    def test_two_that_want_the_same_get_it_once(self, account: Account) -> None:
        one, two = locked(ContactFactory(account=account), ContactFactory(account=account))
        first, second = update(
            account,
            FieldChange(one, {"email": "new@example.com"}),
            FieldChange(two, {"email": "NEW@example.com"}),
        )
        assert "email" in first
        assert isinstance(second, Refused)
        assert ContactIdentity.objects.get(value="new@example.com").contact_id == one.id

    def test_the_case_may_change(self, account: Account) -> None:
        contact = ContactFactory(account=account, email="ada@example.com")
        (copy,) = locked(contact)
        assert change_one(account, copy, email="Ada@Example.com") == {
            "email": {"from": "ada@example.com", "to": "Ada@Example.com"}
        }
        assert ContactIdentity.objects.get().value == "ada@example.com"

    def test_one_of_another_account_is_free(self, account: Account, other_account: Account) -> None:
        ContactFactory(account=other_account, email="ada@example.com")
        (copy,) = locked(ContactFactory(account=account))
        assert "email" in change_one(account, copy, email="ada@example.com")


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "value", "code"),
        [
            ("email", "nobody", "invalid"),
            ("phone", "12", "invalid"),
            ("timezone", "Mars/Olympus", "invalid"),
            ("first_name", "x" * 101, "invalid"),
            ("first_name", "a\x00b", "invalid"),
            ("owner_id", "me", "invalid"),
            ("custom_fields.score", "tall", "invalid"),
            ("custom_fields.nope", "1", "unknown_field"),
            ("first_nam", "Ada", "unknown_field"),
            ("id", "1", "unknown_field"),
            ("account_id", "1", "unknown_field"),
            ("deleted_at", "now", "unknown_field"),
        ],
    )
    def test_names_the_field(self, account: Account, name: str, value: str, code: str) -> None:
        CustomFieldFactory(account=account, key="score", field_type="number")
        (copy,) = locked(ContactFactory(account=account, last_name="Lovelace"))
        answer = change_one(account, copy, **{name: value, "last_name": "Byron"})
        assert isinstance(answer, Refused)
        assert [(problem.code, problem.attr) for problem in answer.problems] == [(code, name)]
        assert Contact.objects.get().last_name == copy.last_name == "Lovelace"
        assert told() == []

    def test_an_owner_must_be_an_active_member(self, account: Account, other_account: Account) -> None:
        stranger = MembershipFactory(account=other_account).user
        former = MembershipFactory(account=account, is_active=False).user
        (copy,) = locked(ContactFactory(account=account))
        for user in (stranger, former):
            answer = change_one(account, copy, owner_id=user.id)
            assert [problem.code for problem in answer.problems] == ["user_not_found"]
        assert Contact.objects.get().owner is None

    def test_another_accounts_custom_field_is_unknown(self, account: Account, other_account: Account) -> None:
        CustomFieldFactory(account=other_account, key="score")
        (copy,) = locked(ContactFactory(account=account))
        answer = change_one(account, copy, **{"custom_fields.score": "1"})
        assert [problem.code for problem in answer.problems] == ["unknown_field"]


class TestQueries:
    @pytest.mark.parametrize("number", [1, 15])
    def test_plain_fields_take_three(self, account: Account, number: int) -> None:
        contacts = locked(*[ContactFactory(account=account) for _ in range(number)])
        changes = [FieldChange(contact, {"first_name": "Ada"}) for contact in contacts]
        assert count_queries(lambda: update(account, *changes)) == 3

    @pytest.mark.parametrize("number", [1, 15])
    def test_everything_takes_ten(self, account: Account, number: int) -> None:
        CustomFieldFactory(account=account, key="score", field_type="number")
        owner = MembershipFactory(account=account).user
        contacts = locked(*[ContactFactory(account=account) for _ in range(number)])
        changes = [
            FieldChange(
                contact,
                {
                    "email": f"new{place}@example.com",
                    "phone": f"+1415555{place:04}",
                    "owner_id": owner.id,
                    "custom_fields.score": place + 1,
                },
            )
            for place, contact in enumerate(contacts)
        ]
        assert count_queries(lambda: update(account, *changes)) == 10
