import uuid
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import Account
from accounts.tests.factories import AuditEntryFactory, UserFactory


class TestAuditLog:
    def test_shows_who_changed_what(self, admin_api: APIClient, account: Account) -> None:
        admin_api.patch("/api/v1/account", {"currency": "EUR"})
        (entry,) = admin_api.get("/api/v1/audit-log").json()["items"]
        api_key = admin_api.api_key
        assert entry["actor"] == {
            "label": f"API key {api_key.name} of {api_key.user}",
            "user_id": str(api_key.user_id),
            "api_key_id": str(api_key.id),
        }
        assert (entry["verb"], entry["object_type"], entry["object_id"]) == (
            "account.changed",
            "account",
            str(account.id),
        )
        assert (entry["before"], entry["after"]) == ({"currency": "USD"}, {"currency": "EUR"})

    @pytest.mark.parametrize("name", ["verb", "object_type", "object_id", "actor", "actor of a key"])
    def test_is_narrowed_by_each_filter(self, name: str, admin_api: APIClient, account: Account) -> None:
        key_id, user = uuid.uuid4(), UserFactory()
        wanted: dict[str, Any] = {
            "verb": {"verb": "workflow.activated"},
            "object_type": {"object_type": "workflow"},
            "object_id": {"object_id": uuid.uuid4()},
            "actor": {"actor_user": user},
            "actor of a key": {"actor_api_key_id": key_id},
        }[name]
        entry = AuditEntryFactory(account=account, **wanted)
        AuditEntryFactory(account=account)
        value = {"actor": user.id, "actor of a key": key_id}.get(name) or wanted[name]
        body = admin_api.get("/api/v1/audit-log", {name.removesuffix(" of a key"): str(value)}).json()
        assert [item["id"] for item in body["items"]] == [str(entry.id)]

    @pytest.mark.parametrize("query", ["object_id=x", "actor=1", "offset=1", "search=a", "ordering=id", "object=x"])
    def test_refuses_what_it_does_not_know(self, query: str, admin_api: APIClient) -> None:
        response = admin_api.get(f"/api/v1/audit-log?{query}")
        assert (response.status_code, response.json()["errors"][0]["code"]) == (400, "invalid_filter")
