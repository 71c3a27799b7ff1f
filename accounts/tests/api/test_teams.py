from typing import Any

from rest_framework.test import APIClient

from accounts.models import Account, AuditEntry, Team
from accounts.tests.factories import MembershipFactory, TeamFactory


def codes(response: Any) -> list[tuple[str, str | None]]:
    return [(error["code"], error["attr"]) for error in response.json()["errors"]]


class TestTeams:
    def test_are_made_of_members(self, admin_api: APIClient, account: Account) -> None:
        ids = sorted(str(member.id) for member in MembershipFactory.create_batch(2, account=account))
        response = admin_api.post("/api/v1/teams", {"name": " Sales ", "member_ids": [*ids, ids[0]]})
        assert response.status_code == 201
        assert (response.json()["name"], response.json()["member_ids"]) == ("Sales", ids)
        entry = AuditEntry.objects.for_account(account.id).get(verb="team.created")
        assert entry.after == {"name": "Sales", "member_ids": ids}

    def test_refuse_members_that_are_not_there(
        self, admin_api: APIClient, account: Account, other_account: Account
    ) -> None:
        own = MembershipFactory(account=account).id
        gone = MembershipFactory(account=account, is_active=False).id
        foreign = MembershipFactory(account=other_account).id
        response = admin_api.post("/api/v1/teams", {"name": "Sales", "member_ids": [own, gone, foreign]})
        assert response.status_code == 400
        assert codes(response) == [("member_not_found", "member_ids.1"), ("member_not_found", "member_ids.2")]
        assert Team.objects.count() == 0

    def test_refuse_a_name_that_is_taken(self, admin_api: APIClient, account: Account, other_account: Account) -> None:
        TeamFactory(account=account, name="Sales")
        support = TeamFactory(account=account, name="Support")
        TeamFactory(account=other_account, name="Other")
        for response in (
            admin_api.post("/api/v1/teams", {"name": "Sales"}),
            admin_api.patch(f"/api/v1/teams/{support.id}", {"name": "Sales"}),
        ):
            assert (response.status_code, codes(response)) == (409, [("name_taken", "name")])
        assert admin_api.post("/api/v1/teams", {"name": "Other"}).status_code == 201
        assert admin_api.patch(f"/api/v1/teams/{support.id}", {"name": "Support"}).status_code == 200

    def test_change_only_what_is_sent(self, admin_api: APIClient, account: Account) -> None:
        first, second = sorted(str(member.id) for member in MembershipFactory.create_batch(2, account=account))
        path = f"/api/v1/teams/{admin_api.post('/api/v1/teams', {'name': 'A', 'member_ids': [first]}).json()['id']}"
        assert admin_api.patch(path, {"name": "B"}).json()["member_ids"] == [first]
        assert admin_api.patch(path, {"member_ids": [second]}).json()["member_ids"] == [second]
        assert admin_api.patch(path, {"member_ids": []}).json()["member_ids"] == []
        assert admin_api.get(path).json()["name"] == "B"
        entries = AuditEntry.objects.for_account(account.id).filter(verb="team.changed").order_by("id")
        assert [entry.after for entry in entries] == [{"name": "B"}, {"member_ids": [second]}, {"member_ids": []}]
        assert admin_api.patch(path, {}).status_code == 200
        assert AuditEntry.objects.for_account(account.id).filter(verb="team.changed").count() == 3

    def test_are_deleted_without_their_members(self, admin_api: APIClient, account: Account) -> None:
        member = MembershipFactory(account=account)
        team_id = admin_api.post("/api/v1/teams", {"name": "A", "member_ids": [member.id]}).json()["id"]
        assert admin_api.delete(f"/api/v1/teams/{team_id}").status_code == 204
        assert Team.objects.count() == 0
        member.refresh_from_db()
        assert AuditEntry.objects.for_account(account.id).get(verb="team.deleted").before == {
            "name": "A",
            "member_ids": [str(member.id)],
        }
