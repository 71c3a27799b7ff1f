import pytest

from workflows.actions.outcomes import Failed
from workflows.actions.tests.batches import refusals, run
from workflows.crm.models import Event, Note
from workflows.crm.tests.factories import ContactFactory

pytestmark = pytest.mark.django_db


class TestAddNote:
    def test_writes_a_note_for_each_contact(self, account):
        contacts = [ContactFactory(account=account, first_name=name) for name in ("Ada", "Zoë")]
        outcomes = run("add_note", contacts, {"content": "{{ contact.first_name }} called."})
        notes = [Note.objects.get(id=outcome.result["note_id"]) for outcome in outcomes]
        assert [note.content for note in notes] == ["Ada called.", "Zoë called."]
        assert [note.contact_id for note in notes] == [contact.id for contact in contacts]
        assert {(note.note_type, note.author_id) for note in notes} == {("general", None)}
        assert all(note.caused_by_id for note in notes)
        assert outcomes[0].data == {"content": "Ada called.", "note_type": "general"}

    def test_records_an_event_for_each_note(self, account):
        contact = ContactFactory(account=account)
        run("add_note", [contact, contact], {"content": "Twice.", "note_type": "system"})
        assert list(Event.objects.values_list("event_type", "data__note_type")) == [("note_added", "system")] * 2

    def test_sees_the_results_of_earlier_steps_and_the_trigger(self, account):
        contact = ContactFactory(account=account)
        config = {
            "content": "{{ steps.add_tag.changed }} {{ trigger.form.name }} {{ workflow.name }} {{ account.name }}"
        }
        run("add_note", contact, config, results={"add_tag": {"changed": True}}, trigger={"form": {"name": "Demo"}})
        assert Note.objects.get().content == "true Demo Welcome Acme"

    def test_fails_only_the_contact_whose_note_is_empty(self, account):
        silent, heard = (ContactFactory(account=account, source=source) for source in ("", "web"))
        outcomes = run("add_note", [silent, heard], {"content": "{{ contact.source }}"})
        assert outcomes[0] == Failed("rejected", "content is empty after rendering.")
        assert Note.objects.get().contact_id == heard.id

    def test_fails_a_note_that_renders_too_long(self, account):
        contact = ContactFactory(account=account, source="x" * 100)
        (outcome,) = run("add_note", contact, {"content": "{% for i in (1..51) %}{{ contact.source }}{% endfor %}"})
        assert outcome == Failed("rejected", "content has 5100 characters after rendering; 5000 fit.")
        assert not Note.objects.exists()


class TestConfig:
    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ({}, ("required", "content")),
            ({"content": "\n"}, ("blank", "content")),
            ({"content": "x" * 5001}, ("max_length", "content")),
            ({"content": "x\x00"}, ("null_characters_not_allowed", "content")),
            ({"content": "x", "note_type": "secret"}, ("invalid_choice", "note_type")),
            ({"content": "x", "note_type": 1}, ("invalid_choice", "note_type")),
            ({"contents": "x", "content": "x"}, ("unknown_field", "contents")),
        ],
    )
    def test_refuses(self, account, config, expected):
        assert refusals("add_note", config, account.id) == [expected]
