import pytest
from rest_framework.test import APIClient

from accounts.models import Account, AuditEntry
from accounts.tests.factories import AuditEntryFactory, TeamFactory


class TestItemsPagination:
    @pytest.fixture
    def teams(self, account: Account) -> list[str]:
        return [TeamFactory(account=account, name=f"Team {number:03}").name for number in range(205)]

    def names(self, api: APIClient, query: str) -> list[str]:
        return [team["name"] for team in api.get(f"/api/v1/teams?{query}").json()["items"]]

    def test_answers_fifty_by_default(self, api: APIClient, teams: list[str]) -> None:
        body = api.get("/api/v1/teams").json()
        assert [team["name"] for team in body.pop("items")] == teams[:50]
        assert body == {"total": 205, "limit": 50, "offset": 0, "has_more": True}

    def test_answers_the_page_asked_for(self, api: APIClient, teams: list[str]) -> None:
        body = api.get("/api/v1/teams?limit=200&offset=5").json()
        assert [team["name"] for team in body.pop("items")] == teams[5:]
        assert body == {"total": 205, "limit": 200, "offset": 5, "has_more": False}

    def test_answers_an_empty_page_behind_the_end(self, api: APIClient, teams: list[str]) -> None:
        body = api.get("/api/v1/teams?limit=1&offset=205").json()
        assert body == {"items": [], "total": 205, "limit": 1, "offset": 205, "has_more": False}

    def test_knows_that_more_follows_only_when_it_does(self, api: APIClient, teams: list[str]) -> None:
        assert api.get("/api/v1/teams?limit=5&offset=199").json()["has_more"] is True
        assert api.get("/api/v1/teams?limit=5&offset=200").json()["has_more"] is False

    @pytest.mark.parametrize("limit", ["0", "201", "-1", "1.5", "+1", "", " 1", "0x1", "١", "1e2", str(10**30)])
    def test_refuses_other_limits(self, limit: str, api: APIClient) -> None:
        response = api.get("/api/v1/teams", {"limit": limit})
        assert response.status_code == 400
        detail = "limit must be a whole number from 1 to 200."
        assert response.json()["errors"] == [{"code": "invalid_filter", "detail": detail, "attr": "limit"}]


class TestCursorItemsPagination:
    @pytest.fixture
    def entries(self, account: Account) -> list[str]:
        """Ids, newest first."""
        made = [str(AuditEntryFactory(account=account, verb=f"verb.{number}").id) for number in range(7)]
        return made[::-1]

    def page(self, admin_api: APIClient, **query: str | int) -> tuple[list[str], str | None, str | None]:
        body = admin_api.get("/api/v1/audit-log", query).json()
        assert set(body) == {"items", "next", "previous"}
        return [entry["id"] for entry in body["items"]], body["next"], body["previous"]

    def test_leads_forth_and_back_through_all_rows(self, admin_api: APIClient, entries: list[str]) -> None:
        first, after_first, before_first = self.page(admin_api, limit=3)
        assert (first, before_first) == (entries[:3], None)
        second, after_second, before_second = self.page(admin_api, limit=3, cursor=after_first)
        assert second == entries[3:6]
        third, after_third, before_third = self.page(admin_api, limit=3, cursor=after_second)
        assert (third, after_third) == (entries[6:], None)
        back, after_back, before_back = self.page(admin_api, limit=3, cursor=before_third)
        assert back == second
        assert self.page(admin_api, limit=3, cursor=after_back)[0] == third
        start, _, before_start = self.page(admin_api, limit=3, cursor=before_back)
        assert (start, before_start) == (first, None)
        assert before_second is not None

    def test_shows_nothing_twice_when_rows_arrive_meanwhile(
        self, admin_api: APIClient, account: Account, entries: list[str]
    ) -> None:
        _, after_first, _ = self.page(admin_api, limit=3)
        AuditEntryFactory(account=account)
        assert self.page(admin_api, limit=3, cursor=after_first)[0] == entries[3:6]

    def test_has_no_ends_when_there_is_nothing(self, admin_api: APIClient) -> None:
        AuditEntry.objects.all().delete()
        assert self.page(admin_api) == ([], None, None)

    def test_refuses_a_cursor_that_was_tampered_with(self, admin_api: APIClient, entries: list[str]) -> None:
        _, cursor, _ = self.page(admin_api, limit=3)
        assert cursor is not None
        for tampered in ("", "x", cursor[:-1], cursor + "x", cursor.swapcase(), "\0", "é"):
            response = admin_api.get("/api/v1/audit-log", {"cursor": tampered})
            assert response.status_code == 400, tampered
            assert response.json()["errors"][0]["code"] == "invalid_filter"
            assert response.json()["errors"][0]["attr"] == "cursor"
