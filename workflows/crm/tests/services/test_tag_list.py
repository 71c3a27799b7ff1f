"""The account's list of tags."""

import pytest

from accounts.actors import SYSTEM
from accounts.models import Account, AuditEntry
from accounts.problems import Conflict, Invalid, Missing
from workflows.crm.models import ContactTag, Tag
from workflows.crm.services.tag_list import change_tag, create_tag, delete_tag
from workflows.crm.tests.factories import ContactFactory, TagFactory
from workflows.crm.tests.world import NOW, told

pytestmark = pytest.mark.django_db


class TestCreateTag:
    def test_refuses_a_name_that_is_there_in_another_case(self, account: Account, other_account: Account) -> None:
        create_tag(account_id=account.id, actor=SYSTEM, name="Straße", color="#abcdef")
        with pytest.raises(Conflict) as refusal:
            create_tag(account_id=account.id, actor=SYSTEM, name="STRASSE")
        assert refusal.value.problem.code == "name_taken"
        assert Tag.objects.get().color == "#ABCDEF"
        assert AuditEntry.objects.get().verb == "tag.created"
        create_tag(account_id=other_account.id, actor=SYSTEM, name="STRASSE")

    def test_names_the_field_at_fault(self, account: Account) -> None:
        with pytest.raises(Invalid) as refusal:
            create_tag(account_id=account.id, actor=SYSTEM, name="fine", color="red")
        assert refusal.value.problems[0].attr == "color"


class TestChangeTag:
    def test_renames_it_for_every_contact(self, account: Account) -> None:
        contact = ContactFactory(account=account, tags=["VIP"])
        tag = Tag.objects.get()
        change_tag(account_id=account.id, actor=SYSTEM, tag_id=tag.id, name="Gold", now=NOW)
        tag.refresh_from_db()
        assert (tag.name, tag.folded_name, tag.updated_at) == ("Gold", "gold", NOW)
        assert contact.contact_tags.get().tag == tag
        entry = AuditEntry.objects.get()
        assert (entry.before, entry.after) == ({"name": "VIP"}, {"name": "Gold"})

    def test_may_change_only_the_case(self, account: Account) -> None:
        tag = TagFactory(account=account, name="VIP")
        assert change_tag(account_id=account.id, actor=SYSTEM, tag_id=tag.id, name="vip", now=NOW).name == "vip"

    def test_refuses_the_name_of_another(self, account: Account) -> None:
        TagFactory(account=account, name="Gold")
        tag = TagFactory(account=account, name="VIP")
        with pytest.raises(Conflict):
            change_tag(account_id=account.id, actor=SYSTEM, tag_id=tag.id, name="GOLD", now=NOW)
        tag.refresh_from_db()
        assert tag.name == "VIP"

    def test_another_accounts_tag_is_missing(self, account: Account, other_account: Account) -> None:
        foreign = TagFactory(account=other_account, name="VIP")
        with pytest.raises(Missing):
            change_tag(account_id=account.id, actor=SYSTEM, tag_id=foreign.id, name="Gold", now=NOW)
        with pytest.raises(Missing):
            delete_tag(account_id=account.id, actor=SYSTEM, tag_id=foreign.id, now=NOW)
        assert Tag.objects.get().name == "VIP"


class TestDeleteTag:
    def test_takes_it_off_every_contact_and_says_so(self, account: Account) -> None:
        ada = ContactFactory(account=account, tags=["VIP", "kept"])
        ContactFactory(account=account, tags=["VIP"], deleted_at=NOW)
        tag = Tag.objects.get(folded_name="vip")
        delete_tag(account_id=account.id, actor=SYSTEM, tag_id=tag.id, now=NOW)
        assert [tag.name for tag in Tag.objects.all()] == ["kept"]
        assert ContactTag.objects.count() == 1
        assert told() == [("tag_removed", {"tag_name": "VIP", "tag_id": str(tag.id)})]
        assert told(ada.id) == told()
        assert AuditEntry.objects.get().verb == "tag.deleted"
