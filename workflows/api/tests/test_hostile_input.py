"""Whatever the bytes: a clear refusal, never a 5xx, and nothing half-written.

Generated from the router, so that a new route is attacked without being named here.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from accounts.models import Account, Role
from accounts.tests.fixtures import client_for
from workflows.api.tests.routes import JSON_WRITES, ROUTES, Route, accepted_body, fields_of, sample
from workflows.api.tests.test_tenancy import rows_of

JSON_TYPE = "application/json"
READS = [route for route in ROUTES if route.methods.get("get") == "list"]

CORPUS = {path.stem: path.read_bytes() for path in sorted((Path(__file__).parent / "corpus").glob("*.json"))}
"""Bodies that no route takes, byte for byte: no JSON, JSON with two meanings, or keys that only look right."""

VALUES: list[Any] = [None, True, 2**63 - 1, "", "x" * 100_000, [[None]], {"a": {"b": []}}]
MORE_VALUES: list[Any] = [
    -1,
    1e308,
    "{{ contact.",
    [],
    0,
    1.5,
    -(2**63) + 1,
    " ",
    "\u202e\u200b\ufdfd\U0001f4a9" * 100,
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "00000000-0000-0000-0000-000000000000",
    "' OR 1=1 --",
    "%s %(a)s",
    [None],
    [{"a": 1}] * 50,
    ["x"] * 2000,
    {},
    {"": ""},
    {"x" * 5000: 1},
]
TEXTS = ["", "\0", "9" * 400, "0001-01-01T00:00:00+14:00", "x" * 5000]
MORE_TEXTS = [
    "null",
    "-1",
    "1e400",
    "(((",
    "\\",
    " ",
    "true",
    "NaN",
    "9999-12-31T23:59:59-14:00",
    "99999-01-01",
    "2030-02-30",
    "00000000-0000-0000-0000-000000000000",
    "\ufdfd\U0001f4a9",
    "%' OR 1=1 --",
    ",,,",
]
FEW_AND_MORE_VALUES = [
    pytest.param(VALUES, id="few"),
    pytest.param(MORE_VALUES, id="more", marks=pytest.mark.proof),
]
FEW_AND_MORE_TEXTS = [
    pytest.param(TEXTS, id="few"),
    pytest.param(MORE_TEXTS, id="more", marks=pytest.mark.proof),
]
QUERIES = [
    "limit=0",
    "limit=-1",
    "limit=201",
    "limit=1e3",
    "limit=",
    "limit=%00",
    "limit=%D9%A1",
    f"limit={10**30}",
    f"offset={10**30}",
    "offset=-1",
    "unknown=1",
    "search=%00",
    "cursor=abc",
    "cursor=WyJhIl0:1:1",
    "ordering=password",
    "ordering=-account__name",
    "%00=1",
    "limit=1&limit=x",
    "__proto__=1",
    "account_id=1",
]


@contextmanager
def undone() -> Iterator[None]:
    """Take back what happens inside."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def owner(account: Account) -> APIClient:
    return client_for(account, Role.OWNER)


def assert_refused(response: Any, status: int, why: str) -> None:
    assert response.status_code == status, f"{why}: {response.status_code} {response.content[:300]}"
    body = json.loads(response.content)
    assert set(body) == {"type", "errors"}, why
    assert all(set(error) == {"code", "detail", "attr"} for error in body["errors"]), why


def is_unreadable(body: bytes) -> bool:
    """Tell whether Python itself, which reads more than RFC 8259 allows, cannot read a body."""
    try:
        json.loads(body.decode())
    except (ValueError, RecursionError):
        return True
    return False


def parameters_of(route: Route) -> set[str]:
    """Return the query parameters that a list knows."""
    filterset_class = getattr(route.view_class, "filterset_class", None)
    filters = set(filterset_class.base_filters) if filterset_class else set()
    return filters | set(route.view_class.extra_query_parameters) | {"search", "ordering"}


class TestBodies:
    @pytest.mark.parametrize(("route", "method"), JSON_WRITES, ids=str)
    def test_that_are_hostile_are_refused_and_change_nothing(
        self, route: Route, method: str, owner: APIClient, account: Account
    ) -> None:
        url = route.url(sample(route, account))
        before = rows_of(account)
        for why, body in CORPUS.items():
            assert_refused(owner.generic(method.upper(), url, body, content_type=JSON_TYPE), 400, why)
        assert rows_of(account) == before

    @pytest.mark.parametrize("why", CORPUS)
    def test_that_cannot_be_read_are_told_so(self, why: str, owner: APIClient) -> None:
        (error,) = owner.generic("POST", "/api/v1/tags", CORPUS[why], content_type=JSON_TYPE).json()["errors"][:1]
        assert error["code"] == ("invalid_json" if is_unreadable(CORPUS[why]) else error["code"])

    @pytest.mark.parametrize("charset", ["utf-16", "latin-1", "utf-7", "nonsense", '"'])
    def test_of_another_charset_are_refused(self, charset: str, owner: APIClient) -> None:
        response = owner.generic(
            "POST", "/api/v1/tags", b'{"name": "a"}', content_type=f"{JSON_TYPE}; charset={charset}"
        )
        assert response.status_code == 415

    @pytest.mark.parametrize(("route", "method"), JSON_WRITES, ids=str)
    def test_of_more_than_a_megabyte_are_refused(
        self, route: Route, method: str, owner: APIClient, account: Account
    ) -> None:
        body = b'{"name": "' + b"x" * 1024 * 1024 + b'"}'
        response = owner.generic(method.upper(), route.url(sample(route, account)), body, content_type=JSON_TYPE)
        assert_refused(response, 413, "more than a megabyte")
        assert response.json()["errors"][0]["code"] == "too_large"

    @pytest.mark.parametrize(("route", "method"), JSON_WRITES, ids=str)
    def test_of_another_type_are_refused(self, route: Route, method: str, owner: APIClient, account: Account) -> None:
        url = route.url(sample(route, account))
        for content_type in ("text/plain", "application/xml", "", "application/json; charset=utf-16"):
            response = owner.generic(method.upper(), url, b"{}", content_type=content_type)
            assert_refused(response, 415, content_type)
            assert response.json()["errors"][0]["code"] == "unsupported_media_type"

    @pytest.mark.parametrize(("route", "method"), JSON_WRITES, ids=str)
    def test_with_an_unknown_key_are_refused(
        self, route: Route, method: str, owner: APIClient, account: Account
    ) -> None:
        response = getattr(owner, method)(route.url(sample(route, account)), {"no_such_key": 1}, format="json")
        assert_refused(response, 400, "unknown key")
        codes = {error["attr"]: error["code"] for error in response.json()["errors"]}
        assert codes["no_such_key"] == "unknown_field"

    @pytest.mark.parametrize(("route", "method"), JSON_WRITES, ids=str)
    def test_that_serve_as_sample_are_accepted(
        self, route: Route, method: str, owner: APIClient, account: Account
    ) -> None:
        ids = sample(route, account)
        response = getattr(owner, method)(route.url(ids), accepted_body(route, method, account, ids), format="json")
        assert response.status_code in (200, 201, 409), response.content

    @pytest.mark.parametrize("values", FEW_AND_MORE_VALUES)
    @pytest.mark.parametrize(("route", "method"), JSON_WRITES, ids=str)
    def test_with_any_value_in_any_field_never_break_the_server(
        self, route: Route, method: str, values: list[Any], owner: APIClient, account: Account
    ) -> None:
        ids = sample(route, account)
        url, accepted = route.url(ids), accepted_body(route, method, account, ids)
        for name in fields_of(route, method):
            for value in values:
                with undone():
                    response = getattr(owner, method)(url, {**accepted, name: value}, format="json")
                    assert response.status_code < 500, f"{name}={value!r:.80}: {response.content[:300]}"
                    if response.status_code >= 400:
                        assert_refused(response, response.status_code, f"{name}={value!r:.80}")


class TestQueries:
    @pytest.mark.parametrize("route", READS, ids=str)
    def test_that_make_no_sense_are_refused(self, route: Route, owner: APIClient, account: Account) -> None:
        url = route.url(sample(route, account))
        for query in QUERIES:
            response = owner.get(f"{url}?{query}")
            assert_refused(response, 400, query)
            assert {error["code"] for error in response.json()["errors"]} == {"invalid_filter"}, query

    @pytest.mark.parametrize("texts", FEW_AND_MORE_TEXTS)
    @pytest.mark.parametrize("route", READS, ids=str)
    def test_with_any_value_for_any_parameter_never_break_the_server(
        self, route: Route, texts: list[str], owner: APIClient, account: Account
    ) -> None:
        url = route.url(sample(route, account))
        for name in parameters_of(route):
            for value in texts:
                with undone():
                    response = owner.get(url, {name: value})
                    assert response.status_code in (200, 400), f"{name}={value!r:.80}: {response.content[:300]}"
