import pytest

from workflows.actions.outcomes import Done, Failed
from workflows.actions.tests.batches import refusals, run
from workflows.crm.models import Event, Tag
from workflows.crm.tests.factories import ContactFactory, TagFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def contact(account):
    return ContactFactory(account=account, first_name="Ada")


def tags_of(contact):
    return sorted(contact.contact_tags.values_list("tag__name", flat=True))


class TestAddTag:
    def test_puts_the_tag_on_the_contact(self, contact):
        (outcome,) = run("add_tag", contact, {"tag_name": "VIP"})
        assert outcome == Done({"tag_name": "VIP", "changed": True}, data={"tag_name": "VIP"})
        assert tags_of(contact) == ["VIP"]

    def test_records_the_event_with_its_cause(self, contact):
        run("add_tag", contact, {"tag_name": "VIP"})
        event = Event.objects.get()
        assert (event.event_type, event.contact_id, event.depth) == ("tag_added", contact.id, 3)
        assert event.data["tag_name"] == "VIP"
        assert event.caused_by_id is not None

    def test_renders_the_name(self, contact):
        run("add_tag", contact, {"tag_name": " Lead {{ contact.first_name | upcase }} "})
        assert tags_of(contact) == ["Lead ADA"]

    def test_makes_the_tag_once_with_its_color(self, account, contact):
        other = ContactFactory(account=account)
        run("add_tag", [contact, other], {"tag_name": "VIP", "tag_color": "#2f80ed"})
        tag = Tag.objects.get()
        assert (tag.name, tag.color) == ("VIP", "#2F80ED")
        assert tags_of(other) == ["VIP"]

    def test_leaves_the_color_of_a_tag_that_exists(self, account, contact):
        TagFactory(account=account, name="VIP", color="#111111")
        run("add_tag", contact, {"tag_name": "VIP", "tag_color": "#222222"})
        assert Tag.objects.get().color == "#111111"

    def test_changes_nothing_when_the_contact_has_it(self, account):
        contact = ContactFactory(account=account, tags=["Vip"])
        (outcome,) = run("add_tag", contact, {"tag_name": "VIP"})
        assert outcome.result == {"tag_name": "VIP", "changed": False}
        assert tags_of(contact) == ["Vip"]
        assert not Event.objects.exists()

    def test_adds_it_once_for_two_executions_of_a_contact(self, contact):
        outcomes = run("add_tag", [contact, contact], {"tag_name": "VIP"})
        assert [outcome.result["changed"] for outcome in outcomes] == [True, False]
        assert Event.objects.count() == 1

    def test_fails_only_the_contact_whose_name_renders_empty(self, account, contact):
        nameless = ContactFactory(account=account, first_name="")
        outcomes = run("add_tag", [nameless, contact], {"tag_name": "{{ contact.first_name }}"})
        assert outcomes[0] == Failed("rejected", "tag_name is empty after rendering.")
        assert outcomes[1].result["changed"] is True
        assert (tags_of(nameless), tags_of(contact)) == ([], ["Ada"])

    def test_fails_a_name_that_renders_too_long(self, account):
        contact = ContactFactory(account=account, first_name="A" * 51)
        (outcome,) = run("add_tag", contact, {"tag_name": "{{ contact.first_name }}"})
        assert outcome == Failed("rejected", "tag_name has 51 characters after rendering; 50 fit.")
        assert not Tag.objects.exists()

    def test_fails_a_template_that_cannot_be_rendered(self, contact):
        (outcome,) = run("add_tag", contact, {"tag_name": "{{ 1 | divided_by: contact.phone }}"})
        assert isinstance(outcome, Failed)
        assert outcome.error_class == "invalid_config"
        assert not Tag.objects.exists()

    def test_takes_a_name_that_looks_like_a_template_as_it_is(self, account):
        contact = ContactFactory(account=account, first_name="{{7*7}}{% if %}")
        run("add_tag", contact, {"tag_name": "{{ contact.first_name }}"})
        assert tags_of(contact) == ["{{7*7}}{% if %}"]


class TestConfig:
    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ({}, ("required", "tag_name")),
            ({"tag_name": ""}, ("blank", "tag_name")),
            ({"tag_name": "  "}, ("blank", "tag_name")),
            ({"tag_name": None}, ("null", "tag_name")),
            ({"tag_name": 7}, ("invalid", "tag_name")),
            ({"tag_name": "x" * 51}, ("max_length", "tag_name")),
            ({"tag_name": "{{ contact.first_name"}, ("invalid_template", "tag_name")),
            ({"tag_name": "{{ user.name }}"}, ("invalid_template", "tag_name")),
            ({"tag_name": "VIP", "tag_color": "blue"}, ("invalid", "tag_color")),
            ({"tag_name": "VIP", "tag_color": "#12345"}, ("invalid", "tag_color")),
            ({"tag_name": "VIP", "tag_color": "#1234567"}, ("invalid", "tag_color")),
            ({"tag_name": "VIP", "tag_color": "#12345\n6"}, ("invalid", "tag_color")),
            ({"tag_name": "VIP", "color": "#123456"}, ("unknown_field", "color")),
        ],
    )
    def test_refuses(self, account, config, expected):
        assert refusals("add_tag", config, account.id) == [expected]

    def test_takes_a_template_longer_than_the_name_may_be(self, account):
        template = "{{ contact.custom_fields.favourite_colour | default: 'none' }}"
        assert refusals("add_tag", {"tag_name": template}, account.id) == []
