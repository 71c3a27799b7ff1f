"""Two accounts: whatever is asked for by the other one's id does not exist.

Generated from the router. A new route fails here until `routes.py` says how to make its object.
"""

import itertools
import json
import re
import uuid
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import Account, Role
from accounts.scoping import AccountRow, BulkAccountRow
from accounts.tests.fixtures import client_for
from workflows.api.tests.routes import (
    JSON_WRITES,
    REFERENCES,
    ROUTES,
    SAMPLES,
    SHARED,
    Route,
    accepted_body,
    fields_of,
    is_reference,
    sample,
)

ROUTES_WITH_IDS = [route for route in ROUTES if route.parameters and route.sample_key not in SHARED]
LISTS = [route for route in ROUTES if route.methods.get("get") == "list"]
CASES = [(route, method) for route in ROUTES_WITH_IDS for method in route.methods]
ACCOUNT_MODELS = [model for model in apps.get_models() if issubclass(model, AccountRow | BulkAccountRow)]


def rows_of(account: Account) -> dict[str, list[dict[str, Any]]]:
    """Return everything that an account has."""
    rows = {model._meta.label: model._default_manager.filter(account=account) for model in ACCOUNT_MODELS}
    found = {label: list(queryset.order_by("pk").values()) for label, queryset in rows.items()}
    for api_key in found["accounts.ApiKey"]:
        del api_key["last_used_at"]  # the request itself is a use
    del found["accounts.RateWindow"]  # the request itself is counted
    return found | {"account": list(Account.objects.filter(pk=account.pk).values())}


def comparable(response: Any) -> Any:
    return response.status_code, json.loads(response.content)


@pytest.fixture
def owner(account: Account) -> APIClient:
    return client_for(account, Role.OWNER)


class TestRoutes:
    def test_each_has_a_sample_object(self) -> None:
        needed = {route.sample_key for route in ROUTES if route.parameters}
        assert needed - SAMPLES.keys() - SHARED.keys() == set()

    def test_no_sample_is_left_over(self) -> None:
        needed = {route.sample_key for route in ROUTES if route.parameters}
        assert (SAMPLES.keys() | SHARED.keys()) - needed == set()


class TestForeignIds:
    @pytest.mark.parametrize(("route", "method"), CASES, ids=str)
    def test_are_as_unknown_as_missing_ones(
        self, route: Route, method: str, owner: APIClient, account: Account, other_account: Account
    ) -> None:
        own, foreign, missing = sample(route, account), sample(route, other_account), route.missing_ids()
        before = rows_of(account), rows_of(other_account)
        expected = comparable(getattr(owner, method)(route.url(missing), {}, format="json"))
        assert expected[0] == 404
        assert expected[1]["errors"][0]["code"] == "not_found"
        for mix in itertools.product((own, foreign), repeat=len(route.parameters)):
            ids = {parameter: source[parameter] for parameter, source in zip(route.parameters, mix, strict=True)}
            if ids == own:
                continue
            response = getattr(owner, method)(route.url(ids), {}, format="json")
            assert comparable(response) == expected, f"{method} {route.url(ids)}"
        assert (rows_of(account), rows_of(other_account)) == before

    @pytest.mark.parametrize(("route", "method"), CASES, ids=str)
    def test_may_be_no_ids_at_all(self, route: Route, method: str, owner: APIClient) -> None:
        marker = "00000000-0000-0000-0000-000000000000"
        url = route.url(dict.fromkeys(route.parameters, marker))
        for junk in ("1", "not-a-uuid", "%00", "{}", "'", "null", "a" * 2000, "%F0%9F%92%A9", "%0A", "%ff", ".."):
            assert getattr(owner, method)(url.replace(marker, junk), {}, format="json").status_code == 404, junk


FIELDS = [
    (route, method, name)
    for route, method in JSON_WRITES
    for name, field in fields_of(route, method).items()
    if is_reference(name, field)
]


class TestForeignReferences:
    @pytest.mark.parametrize(("route", "method", "name"), FIELDS, ids=str)
    def test_are_as_unknown_as_missing_ones(
        self, route: Route, method: str, name: str, owner: APIClient, account: Account, other_account: Account
    ) -> None:
        ids, foreign = sample(route, account), REFERENCES[name](other_account)
        url, accepted = route.url(ids), accepted_body(route, method, account, ids)
        before = rows_of(account), rows_of(other_account)
        answers = []
        for identifier in (uuid.uuid4(), foreign):
            value = {
                "member_ids": [identifier],
                "action_positions": {str(identifier): 0},
                "stage_positions": {str(identifier): 0},
            }.get(name, identifier)
            response = getattr(owner, method)(url, {**accepted, name: value}, format="json")
            answers.append((response.status_code, response.content.decode().replace(str(identifier), "…")))
        assert answers[0] == answers[1]
        assert answers[0][0] == 400
        assert {error["code"][-10:] for error in json.loads(answers[0][1])["errors"]} == {"_not_found"}
        assert (rows_of(account), rows_of(other_account)) == before


class TestLists:
    @pytest.mark.parametrize("route", LISTS, ids=str)
    def test_hold_nothing_of_the_other_account(
        self, route: Route, owner: APIClient, account: Account, other_account: Account
    ) -> None:
        for each in ROUTES_WITH_IDS:
            sample(each, other_account)
        foreign = {str(value) for rows in rows_of(other_account).values() for row in rows for value in (row["id"],)}
        response = owner.get(route.url(sample(route, account)), {"limit": 200} if is_paged(route) else {})
        assert response.status_code == 200
        assert foreign & set(re.findall(r"[0-9a-f-]{36}", response.content.decode())) == set()


def is_paged(route: Route) -> bool:
    return getattr(route.view_class, "pagination_class", None) is not None


class TestCredentials:
    @pytest.mark.parametrize(
        ("route", "method"), [(route, method) for route in ROUTES for method in route.methods], ids=str
    )
    def test_are_asked_for_everywhere(self, route: Route, method: str, db: None) -> None:
        response = getattr(Client(), method)(route.url(route.missing_ids()), {}, content_type="application/json")
        assert response.status_code == 401
        assert response.json()["errors"][0]["code"] == "not_authenticated"
        assert response["WWW-Authenticate"] == 'Bearer realm="api"'
