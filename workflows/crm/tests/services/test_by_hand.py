"""What people do to contacts leaves an audit entry that names them, and nothing where nothing changed."""

from datetime import timedelta
from uuid import uuid4

import pytest

from accounts.actors import Actor
from accounts.models import Account, AuditEntry
from accounts.problems import Conflict, Invalid, Missing
from accounts.tests.factories import MembershipFactory
from workflows.crm.models import Consent, Contact, ContactTag, Note, Task
from workflows.crm.services import by_hand
from workflows.crm.services.contacts import ContactDraft
from workflows.crm.tests.factories import ContactFactory, TaskFactory
from workflows.crm.tests.world import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def contact(account: Account) -> Contact:
    return ContactFactory(account=account, tags=["Old"])


@pytest.fixture
def person(account: Account) -> Actor:
    user = MembershipFactory(account=account).user
    return Actor(label=str(user), user_id=user.id)


def only_entry(person: Actor) -> AuditEntry:
    entry = AuditEntry.objects.get()
    assert entry.actor_user_id == person.user_id
    return entry


class TestContacts:
    def test_are_made_once(self, account: Account, person: Actor) -> None:
        made = by_hand.create_contact(
            account_id=account.id, actor=person, draft=ContactDraft(email="ada@example.com"), now=NOW
        )
        assert made.created is True
        with pytest.raises(Conflict) as refusal:
            by_hand.create_contact(
                account_id=account.id, actor=person, draft=ContactDraft(email="ADA@example.com"), now=NOW
            )
        assert refusal.value.problem.code == "contact_exists"
        assert Contact.objects.for_account(account.id).count() == 1
        assert only_entry(person).verb == "contact.created"

    def test_change_with_their_tags(self, account: Account, person: Actor, contact: Contact) -> None:
        by_hand.change_contact(
            account_id=account.id, actor=person, contact_id=contact.id, values={}, tags=["New"], now=NOW
        )
        entry = only_entry(person)
        assert (entry.verb, entry.before, entry.after) == ("contact.tagged", {"tags": ["Old"]}, {"tags": ["New"]})
        assert [row.tag.name for row in contact.contact_tags.select_related("tag")] == ["New"]

    def test_change_as_a_whole_or_not_at_all(self, account: Account, person: Actor, contact: Contact) -> None:
        with pytest.raises(Invalid):
            by_hand.change_contact(
                account_id=account.id,
                actor=person,
                contact_id=contact.id,
                values={"first_name": "Grace"},
                tags=["x" * 51],
                now=NOW,
            )
        contact.refresh_from_db()
        assert contact.first_name != "Grace"
        assert AuditEntry.objects.count() == 0

    @pytest.mark.parametrize("verb", ["change", "delete", "note", "task", "tag", "untag", "consent"])
    def test_of_another_account_are_missing(
        self, verb: str, other_account: Account, person: Actor, contact: Contact
    ) -> None:
        whose = {"account_id": other_account.id, "actor": person, "contact_id": contact.id, "now": NOW}
        calls = {
            "change": lambda: by_hand.change_contact(**whose, values={"first_name": "X"}),
            "delete": lambda: by_hand.delete_contact(**whose),
            "note": lambda: by_hand.add_note(**whose, content="X"),
            "task": lambda: by_hand.create_task(**whose, title="X"),
            "tag": lambda: by_hand.tag_contact(**whose, name="X"),
            "untag": lambda: by_hand.untag_contact(**whose, name="Old"),
            "consent": lambda: by_hand.record_consent(**whose, channel="email", state="opt_out", recorded_at=NOW),
        }
        with pytest.raises(Missing):
            calls[verb]()
        assert AuditEntry.objects.count() == 0
        assert (Note.objects.count(), Task.objects.count(), Consent.objects.count()) == (0, 0, 0)
        assert ContactTag.objects.count() == 1


class TestTags:
    def test_are_put_on_once(self, account: Account, person: Actor, contact: Contact) -> None:
        whose = {"account_id": account.id, "actor": person, "contact_id": contact.id, "now": NOW}
        tag, is_new = by_hand.tag_contact(**whose, name="VIP", color="#3366ff")
        assert (tag.name, tag.color, is_new) == ("VIP", "#3366FF", True)
        assert by_hand.tag_contact(**whose, name="vip") == (tag, False)
        entry = only_entry(person)
        assert (entry.before, entry.after) == ({"tags": ["Old"]}, {"tags": ["Old", "VIP"]})

    def test_are_taken_off_once(self, account: Account, person: Actor, contact: Contact) -> None:
        whose = {"account_id": account.id, "actor": person, "contact_id": contact.id, "now": NOW}
        by_hand.untag_contact(**whose, name="OLD")
        with pytest.raises(Missing):
            by_hand.untag_contact(**whose, name="Old")
        assert only_entry(person).after == {"tags": []}


class TestNotes:
    def test_are_written_in_the_persons_name(self, account: Account, person: Actor, contact: Contact) -> None:
        note = by_hand.add_note(account_id=account.id, actor=person, contact_id=contact.id, content="Called.", now=NOW)
        assert note.author_id == person.user_id
        entry = only_entry(person)
        assert (entry.verb, entry.object_id) == ("note.created", note.id)
        assert entry.after == {"contact_id": str(contact.id), "content": "Called."}


class TestTasks:
    def test_are_made(self, account: Account, person: Actor, contact: Contact) -> None:
        task = by_hand.create_task(
            account_id=account.id,
            actor=person,
            contact_id=contact.id,
            title="Call",
            due_at=NOW,
            assignee_id=person.user_id,
            now=NOW,
        )
        assert (task.title, task.due_at, task.assignee_id) == ("Call", NOW, person.user_id)
        assert only_entry(person).after == {
            "contact_id": str(contact.id),
            "title": "Call",
            "due_at": NOW.isoformat(),
            "assignee_id": str(person.user_id),
        }

    def test_go_to_members_alone(self, account: Account, person: Actor, contact: Contact) -> None:
        stranger = MembershipFactory().user
        with pytest.raises(Invalid) as refusal:
            by_hand.create_task(
                account_id=account.id,
                actor=person,
                contact_id=contact.id,
                title="Call",
                assignee_id=stranger.id,
                now=NOW,
            )
        assert [problem.code for problem in refusal.value.problems] == ["user_not_found"]
        assert (Task.objects.count(), AuditEntry.objects.count()) == (0, 0)

    def test_change(self, account: Account, person: Actor, contact: Contact) -> None:
        task = TaskFactory(contact=contact, title="Call")
        whose = {"account_id": account.id, "actor": person, "now": NOW}
        by_hand.change_task(**whose, task_id=task.id, values={"title": "Call", "status": "completed"})
        by_hand.change_task(**whose, task_id=task.id, values={"status": "completed"})
        entry = only_entry(person)
        assert (entry.verb, entry.before, entry.after) == (
            "task.changed",
            {"status": "open"},
            {"status": "completed"},
        )
        with pytest.raises(Missing):
            by_hand.change_task(**whose, task_id=uuid4(), values={"title": "X"})


class TestConsents:
    def test_are_recorded(self, account: Account, person: Actor, contact: Contact) -> None:
        whose = {"account_id": account.id, "actor": person, "contact_id": contact.id, "now": NOW}
        consent = by_hand.record_consent(**whose, channel="email", state="opt_out", recorded_at=NOW)
        assert consent.state == "opt_out"
        with pytest.raises(Conflict) as refusal:
            by_hand.record_consent(
                **whose, channel="email", state="opt_in", recorded_at=NOW - timedelta(days=1), evidence="Form"
            )
        assert refusal.value.problem.code == "consent_outdated"
        entry = only_entry(person)
        assert (entry.verb, entry.before) == ("contact.consented", None)
        assert entry.after["state"] == "opt_out"
