"""Notifications over HTTP: one's own, and nobody else's."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Account
from accounts.tests.factories import ApiKeyFactory, MembershipFactory
from workflows.crm.models import Notification
from workflows.crm.services.notifications import NewNotification, notify_many
from workflows.crm.tests.factories import NotificationFactory

pytestmark = pytest.mark.django_db

PATH = "/api/v1/notifications"
FIELDS = {
    "id", "kind", "title", "message", "workflow_id", "execution_id", "count", "occurred_at", "read_at", "created_at",
}  # fmt: skip


def told(api: APIClient, **fields: object) -> Notification:
    """Return a notification for the member whose key the client has."""
    key = api.api_key  # type: ignore[attr-defined]
    notification: Notification = NotificationFactory(account=key.account, recipient=key.user, **fields)
    return notification


class TestList:
    def test_shows_own_ones_the_latest_first(self, api: APIClient, account: Account, other_account: Account) -> None:
        now = timezone.now()
        older = told(api, occurred_at=now - timedelta(hours=1))
        newer = told(api, occurred_at=now, workflow_id=uuid4(), message="It broke.", count=7)
        read = told(api, occurred_at=now - timedelta(hours=2), read_at=now)
        NotificationFactory(account=account)
        NotificationFactory(account=other_account, recipient=older.recipient)

        body = api.get(PATH).json()

        assert [item["id"] for item in body["items"]] == [str(row.id) for row in (newer, older, read)]
        assert (body["total"], body["unread_count"]) == (3, 2)
        assert body["items"][0].keys() == FIELDS
        assert (body["items"][0]["count"], body["items"][0]["message"]) == (7, "It broke.")

    def test_can_be_narrowed_to_unread_ones(self, api: APIClient) -> None:
        unread, read = told(api), told(api, read_at=timezone.now())

        for value, expected in (("true", unread), ("false", read)):
            body = api.get(PATH, {"unread": value}).json()
            assert [item["id"] for item in body["items"]] == [str(expected.id)]
            assert body["unread_count"] == 1
        assert api.get(PATH, {"unread": "maybe"}).status_code == 400


class TestReading:
    def test_marks_one_once(self, viewer_api: APIClient) -> None:
        notification = told(viewer_api)

        first = viewer_api.post(f"{PATH}/{notification.id}/read")
        again = viewer_api.post(f"{PATH}/{notification.id}/read")

        assert (first.status_code, again.status_code) == (200, 200)
        assert first.json()["read_at"] == again.json()["read_at"] is not None

    def test_marks_all_of_ones_own(self, api: APIClient, account: Account) -> None:
        told(api), told(api)
        other = NotificationFactory(account=account)

        assert api.post(f"{PATH}/read-all").json() == {"marked": 2}
        assert api.post(f"{PATH}/read-all").json() == {"marked": 0}
        assert list(Notification.objects.filter(read_at=None)) == [other]

    def test_is_nobody_elses(self, api: APIClient, account: Account) -> None:
        other = NotificationFactory(account=account)
        assert api.get(f"{PATH}/{other.id}").status_code == 404
        assert api.post(f"{PATH}/{other.id}/read").status_code == 404
        other.refresh_from_db()
        assert other.read_at is None


class TestNotifyMany:
    def test_counts_up_what_is_unread(self, account: Account) -> None:
        member = MembershipFactory(account=account)
        now = timezone.now()
        for message in ("first", "second"):
            new = NewNotification(member.user_id, "execution_failed", "It failed", message, topic="a", count=2)
            notify_many(account_id=account.id, notifications=[new], now=now)
        alone = NewNotification(member.user_id, "hint", "Without a topic")
        notify_many(account_id=account.id, notifications=[alone, alone], now=now)

        rows = Notification.objects.for_account(account.id).order_by("id")
        assert [(row.title, row.message, row.count) for row in rows] == [
            ("It failed", "second", 4),
            ("Without a topic", "", 1),
            ("Without a topic", "", 1),
        ]

    def test_tells_active_members_only(self, account: Account, other_account: Account) -> None:
        stranger = ApiKeyFactory(account=other_account).user
        former = MembershipFactory(account=account, is_active=False).user
        new = [NewNotification(user.id, "hint", "Psst") for user in (stranger, former)]
        notify_many(account_id=account.id, notifications=new, now=timezone.now())
        assert not Notification.objects.exists()
