from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Account, Role
from accounts.tests.factories import MembershipFactory, UserFactory
from workflows.messaging.models import CallingHours

pytestmark = pytest.mark.django_db

ROW = {
    "country": "us",
    "region": "zz",
    "weekday": "0",
    "start": "10:00",
    "end": "12:00",
    "effective_on": "2026-07-01",
    "source": "A bill",
}


def client_of(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def root() -> Client:
    return client_of(UserFactory(is_staff=True, is_superuser=True))


def page(name: str, *args: Any) -> str:
    return reverse(f"admin:messaging_callinghours_{name}", args=args)


class TestCallingHours:
    def test_are_made_changed_and_removed_by_superusers(self, root: Client) -> None:
        assert root.post(page("add"), ROW).status_code == 302
        row = CallingHours.objects.get(region="ZZ")
        assert str(row) == "US-ZZ, Monday: 10:00–12:00"
        assert "A bill" in root.get(page("changelist") + "?q=ZZ").content.decode()

        assert root.post(page("change", row.id), {**ROW, "start": "", "end": ""}).status_code == 302
        row.refresh_from_db()
        assert str(row) == "US-ZZ, Monday: closed"

        assert root.post(page("delete", row.id), {"post": "yes"}).status_code == 302
        assert not CallingHours.objects.filter(region="ZZ").exists()

    @pytest.mark.parametrize(
        "changes",
        [
            {"country": "XX"},
            {"start": ""},
            {"end": ""},
            {"start": "12:00"},
            {"start": "13:00"},
            {"weekday": "8"},
            {"source": ""},
            {"effective_on": ""},
        ],
    )
    def test_are_refused_when_they_make_no_sense(self, root: Client, changes: dict[str, str]) -> None:
        assert root.post(page("add"), {**ROW, **changes}).status_code == 200
        assert not CallingHours.objects.filter(source="A bill").exists()

    def test_are_there_once(self, root: Client) -> None:
        root.post(page("add"), ROW)
        assert root.post(page("add"), ROW).status_code == 200
        assert CallingHours.objects.filter(region="ZZ").count() == 1

    def test_are_not_an_owners_to_change(self, account: Account) -> None:
        owner = client_of(MembershipFactory(account=account, role=Role.OWNER, user=UserFactory(is_staff=True)).user)
        row = CallingHours.objects.create(
            country="US", region="ZZ", weekday=0, source="A bill", effective_on="2026-07-01"
        )
        assert owner.post(page("add"), {**ROW, "region": "yy"}).status_code == 403
        assert owner.post(page("change", row.id), ROW).status_code == 403
        assert owner.post(page("delete", row.id), {"post": "yes"}).status_code == 403
        assert list(CallingHours.objects.filter(source="A bill").values_list("region", "start")) == [("ZZ", None)]
