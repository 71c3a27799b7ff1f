import pytest

from workflows.actions.outcomes import Done, Failed
from workflows.actions.tests.batches import refusals, run
from workflows.crm.models import Event, Tag
from workflows.crm.tests.factories import ContactFactory

pytestmark = pytest.mark.django_db


def tags_of(contact):
    return sorted(contact.contact_tags.values_list("tag__name", flat=True))


class TestRemoveTag:
    def test_takes_the_tag_off_whatever_its_case(self, account):
        contact = ContactFactory(account=account, tags=["Lead", "Vip"])
        (outcome,) = run("remove_tag", contact, {"tag_name": "VIP"})
        assert outcome == Done({"tag_name": "VIP", "changed": True}, data={"tag_name": "VIP"})
        assert tags_of(contact) == ["Lead"]
        assert Tag.objects.count() == 2

    def test_records_the_event(self, account):
        contact = ContactFactory(account=account, tags=["Vip"])
        run("remove_tag", contact, {"tag_name": "vip"})
        event = Event.objects.get()
        assert (event.event_type, event.data["tag_name"], event.depth) == ("tag_removed", "Vip", 3)

    def test_changes_nothing_when_the_contact_lacks_it(self, account):
        contact = ContactFactory(account=account, tags=["Lead"])
        (outcome,) = run("remove_tag", contact, {"tag_name": "VIP"})
        assert outcome.result == {"tag_name": "VIP", "changed": False}
        assert tags_of(contact) == ["Lead"]
        assert not Event.objects.exists()

    def test_leaves_the_tag_on_others(self, account):
        contact, other = (ContactFactory(account=account, tags=["VIP"]) for _ in range(2))
        run("remove_tag", contact, {"tag_name": "VIP"})
        assert (tags_of(contact), tags_of(other)) == ([], ["VIP"])

    def test_renders_the_name(self, account):
        contact = ContactFactory(account=account, first_name="Ada", tags=["Lead Ada"])
        run("remove_tag", contact, {"tag_name": "Lead {{ contact.first_name }}"})
        assert tags_of(contact) == []

    def test_fails_a_name_that_renders_empty(self, account):
        contact = ContactFactory(account=account, tags=["VIP"])
        (outcome,) = run("remove_tag", contact, {"tag_name": "{{ trigger.tag }}"})
        assert outcome == Failed("rejected", "tag_name is empty after rendering.")
        assert tags_of(contact) == ["VIP"]


class TestConfig:
    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ({}, ("required", "tag_name")),
            ({"tag_name": " "}, ("blank", "tag_name")),
            ({"tag_name": ["VIP"]}, ("invalid", "tag_name")),
            ({"tag_name": "x" * 51}, ("max_length", "tag_name")),
            ({"tag_name": "{% include 'x' %}"}, ("invalid_template", "tag_name")),
            ({"tag_name": "VIP", "tag_color": "#123456"}, ("unknown_field", "tag_color")),
        ],
    )
    def test_refuses(self, account, config, expected):
        assert refusals("remove_tag", config, account.id) == [expected]
