from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import Account, AuditEntry
from accounts.services.accounts import MAXIMUM_LIMIT

PATH = "/api/v1/account"


class TestAccount:
    def test_shows_its_settings(self, viewer_api: APIClient, account: Account) -> None:
        body = viewer_api.get(PATH).json()
        assert body.pop("created_at").endswith("Z")
        assert body.pop("updated_at").endswith("Z")
        assert body == {
            "id": str(account.id),
            "name": "Acme",
            "timezone": "UTC",
            "currency": "USD",
            "default_country": "US",
            "request_limit": MAXIMUM_LIMIT,
            "workflow_creation_limit": MAXIMUM_LIMIT,
            "workflow_limit": 500,
            "frequency_cap": 3,
            "emails_per_second": 300,
            "sms_per_second": 100,
            "calls_per_second": 10,
            "messenger_per_second": 100,
            "log_retention_days": 90,
        }

    def test_changes_what_is_sent(self, admin_api: APIClient, account: Account, other_account: Account) -> None:
        changes = {"name": "Acme GmbH", "timezone": "Europe/Berlin", "currency": "EUR", "request_limit": 1000}
        response = admin_api.patch(PATH, changes)
        assert response.status_code == 200
        assert {name: response.json()[name] for name in changes} == changes
        assert list(Account.objects.filter(pk=account.pk).values(*changes)) == [changes]
        assert Account.objects.get(pk=other_account.pk).name == "Other"
        assert AuditEntry.objects.for_account(account.id).get().after == changes

    def test_writes_no_audit_when_nothing_changes(self, admin_api: APIClient, account: Account) -> None:
        assert admin_api.patch(PATH, {"name": "Acme"}).status_code == 200
        assert AuditEntry.objects.for_account(account.id).count() == 0

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("name", ""),
            ("name", "   "),
            ("name", "x" * 121),
            ("name", None),
            ("timezone", "Mars/Olympus"),
            ("timezone", "europe/berlin"),
            ("timezone", "../etc/passwd"),
            ("currency", "XXX"),
            ("currency", "eur"),
            ("default_country", "XX"),
            ("request_limit", 0),
            ("request_limit", 1_000_001),
            ("request_limit", "100"),
            ("workflow_limit", -1),
            ("frequency_cap", 0),
            ("sms_per_second", 0),
            ("emails_per_second", 1001),
            ("log_retention_days", 3651),
            ("id", "00000000-0000-0000-0000-000000000000"),
        ],
    )
    def test_refuses_what_makes_no_sense(self, field: str, value: Any, admin_api: APIClient, account: Account) -> None:
        response = admin_api.patch(PATH, {"name": "Changed", field: value})
        assert (response.status_code, response.json()["errors"][0]["attr"]) == (400, field)
        assert Account.objects.get(pk=account.pk).name == "Acme"
        assert AuditEntry.objects.count() == 0
