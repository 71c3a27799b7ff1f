import pytest

from accounts.models import AuditEntry
from workflows.actions.outcomes import Failed
from workflows.actions.registry import registry
from workflows.actions.tests.batches import batch_of, problems, refusals, run
from workflows.crm.models import Contact, Event, FieldType
from workflows.crm.tests.factories import ContactFactory, CustomFieldFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def contact(account):
    return ContactFactory(account=account, first_name="Ada", email="ada@example.com")


def others(contact):
    return Contact.objects.exclude(id=contact.id)


class TestCreateContact:
    def test_makes_another_contact(self, account, contact):
        CustomFieldFactory(account=account, key="score", field_type=FieldType.NUMBER)
        config = {
            "first_name": "{{ trigger.guest }}",
            "last_name": "Friend of {{ contact.first_name }}",
            "email": "Bob@Example.com",
            "phone": "(415) 555-0123",
            "custom_fields": {"score": "{{ trigger.score }}"},
            "tags": ["Guest", "VIP"],
        }
        (outcome,) = run("create_contact", contact, config, trigger={"guest": "Bob", "score": 12.5})
        made = others(contact).get()
        assert outcome.result == {"contact_id": str(made.id), "created": True, "message": "Contact created"}
        assert (made.first_name, made.last_name) == ("Bob", "Friend of Ada")
        assert (made.email, made.phone) == ("Bob@Example.com", "+14155550123")
        assert (made.account_id, made.custom_fields) == (account.id, {"score": 12.5})
        assert sorted(made.contact_tags.values_list("tag__name", flat=True)) == ["Guest", "VIP"]
        assert outcome.data["email"] == "Bob@Example.com"

    def test_records_and_audits_it(self, contact):
        run("create_contact", contact, {"email": "bob@example.com"})
        made = others(contact).get()
        event = Event.objects.get()
        assert (event.event_type, event.contact_id, event.depth) == ("contact_created", made.id, 3)
        assert AuditEntry.objects.get(object_id=made.id).actor_label == "Workflow Welcome"

    def test_updates_the_contact_found_by_e_mail_whatever_its_case(self, account, contact):
        bob = ContactFactory(account=account, email="bob@example.com", first_name="B", last_name="Builder")
        (outcome,) = run("create_contact", contact, {"email": "BOB@example.com", "first_name": "Bob", "last_name": ""})
        assert outcome.result == {
            "contact_id": str(bob.id),
            "created": False,
            "message": "Duplicate found - updated existing",
        }
        bob.refresh_from_db()
        assert (bob.first_name, bob.last_name, bob.email) == ("Bob", "Builder", "bob@example.com")
        assert Event.objects.get().event_type == "contact_updated"

    def test_finds_by_phone_when_the_e_mail_is_nobodys(self, account, contact):
        bob = ContactFactory(account=account, email="", phone="+14155550123")
        (outcome,) = run("create_contact", contact, {"email": "new@example.com", "phone": "+1 415 555 0123"})
        assert (outcome.result["contact_id"], outcome.result["created"]) == (str(bob.id), False)

    def test_leaves_a_duplicate_alone(self, account, contact):
        bob = ContactFactory(account=account, email="bob@example.com", first_name="B")
        config = {"email": "bob@example.com", "first_name": "Bob", "duplicate_handling": "skip"}
        (outcome,) = run("create_contact", contact, config)
        assert outcome.result == {"contact_id": str(bob.id), "created": False, "message": "Duplicate found - skipped"}
        bob.refresh_from_db()
        assert bob.first_name == "B"
        assert not Event.objects.exists()

    def test_makes_a_duplicate_when_told_to(self, account, contact):
        bob = ContactFactory(account=account, email="bob@example.com")
        (outcome,) = run(
            "create_contact", contact, {"email": "bob@example.com", "duplicate_handling": "create_duplicate"}
        )
        assert outcome.result["created"] is True
        assert outcome.result["contact_id"] != str(bob.id)
        assert others(contact).filter(email="bob@example.com").count() == 2

    def test_never_finds_a_contact_of_another_account(self, contact, other_account):
        stranger = ContactFactory(account=other_account, email="bob@example.com", first_name="Stranger")
        (outcome,) = run("create_contact", contact, {"email": "bob@example.com", "first_name": "Bob"})
        stranger.refresh_from_db()
        assert (outcome.result["created"], stranger.first_name) == (True, "Stranger")

    def test_makes_one_contact_for_a_batch_that_names_it_often(self, account, contact):
        contacts = [contact, *ContactFactory.create_batch(3, account=account)]
        outcomes = run("create_contact", contacts, {"email": "bob@example.com"})
        assert [outcome.result["created"] for outcome in outcomes] == [True, False, False, False]
        assert Contact.objects.filter(email="bob@example.com").count() == 1

    def test_brings_the_copy_of_a_contact_in_the_batch_up_to_date(self, contact):
        kind = registry.get("create_contact")
        config = kind.complete_config({"email": "{{ contact.email }}", "first_name": "Countess"})
        batch = batch_of([contact], config)
        (outcome,) = kind.run_many(batch)
        assert outcome.result["contact_id"] == str(contact.id)
        assert batch[0].contact.first_name == "Countess"

    def test_fails_only_the_contacts_without_an_address(self, account, contact):
        config = {"email": "{{ contact.custom_fields.friend }}"}
        CustomFieldFactory(account=account, key="friend")
        friendly = ContactFactory(account=account, custom_fields={"friend": "bob@example.com"})
        outcomes = run("create_contact", [contact, friendly], config)
        assert outcomes[0] == Failed("rejected", "email and phone are both empty after rendering.")
        assert outcomes[1].result["created"] is True

    def test_fails_an_address_that_is_none(self, contact):
        (outcome,) = run("create_contact", contact, {"email": "{{ contact.first_name }}"})
        assert isinstance(outcome, Failed)
        assert (outcome.error_class, outcome.data["email"]) == ("rejected", "Ada")
        assert not others(contact).exists()

    def test_fails_when_a_custom_field_is_gone(self, account, contact):
        field = CustomFieldFactory(account=account, key="score")
        kind = registry.get("create_contact")
        config = kind.clean_config({"email": "b@example.com", "custom_fields": {"score": "1"}}, account_id=account.id)
        field.delete()
        (outcome,) = kind.run_many(batch_of([contact], kind.complete_config(config)))
        assert isinstance(outcome, Failed)
        assert outcome.error_class == "invalid_config"
        assert not others(contact).exists()


class TestConfig:
    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ({"email": "", "phone": " "}, ("required", "email")),
            ({"email": "nonsense"}, ("invalid", "email")),
            ({"phone": "12"}, ("invalid", "phone")),
            ({"email": "x" * 255}, ("max_length", "email")),
            ({"first_name": "x" * 101}, ("max_length", "first_name")),
            ({"first_name": "{{ x }}"}, ("invalid_template", "first_name")),
            ({"tags": "VIP"}, ("not_a_list", "tags")),
            ({"tags": ["x" * 51]}, ("max_length", "tags.0")),
            ({"tags": ["ok", ""]}, ("blank", "tags.1")),
            ({"tags": ["x"] * 51}, ("max_length", "tags")),
            ({"duplicate_handling": "refuse"}, ("invalid_choice", "duplicate_handling")),
            ({"custom_fields": []}, ("not_a_dict", "custom_fields")),
            ({"custom_fields": {"scor": 1}}, ("unknown_field", "custom_fields.scor")),
            ({"custom_fields": {"score": "x"}}, ("invalid", "custom_fields.score")),
            ({"custom_fields": {"score": "{{ x"}}, ("invalid_template", "custom_fields.score")),
            ({"custom_fields": {"score": {"a": 1}}}, ("invalid", "custom_fields.score")),
        ],
    )
    def test_refuses(self, account, config, expected):
        CustomFieldFactory(account=account, key="score", field_type=FieldType.NUMBER)
        config = config if "email" in config else {"email": "a@example.com", **config}
        assert refusals("create_contact", config, account.id) == [expected]

    def test_needs_an_address(self, account):
        assert refusals("create_contact", {"first_name": "Bob"}, account.id) == [("required", "email")]

    def test_names_the_nearest_custom_field(self, account):
        CustomFieldFactory(account=account, key="score", field_type=FieldType.NUMBER)
        config = {"email": "a@example.com", "custom_fields": {"scor": 1}}
        (problem,) = problems("create_contact", config, account.id)
        assert problem.detail == "There is no contact field `scor`; did you mean `score`?"

    def test_knows_no_custom_field_of_another_account(self, account, other_account):
        CustomFieldFactory(account=other_account, key="score")
        config = {"email": "a@example.com", "custom_fields": {"score": "1"}}
        assert refusals("create_contact", config, account.id) == [("unknown_field", "custom_fields.score")]
