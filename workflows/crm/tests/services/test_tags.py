"""Tags on contacts."""

import pytest
from uuid_utils.compat import uuid7

from accounts.actors import SYSTEM
from accounts.models import Account
from accounts.problems import Invalid
from workflows.crm.copies import Cause
from workflows.crm.models import ContactTag, Event, Tag
from workflows.crm.services.tag_list import change_tag
from workflows.crm.services.tags import TagChange, add_tags, remove_tags
from workflows.crm.tests.factories import ContactFactory, TagFactory
from workflows.crm.tests.world import NOW, count_queries, locked, told

pytestmark = pytest.mark.django_db


class TestAddTags:
    def test_makes_the_tag_once_and_keeps_its_first_spelling(self, account: Account) -> None:
        ada, grace = locked(ContactFactory(account=account), ContactFactory(account=account))
        cause = Cause(uuid7(), 2)
        changed = add_tags(
            account_id=account.id,
            changes=[
                TagChange(ada, " Straße ", "#ff00aa", cause),
                TagChange(grace, "STRASSE", "#000000"),
                TagChange(ada, "strasse"),
            ],
            now=NOW,
        )
        assert changed == [True, True, False]
        tag = Tag.objects.get()
        assert (tag.name, tag.folded_name, tag.color) == ("Straße", "strasse", "#FF00AA")
        assert ada.tags == grace.tags == {"strasse": "Straße"}
        data = {"tag_name": "Straße", "tag_id": str(tag.id)}
        assert told(ada.id) == [("tag_added", data)]
        assert told(grace.id) == [("tag_added", data)]
        event = Event.objects.get(contact_id=ada.id)
        assert (event.caused_by_id, event.depth) == (cause.action_execution_id, 2)

    def test_says_nothing_when_nothing_changes(self, account: Account) -> None:
        (ada,) = locked(ContactFactory(account=account, tags=["VIP"]))
        changes = [TagChange(ada, "vip")]
        assert count_queries(lambda: add_tags(account_id=account.id, changes=changes, now=NOW)) == 0
        assert told() == []
        assert ContactTag.objects.count() == 1

    def test_uses_the_accounts_own_tag(self, account: Account, other_account: Account) -> None:
        foreign = TagFactory(account=other_account, name="VIP")
        (ada,) = locked(ContactFactory(account=account))
        add_tags(account_id=account.id, changes=[TagChange(ada, "vip")], now=NOW)
        assert ContactTag.objects.get().tag.account_id == account.id
        assert not foreign.contact_tags.exists()

    @pytest.mark.parametrize(
        ("name", "color", "code"),
        [
            ("", "", "blank"),
            ("   ", "", "blank"),
            ("x" * 51, "", "max_length"),
            ("a\x00", "", "invalid"),
            ("\ud800", "", "invalid"),
            ("fine", "red", "invalid"),
            ("fine", "#12345", "invalid"),
        ],
    )
    def test_refuses_what_cannot_be_a_tag(self, account: Account, name: str, color: str, code: str) -> None:
        (ada,) = locked(ContactFactory(account=account))
        with pytest.raises(Invalid) as refusal:
            add_tags(account_id=account.id, changes=[TagChange(ada, "good"), TagChange(ada, name, color)], now=NOW)
        assert [problem.code for problem in refusal.value.problems] == [code]
        assert ada.tags == {}
        assert Tag.objects.count() == 0

    @pytest.mark.parametrize("number", [1, 20])
    def test_takes_as_many_queries_for_one_contact_as_for_many(self, account: Account, number: int) -> None:
        contacts = locked(*[ContactFactory(account=account) for _ in range(number)])
        changes = [TagChange(contact, name) for contact in contacts for name in ("a", "b")]
        assert count_queries(lambda: add_tags(account_id=account.id, changes=changes, now=NOW)) == 5

    def test_a_known_tag_takes_three_queries(self, account: Account) -> None:
        TagFactory(account=account, name="a")
        (ada,) = locked(ContactFactory(account=account))
        changes = [TagChange(ada, "a")]
        assert count_queries(lambda: add_tags(account_id=account.id, changes=changes, now=NOW)) == 3


class TestRemoveTags:
    def test_takes_the_tag_off_and_says_so(self, account: Account) -> None:
        ada, grace = locked(
            ContactFactory(account=account, tags=["VIP", "kept"]), ContactFactory(account=account, tags=["vip"])
        )
        bare = locked(ContactFactory(account=account))[0]
        tag = Tag.objects.get(folded_name="vip")
        changed = remove_tags(
            account_id=account.id,
            changes=[TagChange(ada, "Vip"), TagChange(bare, "VIP"), TagChange(ada, "vip"), TagChange(ada, "unknown")],
            now=NOW,
        )
        assert changed == [True, False, False, False]
        assert ada.tags == {"kept": "kept"}
        assert told() == [("tag_removed", {"tag_name": "VIP", "tag_id": str(tag.id)})]
        assert Event.objects.get().contact_id == ada.id
        assert [row.contact_id for row in tag.contact_tags.all()] == [grace.id]
        assert Tag.objects.count() == 2

    def test_a_tag_that_was_renamed_meanwhile_is_not_there(self, account: Account) -> None:
        (ada,) = locked(ContactFactory(account=account, tags=["VIP"]))
        change_tag(account_id=account.id, actor=SYSTEM, tag_id=Tag.objects.get().id, name="Gold", now=NOW)
        assert remove_tags(account_id=account.id, changes=[TagChange(ada, "VIP")], now=NOW) == [False]
        assert ContactTag.objects.count() == 1
        assert told() == []

    @pytest.mark.parametrize("number", [1, 20])
    def test_takes_three_queries_for_any_number(self, account: Account, number: int) -> None:
        contacts = locked(*[ContactFactory(account=account, tags=["a"]) for _ in range(number)])
        changes = [TagChange(contact, "a") for contact in contacts]
        assert count_queries(lambda: remove_tags(account_id=account.id, changes=changes, now=NOW)) == 3
