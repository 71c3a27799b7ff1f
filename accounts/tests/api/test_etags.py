from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import Account, Role, Team
from accounts.tests.factories import ApiKeyFactory, TeamFactory
from accounts.tests.fixtures import client_for


@pytest.fixture
def team(account: Account) -> Team:
    return TeamFactory(account=account, name="Sales")


@pytest.fixture
def path(team: Team) -> str:
    return f"/api/v1/teams/{team.id}"


def rename(client: APIClient, path: str, if_match: str) -> Any:
    return client.patch(path, {"name": "Support"}, headers={"if-match": if_match})


def code_of(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["code"]


class TestETag:
    def test_is_the_same_until_the_object_changes(self, admin_api: APIClient, path: str) -> None:
        tag = admin_api.get(path)["ETag"]
        assert admin_api.get(path)["ETag"] == tag
        changed = admin_api.patch(path, {"name": "Support"})["ETag"]
        assert changed != tag
        assert admin_api.get(path)["ETag"] == changed

    def test_comes_with_what_was_created(self, admin_api: APIClient) -> None:
        created = admin_api.post("/api/v1/teams", {"name": "Sales"})
        assert created["ETag"] == admin_api.get(f"/api/v1/teams/{created.json()['id']}")["ETag"]

    def test_of_an_api_key_does_not_change_by_its_use(self, account: Account) -> None:
        client = client_for(account, Role.ADMIN)
        path = f"/api/v1/api-keys/{client.api_key.id}"
        before = client.get(path)
        type(client.api_key).objects.filter(pk=client.api_key.pk).update(last_used_at=None)
        after = client.get(path)
        assert before.json()["last_used_at"] != after.json()["last_used_at"]
        assert before["ETag"] == after["ETag"]

    def test_lists_have_none(self, admin_api: APIClient, path: str) -> None:
        assert "ETag" not in admin_api.get("/api/v1/teams")


class TestIfMatch:
    def test_lets_a_change_of_what_was_seen_pass(self, admin_api: APIClient, path: str, team: Team) -> None:
        assert rename(admin_api, path, admin_api.get(path)["ETag"]).status_code == 200
        team.refresh_from_db()
        assert team.name == "Support"

    @pytest.mark.parametrize("form", ['"other"', "W/{tag}", '"a", W/{tag}', '""'])
    def test_refuses_what_does_not_match(self, admin_api: APIClient, path: str, team: Team, form: str) -> None:
        response = rename(admin_api, path, form.format(tag=admin_api.get(path)["ETag"]))
        assert code_of(response) == (412, "stale_revision")
        team.refresh_from_db()
        assert team.name == "Sales"

    @pytest.mark.parametrize("form", ["*", " * ", '"other",{tag}', '"other" , , {tag} ,', 'W/"x", {tag}'])
    def test_takes_a_star_and_lists(self, admin_api: APIClient, path: str, form: str) -> None:
        assert rename(admin_api, path, form.format(tag=admin_api.get(path)["ETag"])).status_code == 200

    @pytest.mark.parametrize("header", ["", "7", '"7', '"7" "8"', "*, *", 'w/"7"', '"a b"', ", ,", "'7'"])
    def test_must_be_well_formed(self, admin_api: APIClient, path: str, team: Team, header: str) -> None:
        response = rename(admin_api, path, header)
        assert code_of(response) == (400, "invalid")
        assert response.json()["errors"][0]["attr"] == "If-Match"
        team.refresh_from_db()
        assert team.name == "Sales"

    def test_is_looked_at_when_nothing_else_is_wrong(self, admin_api: APIClient, path: str, team: Team) -> None:
        refused = admin_api.patch(path, {"name": 7}, headers={"if-match": '"stale"'})
        assert code_of(refused) == (400, "invalid")
        assert refused.json()["errors"][0]["attr"] == "name"
        team.refresh_from_db()
        assert team.name == "Sales"

    def test_guards_deletion(self, admin_api: APIClient, path: str, team: Team) -> None:
        seen = admin_api.get(path)["ETag"]
        admin_api.patch(path, {"name": "Support"})
        assert code_of(admin_api.delete(path, headers={"if-match": seen})) == (412, "stale_revision")
        assert Team.objects.filter(pk=team.pk).exists()
        fresh = admin_api.get(path)["ETag"]
        assert admin_api.delete(path, headers={"if-match": fresh}).status_code == 204
        assert not Team.objects.filter(pk=team.pk).exists()

    def test_guards_the_account(self, admin_api: APIClient, account: Account) -> None:
        seen = admin_api.get("/api/v1/account")["ETag"]
        for name, status in (("Acme GmbH", 200), ("Acme AG", 412)):
            response = admin_api.patch("/api/v1/account", {"name": name}, headers={"if-match": seen})
            assert response.status_code == status
        account.refresh_from_db()
        assert account.name == "Acme GmbH"

    def test_never_matches_where_there_is_no_etag(self, admin_api: APIClient) -> None:
        response = admin_api.post("/api/v1/teams", {"name": "Sales"}, headers={"if-match": '"7"'})
        assert code_of(response) == (412, "stale_revision")
        assert Team.objects.count() == 0

    def test_tells_nothing_of_what_is_not_there(self, admin_api: APIClient, other_account: Account) -> None:
        key = ApiKeyFactory(account=other_account)
        assert code_of(admin_api.delete(f"/api/v1/api-keys/{key.id}", headers={"if-match": '"7"'})) == (
            404,
            "not_found",
        )

    def test_is_ignored_where_nothing_changes(self, admin_api: APIClient, path: str) -> None:
        assert admin_api.get(path, headers={"if-match": '"other"'}).status_code == 200
