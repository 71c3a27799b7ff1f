from uuid import uuid4

import pytest

from accounts.models import AuditEntry
from accounts.tests.factories import MembershipFactory
from workflows.actions.outcomes import Failed
from workflows.actions.registry import registry
from workflows.actions.tests.batches import batch_of, problems, refusals, run
from workflows.crm.models import CustomField, Event, FieldType
from workflows.crm.tests.factories import ContactFactory, CustomFieldFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def fields(account):
    CustomFieldFactory(account=account, key="score", field_type=FieldType.NUMBER)
    CustomFieldFactory(account=account, key="history", field_type=FieldType.TEXT)
    CustomFieldFactory(account=account, key="colors", field_type=FieldType.MULTI_SELECT, options=["Red", "Blue"])
    CustomFieldFactory(account=account, key="is_vip", field_type=FieldType.BOOLEAN)
    CustomFieldFactory(account=account, key="joined", field_type=FieldType.DATE)


@pytest.fixture
def contact(account, fields):
    return ContactFactory(account=account, first_name="Ada", last_name="Lovelace", custom_fields={"score": 5})


def update(contact, *updates, **options):
    contacts = contact if isinstance(contact, list) else [contact]
    outcomes = run("update_contact", contacts, {"field_updates": list(updates)}, **options)
    for each in contacts:
        each.refresh_from_db()
    return outcomes[0] if len(outcomes) == 1 else outcomes


class TestUpdateContact:
    def test_sets_fields_in_order(self, contact):
        outcome = update(
            contact,
            {"field": "last_name", "value": "King"},
            {"field": "custom_fields.is_vip", "value": True},
            {"field": "custom_fields.joined", "value": "{{ trigger.day }}"},
            {"field": "custom_fields.colors", "value": ["red", "{{ trigger.color }}", ""]},
            {"field": "last_name", "value": "{{ contact.first_name }} King"},
            trigger={"day": "2026-01-31", "color": "BLUE"},
        )
        assert contact.last_name == "Ada King"
        assert contact.custom_fields == {
            "score": 5, "is_vip": True, "joined": "2026-01-31", "colors": ["Red", "Blue"],
        }  # fmt: skip
        assert outcome.result["changed"] is True
        assert outcome.result["fields"]["last_name"] == {"from": "Lovelace", "to": "Ada King"}
        assert outcome.data["field_updates"][0] == {"field": "last_name", "value": "King", "mode": "set"}

    def test_accepts_the_key_of_a_custom_field_alone_and_stores_it_in_full(self, account, contact):
        config = {"field_updates": [{"field": "score", "value": 7}]}
        cleaned = registry.get("update_contact").clean_config(config, account_id=account.id)
        assert cleaned == {"field_updates": [{"field": "custom_fields.score", "value": 7}]}
        update(contact, {"field": "score", "value": 7})
        assert contact.custom_fields["score"] == 7

    def test_records_and_audits_old_and_new(self, contact):
        update(contact, {"field": "first_name", "value": "Augusta"}, {"field": "custom_fields.score", "value": "6"})
        events = {event.event_type: event.data for event in Event.objects.all()}
        assert events == {
            "contact_updated": {
                "fields": {
                    "first_name": {"from": "Ada", "to": "Augusta"},
                    "custom_fields.score": {"from": 5, "to": 6},
                }
            },
            "custom_field_changed": {"field": "score", "from": 5, "to": 6},
        }
        entry = AuditEntry.objects.get(object_id=contact.id)
        assert (entry.before["first_name"], entry.after["first_name"]) == ("Ada", "Augusta")
        assert entry.actor_label == "Workflow Welcome"

    def test_changes_nothing_when_the_values_are_there_already(self, contact):
        outcome = update(contact, {"field": "first_name", "value": "Ada"}, {"field": "score", "value": "5.0"})
        assert outcome.result == {"changed": False, "fields": {}}
        assert not Event.objects.exists()
        assert not AuditEntry.objects.exists()

    def test_clears_a_field(self, contact):
        update(contact, {"field": "last_name", "value": ""}, {"field": "score", "value": None})
        assert (contact.last_name, contact.custom_fields) == ("", {})

    def test_increments_a_number(self, contact):
        update(
            contact, {"field": "score", "value": "{{ trigger.points }}", "mode": "increment"}, trigger={"points": 0.1}
        )
        assert contact.custom_fields["score"] == 5.1

    def test_counts_an_empty_number_from_zero(self, account, fields):
        contact = ContactFactory(account=account)
        update(contact, {"field": "score", "value": -2, "mode": "increment"})
        assert contact.custom_fields["score"] == -2

    def test_counts_twice_for_two_executions_of_a_contact(self, contact):
        config = {"field_updates": [{"field": "score", "value": 1}], "update_mode": "increment"}
        outcomes = run("update_contact", [contact, contact], config)
        contact.refresh_from_db()
        assert contact.custom_fields["score"] == 7
        assert outcomes[1].result["fields"] == {"custom_fields.score": {"from": 6, "to": 7}}

    def test_appends_to_texts_and_lists(self, contact):
        step = (
            {"field": "last_name", "value": " King", "mode": "append"},
            {"field": "history", "value": "called", "mode": "append"},
            {"field": "history", "value": "; wrote", "mode": "append"},
            {"field": "colors", "value": "red", "mode": "append"},
            {"field": "colors", "value": ["Blue", "Red"], "mode": "append"},
        )
        update(contact, *step)
        assert contact.last_name == "Lovelace King"
        assert contact.custom_fields == {"score": 5, "history": "called; wrote", "colors": ["Red", "Blue"]}

    def test_assigns_another_owner(self, account, contact):
        owner = MembershipFactory(account=account).user
        update(contact, {"field": "owner_id", "value": "{{ trigger.owner }}"}, trigger={"owner": str(owner.id)})
        assert contact.owner_id == owner.id
        assert Event.objects.filter(event_type="contact_assigned").count() == 1

    def test_lets_later_steps_see_the_change(self, contact):
        kind = registry.get("update_contact")
        config = kind.complete_config({"field_updates": [{"field": "first_name", "value": "Augusta"}]})
        batch = batch_of([contact], config)
        kind.run_many(batch)
        assert batch[0].context()["contact"]["first_name"] == "Augusta"

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"field": "score", "value": "{{ contact.first_name }}"}, "Give a number such as 12.5."),
            ({"field": "joined", "value": "{{ contact.first_name }}"}, "Give a date such as 2026-01-31."),
            ({"field": "email", "value": "{{ contact.first_name }}"}, "Give an e-mail address"),
            ({"field": "timezone", "value": "{{ contact.first_name }}"}, "Give an IANA time zone"),
            ({"field": "colors", "value": "{{ contact.first_name }}"}, "Give one of: Red, Blue."),
            ({"field": "owner_id", "value": "{{ account.id }}"}, "no"),
            ({"field": "score", "value": "{{ contact.first_name }}", "mode": "increment"}, "is no number"),
            ({"field": "score", "value": "{{ 'NaN' }}", "mode": "increment"}, "is no number"),
            ({"field": "score", "value": "{{ '1e999999' }}", "mode": "increment"}, "is no number"),
            ({"field": "first_name", "value": "{% for i in (1..101) %}x{% endfor %}"}, "Shorten it to 100 characters."),
        ],
    )
    def test_fails_a_rendered_value_that_does_not_fit(self, contact, change, message):
        outcome = update(contact, {"field": "last_name", "value": "King"}, change)
        assert isinstance(outcome, Failed)
        assert outcome.error_class == "rejected"
        assert message in outcome.message
        assert contact.last_name == "Lovelace"
        assert not Event.objects.exists()

    def test_fails_an_address_that_belongs_to_another_contact_and_spares_the_others(self, account, contact):
        ContactFactory(account=account, email="taken@example.com")
        free = ContactFactory(account=account, source="free@example.com")
        contact.source = "taken@example.com"
        contact.save()
        outcomes = update([contact, free], {"field": "email", "value": "{{ contact.source }}"})
        assert isinstance(outcomes[0], Failed)
        assert outcomes[1].result["changed"] is True
        assert (contact.email != "taken@example.com", free.email) == (True, "free@example.com")

    def test_fails_when_the_custom_field_is_gone(self, account, contact):
        kind = registry.get("update_contact")
        config = kind.clean_config({"field_updates": [{"field": "score", "value": 1}]}, account_id=account.id)
        CustomField.objects.for_account(account.id).filter(key="score").delete()
        (outcome,) = kind.run_many(batch_of([contact], kind.complete_config(config)))
        assert isinstance(outcome, Failed)
        assert outcome.error_class == "invalid_config"


class TestConfig:
    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ({}, ("required", "field_updates")),
            ({"field_updates": []}, ("min_length", "field_updates")),
            ({"field_updates": {}}, ("not_a_list", "field_updates")),
            ({"field_updates": [{"field": "source", "value": "x"}] * 51}, ("max_length", "field_updates")),
            ({"field_updates": ["source"]}, ("invalid", "field_updates.0")),
            (
                {"field_updates": [{"field": "score", "value": 1}], "update_mode": "append"},
                ("invalid", "field_updates.0.mode"),
            ),
            ({"field_updates": [{"field": "source", "value": 1}], "mode": "set"}, ("unknown_field", "mode")),
        ],
    )
    def test_refuses(self, account, fields, config, expected):
        assert refusals("update_contact", config, account.id) == [expected]

    def test_reports_every_change_that_is_wrong(self, account, fields):
        config = {
            "field_updates": [
                {"field": "nothing", "value": 1},
                {"field": "source", "value": "web"},
                {"field": "score", "value": "many"},
            ]
        }
        assert refusals("update_contact", config, account.id) == [
            ("unknown_field", "field_updates.0.field"),
            ("invalid", "field_updates.2.value"),
        ]

    def test_names_the_nearest_field(self, account, fields):
        config = {"field_updates": [{"field": "custom_fields.scor", "value": 1}]}
        (problem,) = problems("update_contact", config, account.id)
        assert problem.detail == "There is no contact field `custom_fields.scor`; did you mean `custom_fields.score`?"

    def test_knows_no_custom_field_of_another_account(self, account, other_account):
        CustomFieldFactory(account=other_account, key="score", field_type=FieldType.NUMBER)
        config = {"field_updates": [{"field": "custom_fields.score", "value": 1}]}
        assert refusals("update_contact", config, account.id) == [("unknown_field", "field_updates.0.field")]

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"value": "x"}, ("required", "field")),
            ({"field": "source"}, ("required", "value")),
            ({"field": "source", "value": {}}, ("invalid", "value")),
            ({"field": "source", "value": [1]}, ("invalid", "value")),
            ({"field": "source", "value": 10**400}, ("max_value", "value")),
            ({"field": "sorce", "value": "x"}, ("unknown_field", "field")),
            ({"field": "tags", "value": "x"}, ("unknown_field", "field")),
            ({"field": "custom_fields.x", "value": 1}, ("unknown_field", "field")),
            ({"field": "score", "value": "many"}, ("invalid", "value")),
            ({"field": "score", "value": True}, ("invalid", "value")),
            ({"field": "joined", "value": "soon"}, ("invalid", "value")),
            ({"field": "email", "value": "nobody"}, ("invalid", "value")),
            ({"field": "owner_id", "value": str(uuid4())}, ("user_not_found", "value")),
            ({"field": "source", "value": "{{ x }}"}, ("invalid_template", "value")),
            ({"field": "source", "value": 1, "mode": "add"}, ("invalid_choice", "mode")),
            ({"field": "source", "value": 1, "mode": "increment"}, ("invalid", "mode")),
            ({"field": "email", "value": "a", "mode": "append"}, ("invalid", "mode")),
            ({"field": "source", "value": 1, "op": "set"}, ("unknown_field", "op")),
        ],
    )
    def test_refuses_a_change(self, account, fields, change, expected):
        code, attr = expected
        refused = refusals("update_contact", {"field_updates": [change]}, account.id)
        assert refused == [(code, f"field_updates.0.{attr}")]
