"""Defining custom fields."""

from typing import Any

import pytest

from accounts.actors import SYSTEM
from accounts.models import Account, AuditEntry
from accounts.problems import Conflict, Invalid, Missing
from workflows.crm.models import CustomField
from workflows.crm.services.custom_fields import change_custom_field, define_custom_field, delete_custom_field
from workflows.crm.tests.factories import ContactFactory, CustomFieldFactory
from workflows.crm.tests.world import NOW

pytestmark = pytest.mark.django_db


class TestDefineCustomField:
    def test_defines_it_once(self, account: Account, other_account: Account) -> None:
        good: dict[str, Any] = {"key": "size", "label": " Size ", "field_type": "select", "options": [" S ", "L"]}
        field = define_custom_field(account_id=account.id, actor=SYSTEM, **good)
        assert (field.key, field.label, field.field_type, field.options) == ("size", "Size", "select", ["S", "L"])
        with pytest.raises(Conflict) as refusal:
            define_custom_field(account_id=account.id, actor=SYSTEM, **good)
        assert refusal.value.problem.code == "name_taken"
        define_custom_field(account_id=other_account.id, actor=SYSTEM, **good)
        assert CustomField.objects.count() == 2

    @pytest.mark.parametrize(
        ("wrong", "attr"),
        [
            ({"key": "Size"}, "key"),
            ({"key": "1size"}, "key"),
            ({"key": "size\n"}, "key"),
            ({"key": "x" * 51}, "key"),
            ({"key": ""}, "key"),
            ({"label": " "}, "label"),
            ({"label": "x" * 101}, "label"),
            ({"field_type": "list"}, "field_type"),
            ({"options": ["S"]}, "options"),
            ({"field_type": "select", "options": []}, "options"),
            ({"field_type": "select", "options": ["x"] * 201}, "options"),
            ({"field_type": "select", "options": ["S", "s"]}, "options.1"),
            ({"field_type": "select", "options": ["S", " "]}, "options.1"),
            ({"field_type": "multi_select", "options": ["x" * 101]}, "options.0"),
        ],
    )
    def test_refuses_what_cannot_be(self, account: Account, wrong: dict[str, Any], attr: str) -> None:
        good: dict[str, Any] = {"key": "size", "label": "Size", "field_type": "text"}
        with pytest.raises(Invalid) as refusal:
            define_custom_field(account_id=account.id, actor=SYSTEM, **{**good, **wrong})
        assert [problem.attr for problem in refusal.value.problems] == [attr]
        assert CustomField.objects.count() == 0


class TestChangeCustomField:
    def test_changes_label_and_options_and_keeps_values(self, account: Account) -> None:
        field = CustomFieldFactory(account=account, key="size", field_type="select", options=["S", "L"])
        contact = ContactFactory(account=account, custom_fields={"size": "S"})
        change_custom_field(account_id=account.id, actor=SYSTEM, field_id=field.id, options=["L"], now=NOW)
        field.refresh_from_db()
        contact.refresh_from_db()
        assert (field.options, field.updated_at) == (["L"], NOW)
        assert contact.custom_fields == {"size": "S"}
        entry = AuditEntry.objects.get()
        assert (entry.before, entry.after) == ({"options": ["S", "L"]}, {"options": ["L"]})

    def test_another_accounts_field_is_missing(self, account: Account, other_account: Account) -> None:
        foreign = CustomFieldFactory(account=other_account, label="Theirs")
        with pytest.raises(Missing):
            change_custom_field(account_id=account.id, actor=SYSTEM, field_id=foreign.id, label="Ours", now=NOW)
        with pytest.raises(Missing):
            delete_custom_field(account_id=account.id, actor=SYSTEM, field_id=foreign.id, now=NOW)
        assert CustomField.objects.get().label == "Theirs"


class TestDeleteCustomField:
    def test_empties_it_on_every_contact_of_the_account(self, account: Account, other_account: Account) -> None:
        field = CustomFieldFactory(account=account, key="size")
        contact = ContactFactory(account=account, custom_fields={"size": "S", "city": "Rome"})
        deleted = ContactFactory(account=account, custom_fields={"size": "S"}, deleted_at=NOW)
        foreign = ContactFactory(account=other_account, custom_fields={"size": "S"})
        delete_custom_field(account_id=account.id, actor=SYSTEM, field_id=field.id, now=NOW)
        for row in (contact, deleted, foreign):
            row.refresh_from_db()
        assert contact.custom_fields == {"city": "Rome"}
        assert deleted.custom_fields == {}
        assert foreign.custom_fields == {"size": "S"}
        assert CustomField.objects.count() == 0
        assert AuditEntry.objects.get().verb == "custom_field.deleted"
