import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Account, ApiKey, AuditEntry, Role
from accounts.tests.factories import ApiKeyFactory
from accounts.tests.fixtures import client_for


class TestCreating:
    def test_shows_the_key_once_and_keeps_its_digest(self, admin_api: APIClient, account: Account) -> None:
        response = admin_api.post("/api/v1/api-keys", {"name": "Till", "role": "viewer"})
        assert response.status_code == 201
        key = response.json()["key"]
        row = ApiKey.objects.for_account(account.id).get(pk=response.json()["id"])
        assert row.digest == hashlib.sha256(key.encode()).hexdigest()
        assert (row.user_id, row.name, row.role) == (admin_api.api_key.user_id, "Till", "viewer")
        assert key.startswith(row.prefix)
        assert len(key) - len(row.prefix) >= 32
        for path in ("/api/v1/api-keys", f"/api/v1/api-keys/{row.id}", "/api/v1/audit-log"):
            content = admin_api.get(path).content.decode()
            assert row.prefix in content
            assert key not in content
            assert row.digest not in content

    def test_makes_a_key_that_works(self, admin_api: APIClient) -> None:
        key = admin_api.post("/api/v1/api-keys", {"role": "viewer"}).json()["key"]
        client = APIClient(HTTP_AUTHORIZATION=f"Bearer {key}")
        assert client.get("/api/v1/members").status_code == 200
        assert client.post("/api/v1/teams", {"name": "A"}).status_code == 403

    def test_gives_no_more_than_the_own_role(self, admin_api: APIClient, account: Account) -> None:
        before = ApiKey.objects.for_account(account.id).count()
        response = admin_api.post("/api/v1/api-keys", {"role": "owner"})
        assert (response.status_code, response.json()["errors"][0]["code"]) == (403, "permission_denied")
        assert ApiKey.objects.for_account(account.id).count() == before
        assert client_for(account, Role.OWNER).post("/api/v1/api-keys", {"role": "owner"}).status_code == 201

    @pytest.mark.parametrize(
        ("body", "attr"),
        [
            ({}, "role"),
            ({"role": "king"}, "role"),
            ({"role": "viewer", "name": "x" * 81}, "name"),
            ({"role": "viewer", "expires_at": "tomorrow"}, "expires_at"),
            ({"role": "viewer", "expires_at": (timezone.now() - timedelta(seconds=1)).isoformat()}, "expires_at"),
            ({"role": "viewer", "key": "my own"}, "key"),
            ({"role": "viewer", "digest": "0" * 64}, "digest"),
        ],
    )
    def test_names_the_field_that_is_wrong(self, body: dict[str, Any], attr: str, admin_api: APIClient) -> None:
        response = admin_api.post("/api/v1/api-keys", body)
        assert (response.status_code, response.json()["errors"][0]["attr"]) == (400, attr)
        assert ApiKey.objects.count() == 1


class TestRevoking:
    def test_makes_the_key_useless_at_once(self, admin_api: APIClient, api: APIClient, account: Account) -> None:
        path = f"/api/v1/api-keys/{api.api_key.id}"
        assert admin_api.delete(path).status_code == 204
        assert api.get("/api/v1/account").status_code == 401
        assert admin_api.get(path).json()["revoked_at"] is not None
        entry = AuditEntry.objects.for_account(account.id).get(verb="api_key.revoked")
        assert entry.object_id == api.api_key.id

    def test_again_changes_nothing(self, admin_api: APIClient, account: Account) -> None:
        revoked_at = timezone.now() - timedelta(days=1)
        api_key = ApiKeyFactory(account=account, revoked_at=revoked_at)
        assert admin_api.delete(f"/api/v1/api-keys/{api_key.id}").status_code == 204
        api_key.refresh_from_db()
        assert api_key.revoked_at == revoked_at
        assert AuditEntry.objects.for_account(account.id).count() == 0
