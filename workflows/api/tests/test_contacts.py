"""`/contacts` from outside."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import Account
from accounts.tests.factories import MembershipFactory
from workflows.crm.models import Contact, ContactIdentity, Event, Tag
from workflows.crm.services.contacts import on_delete
from workflows.crm.tests.factories import ConsentFactory, ContactFactory, CustomFieldFactory

CONTACTS = "/api/v1/contacts"


def errors_of(response: Any) -> list[tuple[str, str | None]]:
    return [(error["code"], error["attr"]) for error in response.json()["errors"]]


class TestCreateContact:
    def test_answers_the_whole_contact(self, api: APIClient, account: Account) -> None:
        owner = MembershipFactory(account=account).user
        CustomFieldFactory(account=account, key="score", field_type="number")
        response = api.post(
            CONTACTS,
            {
                "first_name": " Zoë ",
                "last_name": "Müller",
                "email": "Zoe@Example.com",
                "phone": "(415) 555-0123",
                "timezone": "europe/berlin",
                "owner_id": str(owner.id),
                "source": "fair",
                "custom_fields": {"score": 12.5},
                "tags": ["VIP", "vip", "Straße"],
                "external_ids": {"shop": "17"},
            },
        )
        assert response.status_code == 201
        body = response.json()
        assert UUID(body.pop("id")) == Contact.objects.get().id
        assert body.pop("created_at").endswith("Z")
        assert body.pop("updated_at").endswith("Z")
        assert body == {
            "first_name": "Zoë",
            "last_name": "Müller",
            "email": "Zoe@Example.com",
            "phone": "+14155550123",
            "timezone": "Europe/Berlin",
            "owner_id": str(owner.id),
            "source": "fair",
            "custom_fields": {"score": 12.5},
            "tags": ["VIP", "Straße"],
            "consents": {},
            "external_ids": {"shop": "17"},
        }

    def test_refuses_an_address_that_is_taken(self, api: APIClient, account: Account) -> None:
        taken = ContactFactory(account=account, email="ada@example.com")
        response = api.post(CONTACTS, {"email": "ADA@example.com", "first_name": "Eve"})
        assert response.status_code == 409
        assert errors_of(response) == [("contact_exists", "email")]
        assert str(taken.id) in response.json()["errors"][0]["detail"]
        assert Contact.objects.count() == 1
        assert Event.objects.count() == 0

    def test_updates_the_one_that_is_there_on_request(self, api: APIClient, account: Account) -> None:
        there = ContactFactory(account=account, email="ada@example.com", last_name="Byron")
        response = api.post(CONTACTS, {"email": "ADA@example.com", "first_name": "Ada", "duplicate_handling": "update"})
        assert response.status_code == 200
        assert response.json()["id"] == str(there.id)
        assert response.json()["first_name"] == "Ada"
        assert response.json()["last_name"] == "Byron"
        assert response.json()["email"] == "ada@example.com"

    def test_an_address_of_another_account_is_free(self, api: APIClient, other_account: Account) -> None:
        ContactFactory(account=other_account, email="ada@example.com")
        assert api.post(CONTACTS, {"email": "ada@example.com"}).status_code == 201

    @pytest.mark.parametrize(
        ("body", "problem"),
        [
            ({"email": "nobody"}, ("invalid", "email")),
            ({"phone": "12"}, ("invalid", "phone")),
            ({"timezone": "Mars/Olympus"}, ("invalid", "timezone")),
            ({"owner_id": str(uuid4())}, ("user_not_found", "owner_id")),
            ({"custom_fields": {"height": 3}}, ("unknown_field", "custom_fields.height")),
            ({"custom_fields": {"score": "tall"}}, ("invalid", "custom_fields.score")),
            ({"tags": ["x", "y" * 51]}, ("max_length", "tags.1")),
            ({"tags": ["   "]}, ("blank", "tags.0")),
            ({"first_name": "x" * 101}, ("max_length", "first_name")),
            ({"first_nam": "Ada"}, ("unknown_field", "first_nam")),
            ({"email": 5}, ("invalid", "email")),
            ({"duplicate_handling": "merge"}, ("invalid_choice", "duplicate_handling")),
            ({"external_ids": {"": "17"}}, ("blank", "external_ids")),
        ],
    )
    def test_refuses_what_cannot_be(
        self, api: APIClient, account: Account, body: dict[str, Any], problem: tuple[str, str]
    ) -> None:
        CustomFieldFactory(account=account, key="score", field_type="number")
        response = api.post(CONTACTS, body)
        assert response.status_code == 400, response.json()
        assert errors_of(response) == [problem]
        assert Contact.objects.count() == 0
        assert Tag.objects.count() == 0

    def test_tells_all_problems_at_once(self, api: APIClient) -> None:
        response = api.post(CONTACTS, {"email": "nobody", "phone": "12"})
        assert errors_of(response) == [("invalid", "email"), ("invalid", "phone")]

    def test_needs_an_editor(self, viewer_api: APIClient) -> None:
        assert viewer_api.post(CONTACTS, {"email": "ada@example.com"}).status_code == 403
        assert Contact.objects.count() == 0


class TestChangeContact:
    def test_changes_only_what_is_sent(self, api: APIClient, account: Account) -> None:
        CustomFieldFactory(account=account, key="score", field_type="number")
        CustomFieldFactory(account=account, key="city")
        contact = ContactFactory(account=account, custom_fields={"score": 1, "city": "Rome"}, tags=["old", "kept"])
        response = api.patch(
            f"{CONTACTS}/{contact.id}",
            {"first_name": "Grace", "custom_fields": {"score": None}, "tags": ["KEPT", "new"]},
        )
        assert response.status_code == 200
        body = response.json()
        assert body["first_name"] == "Grace"
        assert body["last_name"] == "Lovelace"
        assert body["custom_fields"] == {"city": "Rome"}
        assert body["tags"] == ["kept", "new"]
        assert list(Event.objects.order_by("sequence").values_list("event_type", flat=True)) == [
            "contact_updated",
            "custom_field_changed",
            "tag_added",
            "tag_removed",
        ]

    def test_refuses_an_address_that_is_taken(self, api: APIClient, account: Account) -> None:
        ContactFactory(account=account, email="ada@example.com")
        contact = ContactFactory(account=account, email="grace@example.com")
        response = api.patch(f"{CONTACTS}/{contact.id}", {"email": "Ada@Example.com", "first_name": "Eve"})
        assert response.status_code == 409
        assert errors_of(response) == [("contact_exists", "email")]
        contact.refresh_from_db()
        assert contact.email == "grace@example.com"
        assert contact.first_name != "Eve"

    def test_moves_the_identity_with_the_address(self, api: APIClient, account: Account) -> None:
        contact = ContactFactory(account=account, email="ada@example.com")
        api.patch(f"{CONTACTS}/{contact.id}", {"email": "lovelace@example.com"})
        assert list(ContactIdentity.objects.values_list("value", flat=True)) == ["lovelace@example.com"]
        assert api.post(CONTACTS, {"email": "ada@example.com"}).status_code == 201


class TestDeleteContact:
    def test_is_gone_and_its_address_is_free(self, api: APIClient, account: Account) -> None:
        contact = ContactFactory(account=account, email="ada@example.com")
        assert api.delete(f"{CONTACTS}/{contact.id}").status_code == 204
        assert api.get(f"{CONTACTS}/{contact.id}").status_code == 404
        assert api.delete(f"{CONTACTS}/{contact.id}").status_code == 404
        assert api.get(CONTACTS).json()["total"] == 0
        assert api.post(CONTACTS, {"email": "ada@example.com"}).status_code == 201

    def test_is_missing_for_who_comes_second(self, api: APIClient, account: Account) -> None:
        contact = ContactFactory(account=account)

        def overtake(**ignored: Any) -> None:
            Contact.objects.filter(id=contact.id).update(deleted_at="2026-01-01T00:00:00Z")

        end = on_delete(before_lock=overtake, after_lock=lambda **ignored: None)
        try:
            assert api.delete(f"{CONTACTS}/{contact.id}").status_code == 404
        finally:
            end()
        assert Event.objects.count() == 0


class TestListContacts:
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("tag=vip", ["ada"]),
            ("email=ADA@example.com", ["ada"]),
            ("phone=415 555 0123", ["ada"]),
            ("phone=nonsense", []),
            ("source=fair", ["grace"]),
            ("search=LOVE", ["ada"]),
            ("search=grace@", ["grace"]),
            ("ordering=email", ["ada", "grace"]),
            ("ordering=-email", ["grace", "ada"]),
            ("from=2100-01-01T00:00:00Z", []),
            ("to=2100-01-01T00:00:00Z", ["grace", "ada"]),
            ("limit=1", ["grace"]),
            ("limit=1&offset=1", ["ada"]),
        ],
    )
    def test_narrows_and_orders(self, api: APIClient, account: Account, query: str, expected: list[str]) -> None:
        ContactFactory(
            account=account, first_name="ada", email="ada@example.com", phone="+14155550123", tags=["VIP", "x"]
        )
        ContactFactory(account=account, first_name="grace", last_name="H", email="grace@example.com", source="fair")
        response = api.get(f"{CONTACTS}?{query}")
        assert response.status_code == 200, response.json()
        assert [item["first_name"] for item in response.json()["items"]] == expected

    def test_filters_by_owner(self, api: APIClient, account: Account) -> None:
        owner = MembershipFactory(account=account).user
        contact = ContactFactory(account=account, owner=owner)
        ContactFactory(account=account)
        items = api.get(f"{CONTACTS}?owner_id={owner.id}").json()["items"]
        assert [item["id"] for item in items] == [str(contact.id)]

    def test_refuses_an_unknown_filter(self, api: APIClient) -> None:
        response = api.get(f"{CONTACTS}?colour=red")
        assert response.status_code == 400
        assert errors_of(response) == [("invalid_filter", "colour")]

    def test_takes_as_many_queries_for_one_contact_as_for_many(self, api: APIClient, account: Account) -> None:
        def queries() -> int:
            with CaptureQueriesContext(
                connection,
            ) as captured:
                assert api.get(CONTACTS).status_code == 200
            return len(captured)

        def add_contact() -> None:
            contact = ContactFactory(account=account, tags=["a", "b"], external_ids={"shop": str(uuid4())})
            ConsentFactory(contact=contact)

        add_contact()
        queries()
        with_one = queries()
        for _ in range(5):
            add_contact()
        assert queries() == with_one


class TestTenancy:
    def test_another_accounts_contact_is_missing(
        self, api: APIClient, account: Account, other_account: Account
    ) -> None:
        foreign = ContactFactory(account=other_account, tags=["VIP"])
        tag_id = foreign.contact_tags.get().tag_id
        own = ContactFactory(account=account)
        before = api.get(f"{CONTACTS}/{uuid4()}").json()
        for method, address, body in [
            ("get", f"{CONTACTS}/{foreign.id}", None),
            ("patch", f"{CONTACTS}/{foreign.id}", {"first_name": "Eve"}),
            ("delete", f"{CONTACTS}/{foreign.id}", None),
            ("post", f"{CONTACTS}/{foreign.id}/tags", {"tag_name": "x"}),
            ("post", f"{CONTACTS}/{foreign.id}/notes", {"content": "x"}),
            ("post", f"{CONTACTS}/{foreign.id}/tasks", {"title": "x"}),
            ("post", f"{CONTACTS}/{foreign.id}/consents", {"channel": "sms", "state": "opt_out"}),
            ("delete", f"{CONTACTS}/{own.id}/tags/{tag_id}", None),
        ]:
            response = getattr(api, method)(address, body)
            assert response.status_code == 404, address
            assert response.json() == before
        foreign.refresh_from_db()
        assert foreign.first_name != "Eve"
        assert foreign.deleted_at is None
        assert Event.objects.count() == 0
