"""What hangs on contacts, from outside: tags, notes, tasks, consents, custom fields."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import Account
from accounts.tests.factories import MembershipFactory
from workflows.crm.models import Consent, Contact, CustomField, Event, Note, Tag, Task
from workflows.crm.tests.factories import (
    ConsentFactory,
    ContactFactory,
    CustomFieldFactory,
    NoteFactory,
    TagFactory,
    TaskFactory,
)


@pytest.fixture
def contact(account: Account) -> Contact:
    made: Contact = ContactFactory(account=account)
    return made


def errors_of(response: Any) -> list[tuple[str, str | None]]:
    return [(error["code"], error["attr"]) for error in response.json()["errors"]]


class TestContactTags:
    def test_adds_lists_and_removes(self, api: APIClient, contact: Contact) -> None:
        address = f"/api/v1/contacts/{contact.id}/tags"
        first = api.post(address, {"tag_name": "VIP", "tag_color": "#ff0000"})
        again = api.post(address, {"tag_name": "vip"})
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json() == again.json()
        assert (first.json()["name"], first.json()["color"]) == ("VIP", "#FF0000")
        assert [item["name"] for item in api.get(address).json()["items"]] == ["VIP"]
        removed = f"{address}/{first.json()['id']}"
        assert api.delete(removed).status_code == 204
        assert api.delete(removed).status_code == 404
        assert api.get(address).json()["total"] == 0
        assert list(Event.objects.order_by("sequence").values_list("event_type", flat=True)) == [
            "tag_added",
            "tag_removed",
        ]
        assert Tag.objects.count() == 1

    def test_are_named_as_in_the_list_of_tags_too(self, api: APIClient, contact: Contact) -> None:
        response = api.post(f"/api/v1/contacts/{contact.id}/tags", {"name": "VIP", "color": "#ff0000"})
        assert (response.status_code, response.json()["name"], response.json()["color"]) == (201, "VIP", "#FF0000")

    @pytest.mark.parametrize(
        ("body", "problem"),
        [
            ({}, ("required", "tag_name")),
            ({"tag_name": "x" * 51}, ("max_length", "tag_name")),
            ({"tag_name": "fine", "tag_color": "red"}, ("invalid", "tag_color")),
            ({"color": "#ff0000"}, ("required", "tag_name")),
            ({"tag_name": "fine", "name": "finer"}, ("invalid", "name")),
            ({"name": "x" * 51}, ("max_length", "name")),
        ],
    )
    def test_refuses(self, api: APIClient, contact: Contact, body: dict[str, str], problem: tuple[str, str]) -> None:
        response = api.post(f"/api/v1/contacts/{contact.id}/tags", body)
        assert response.status_code == 400
        assert errors_of(response) == [problem]
        assert Tag.objects.count() == 0


class TestTags:
    def test_are_made_renamed_and_deleted(self, api: APIClient, account: Account) -> None:
        made = api.post("/api/v1/tags", {"name": "Straße", "color": "#00ff00"})
        assert made.status_code == 201
        address = f"/api/v1/tags/{made.json()['id']}"
        taken = api.post("/api/v1/tags", {"name": "STRASSE"})
        assert (taken.status_code, errors_of(taken)) == (409, [("name_taken", "name")])
        assert api.patch(address, {"name": "Gasse"}).json()["name"] == "Gasse"
        bad = api.patch(address, {"color": "green"})
        assert (bad.status_code, errors_of(bad)) == (400, [("invalid", "color")])
        ContactFactory(account=account, tags=["gasse"])
        assert api.delete(address).status_code == 204
        assert api.get(address).status_code == 404
        assert Event.objects.get().event_type == "tag_removed"

    def test_of_two_accounts_may_have_the_same_name(self, api: APIClient, other_account: Account) -> None:
        TagFactory(account=other_account, name="VIP")
        assert api.post("/api/v1/tags", {"name": "VIP"}).status_code == 201
        assert api.get("/api/v1/tags").json()["total"] == 1


class TestNotes:
    def test_are_written_changed_and_deleted(self, api: APIClient, contact: Contact) -> None:
        address = f"/api/v1/contacts/{contact.id}/notes"
        made = api.post(address, {"content": "  Called.\n"})
        assert made.status_code == 201
        assert made.json()["content"] == "  Called.\n"
        assert made.json()["contact_id"] == str(contact.id)
        assert made.json()["author_id"] == str(api.api_key.user_id)  # type: ignore[attr-defined]
        own = f"{address}/{made.json()['id']}"
        assert api.get(own).json() == made.json()
        assert api.patch(own, {"content": "Called twice."}).json()["content"] == "Called twice."
        assert api.get(address).json()["total"] == 1
        assert api.delete(own).status_code == 204
        assert Note.objects.count() == 0

    @pytest.mark.parametrize(("content", "code"), [("", "blank"), (" \n", "blank"), ("x" * 5001, "max_length")])
    def test_are_refused(self, api: APIClient, contact: Contact, content: str, code: str) -> None:
        response = api.post(f"/api/v1/contacts/{contact.id}/notes", {"content": content})
        assert (response.status_code, errors_of(response)) == (400, [(code, "content")])
        assert Event.objects.count() == 0

    def test_are_filed_by_kind(self, api: APIClient, contact: Contact) -> None:
        address = f"/api/v1/contacts/{contact.id}/notes"
        made = api.post(address, {"content": "Called.", "note_type": "workflow"})
        assert (made.status_code, made.json()["note_type"]) == (201, "workflow")
        odd = api.post(address, {"content": "Called.", "note_type": "poem"})
        assert (odd.status_code, errors_of(odd)) == (400, [("invalid_choice", "note_type")])
        fixed = api.patch(f"{address}/{made.json()['id']}", {"note_type": "general"})
        assert (fixed.status_code, errors_of(fixed)) == (400, [("unknown_field", "note_type")])
        assert Note.objects.get().note_type == "workflow"

    def test_of_another_contact_are_missing(self, api: APIClient, account: Account, contact: Contact) -> None:
        other = NoteFactory(contact=ContactFactory(account=account))
        assert api.get(f"/api/v1/contacts/{contact.id}/notes/{other.id}").status_code == 404


class TestTasks:
    def test_are_made_completed_and_deleted(self, api: APIClient, account: Account, contact: Contact) -> None:
        member = MembershipFactory(account=account).user
        body = {"title": "Call", "due_at": "2026-03-01T12:00:00+02:00", "assignee_id": str(member.id)}
        made = api.post(f"/api/v1/contacts/{contact.id}/tasks", body)
        assert made.status_code == 201
        assert made.json()["due_at"] == "2026-03-01T10:00:00Z"
        assert (made.json()["status"], made.json()["priority"]) == ("open", "medium")
        address = f"/api/v1/tasks/{made.json()['id']}"
        done = api.patch(address, {"status": "completed"})
        assert (done.json()["status"], done.json()["completed_at"] is None) == ("completed", False)
        assert [event.event_type for event in Event.objects.order_by("sequence")] == ["task_created", "task_completed"]
        assert api.delete(address).status_code == 204
        assert Task.objects.count() == 0

    def test_are_made_for_any_contact_of_the_account(
        self, api: APIClient, other_account: Account, contact: Contact
    ) -> None:
        made = api.post("/api/v1/tasks", {"title": "Call", "contact_id": str(contact.id)})
        assert (made.status_code, made.json()["contact_id"]) == (201, str(contact.id))
        assert api.get(f"/api/v1/contacts/{contact.id}/tasks").json()["items"] == [made.json()]
        gone = ContactFactory(account=contact.account, deleted_at="2026-01-01T00:00:00Z")
        for unknown in (gone.id, ContactFactory(account=other_account).id, uuid4()):
            response = api.post("/api/v1/tasks", {"title": "Call", "contact_id": str(unknown)})
            assert (response.status_code, errors_of(response)) == (400, [("contact_not_found", "contact_id")])
        nobody = api.post("/api/v1/tasks", {"title": "Call"})
        assert (nobody.status_code, errors_of(nobody)) == (400, [("required", "contact_id")])
        assert Task.objects.count() == 1

    def test_of_a_member_are_found(self, api: APIClient, contact: Contact) -> None:
        member = MembershipFactory(account=contact.account).user
        TaskFactory(contact=contact, title="mine", assignee=member)
        TaskFactory(contact=contact, title="nobody's")
        items = api.get(f"/api/v1/tasks?assignee_id={member.id}").json()["items"]
        assert [item["title"] for item in items] == ["mine"]

    def test_need_a_member(self, api: APIClient, other_account: Account, contact: Contact) -> None:
        stranger = MembershipFactory(account=other_account).user
        for assignee in (stranger.id, uuid4()):
            response = api.post(f"/api/v1/contacts/{contact.id}/tasks", {"title": "Call", "assignee_id": str(assignee)})
            assert (response.status_code, errors_of(response)) == (400, [("user_not_found", "assignee_id")])
        assert Task.objects.count() == 0

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("status=open", ["one"]),
            ("status=completed", ["two"]),
            ("priority=high", ["two"]),
            ("due_before=2026-01-01T00:00:00Z", ["one"]),
            ("search=tw", ["two"]),
            ("ordering=title", ["one", "two"]),
        ],
    )
    def test_are_listed(self, api: APIClient, contact: Contact, query: str, expected: list[str]) -> None:
        TaskFactory(contact=contact, title="one", due_at="2025-12-31T00:00:00Z")
        TaskFactory(contact=contact, title="two", status="completed", priority="high")
        TaskFactory(contact=ContactFactory(account=contact.account, deleted_at="2026-01-01T00:00:00Z"), title="gone")
        response = api.get(f"/api/v1/tasks?{query}")
        assert [item["title"] for item in response.json()["items"]] == expected


class TestConsents:
    def test_are_recorded(self, api: APIClient, contact: Contact) -> None:
        address = f"/api/v1/contacts/{contact.id}/consents"
        response = api.post(address, {"channel": "sms", "state": "opt_out"})
        assert response.status_code == 200
        assert (response.json()["channel"], response.json()["state"]) == ("sms", "opt_out")
        assert api.get(address).json()["items"] == [response.json()]
        assert api.get(f"/api/v1/contacts/{contact.id}").json()["consents"] == {"sms": "opt_out"}
        assert Event.objects.get().data == {"channel": "sms"}

    def test_an_opt_in_needs_evidence(self, api: APIClient, contact: Contact) -> None:
        response = api.post(f"/api/v1/contacts/{contact.id}/consents", {"channel": "sms", "state": "opt_in"})
        assert (response.status_code, errors_of(response)) == (400, [("required", "evidence")])
        assert Consent.objects.count() == 0

    def test_a_word_of_the_future_is_refused(self, api: APIClient, contact: Contact) -> None:
        body = {"channel": "sms", "state": "opt_in", "evidence": "form", "recorded_at": "2999-01-01T00:00:00Z"}
        response = api.post(f"/api/v1/contacts/{contact.id}/consents", body)
        assert (response.status_code, errors_of(response)) == (400, [("max_value", "recorded_at")])
        assert Consent.objects.count() == 0

    def test_an_older_word_does_not_lift_an_opt_out(self, api: APIClient, contact: Contact) -> None:
        ConsentFactory(contact=contact, channel="sms", state="opt_out", recorded_at="2026-01-02T00:00:00Z")
        body = {"channel": "sms", "state": "opt_in", "evidence": "form", "recorded_at": "2026-01-01T00:00:00Z"}
        response = api.post(f"/api/v1/contacts/{contact.id}/consents", body)
        assert (response.status_code, errors_of(response)) == (409, [("consent_outdated", "recorded_at")])
        assert Consent.objects.get().state == "opt_out"


class TestCustomFields:
    def test_are_defined_changed_and_deleted(self, api: APIClient, account: Account) -> None:
        body = {"key": "size", "label": "Size", "field_type": "select", "options": ["S", "L"]}
        made = api.post("/api/v1/custom-fields", body)
        assert made.status_code == 201
        assert {name: made.json()[name] for name in body} == body
        taken = api.post("/api/v1/custom-fields", body)
        assert (taken.status_code, errors_of(taken)) == (409, [("name_taken", "key")])
        address = f"/api/v1/custom-fields/{made.json()['id']}"
        assert api.patch(address, {"options": ["XL"]}).json()["options"] == ["XL"]
        for fixed in ({"key": "height"}, {"field_type": "text"}):
            response = api.patch(address, fixed)
            assert (response.status_code, errors_of(response)) == (400, [("unknown_field", next(iter(fixed)))])
        contact = ContactFactory(account=account, custom_fields={"size": "S"})
        assert api.delete(address).status_code == 204
        contact.refresh_from_db()
        assert contact.custom_fields == {}
        assert CustomField.objects.count() == 0

    def test_tell_all_problems_at_once(self, api: APIClient) -> None:
        body = {"key": "Size", "label": "Size", "field_type": "text", "options": ["S"]}
        response = api.post("/api/v1/custom-fields", body)
        assert (response.status_code, errors_of(response)) == (400, [("invalid", "key"), ("invalid", "options")])


class TestLists:
    @pytest.mark.parametrize(
        "address", ["tags", "tasks", "custom-fields", "contacts/{id}/notes", "contacts/{id}/tasks"]
    )
    def test_take_as_many_queries_for_one_row_as_for_many(
        self, api: APIClient, account: Account, contact: Contact, address: str
    ) -> None:
        def add_rows() -> None:
            TagFactory(account=account)
            CustomFieldFactory(account=account)
            NoteFactory(contact=contact)
            TaskFactory(contact=contact, assignee=MembershipFactory(account=account).user)

        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                assert api.get(f"/api/v1/{address.format(id=contact.id)}").json()["total"] > 0
            return len(captured)

        add_rows()
        queries()
        with_one = queries()
        for _ in range(4):
            add_rows()
        assert queries() == with_one
