from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import Account, Role
from accounts.tests.factories import MembershipFactory, TeamFactory, UserFactory


def errors(response: Any) -> list[dict[str, str]]:
    assert response.status_code == 400
    return response.json()["errors"]


class TestFilters:
    def test_narrow_the_list(self, api: APIClient, account: Account) -> None:
        MembershipFactory(account=account, role=Role.VIEWER)
        left = MembershipFactory(account=account, role=Role.VIEWER, is_active=False)
        body = api.get("/api/v1/members?role=viewer&is_active=false").json()
        assert [member["id"] for member in body["items"]] == [str(left.id)]

    @pytest.mark.parametrize(
        ("query", "attr", "detail"),
        [
            ("rol=viewer", "rol", "There is no parameter rol; did you mean role?"),
            ("role=king", "role", "role: Select a valid choice. king is not one of the available choices."),
            ("is_active=yes", "is_active", "is_active: Must be true or false."),
            ("is_active=%00", "is_active", "is_active must not contain the NUL character."),
            ("role=", "role", "role must not be empty; leave it out to filter by something else."),
            ("ordering=password", "ordering", "ordering by password is not offered; use created_at, role, with - in"),
            ("search=" + "x+" * 9, "search", "search must have at most 8 words."),
            ("search=" + "x" * 201, "search", "search must have at most 200 characters."),
        ],
    )
    def test_refuse_what_cannot_be_used(self, query: str, attr: str, detail: str, api: APIClient) -> None:
        (error,) = errors(api.get(f"/api/v1/members?{query}"))
        assert (error["code"], error["attr"]) == ("invalid_filter", attr)
        assert error["detail"].startswith(detail)

    def test_name_what_is_known_when_nothing_is_similar(self, api: APIClient) -> None:
        (error,) = errors(api.get("/api/v1/teams?zzz=1"))
        assert error["detail"] == "There is no parameter zzz; known are limit, offset, ordering, search."

    def test_are_unknown_where_there_is_no_list(self, api: APIClient, account: Account) -> None:
        (error,) = errors(api.get(f"/api/v1/teams/{TeamFactory(account=account).id}?limit=1"))
        assert error["detail"] == "There is no parameter limit; known are none."

    def test_refuse_more_parameters_than_anybody_needs(self, api: APIClient) -> None:
        (error,) = errors(api.get("/api/v1/teams?" + "&".join(f"a{number}=1" for number in range(2000))))
        assert error["code"] == "invalid"


class TestMoments:
    @pytest.mark.parametrize("offset", ["-22:38", "+23:59", "-15:59", "+00:00"])
    def test_may_have_any_offset(self, offset: str, api: APIClient, account: Account) -> None:
        body = api.get("/api/v1/contacts", {"from": f"2020-01-01T00:00:00{offset}"}).json()
        assert body["items"] == []

    def test_must_be_within_the_calendar(self, api: APIClient) -> None:
        for moment in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
            (error,) = errors(api.get("/api/v1/contacts", {"to": moment}))
            assert error["detail"] == "to: Must lie between the years 1 and 9999 in UTC."


class TestSearch:
    def test_looks_into_the_listed_fields(self, api: APIClient, account: Account) -> None:
        found = MembershipFactory(account=account, user=UserFactory(name="Zoë Ångström", email="zoe@example.com"))
        for term in ("zoë", "ZOE@", "ångström zoe"):
            body = api.get("/api/v1/members", {"search": term}).json()
            assert [member["id"] for member in body["items"]] == [str(found.id)], term


class TestOrdering:
    def test_follows_the_listed_fields(self, api: APIClient, account: Account) -> None:
        for name in ("B", "C", "A"):
            TeamFactory(account=account, name=name)

        def names(ordering: str) -> list[str]:
            return [team["name"] for team in api.get("/api/v1/teams", {"ordering": ordering}).json()["items"]]

        assert names("name") == ["A", "B", "C"]
        assert names("-name") == ["C", "B", "A"]
        assert names("created_at") == ["B", "C", "A"]
        assert names("-created_at,name") == ["A", "C", "B"]
