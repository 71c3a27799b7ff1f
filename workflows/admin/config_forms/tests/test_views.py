"""Looking up objects of the account."""

from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from uuid_utils.compat import uuid7

from accounts.models import Account, Role, Team
from accounts.tests.factories import MembershipFactory, UserFactory
from workflows.admin.config_forms import ConfigForm
from workflows.admin.config_forms.references import search
from workflows.admin.config_forms.tests.posting import posted
from workflows.configs.base import StrictConfig
from workflows.configs.references import KINDS, ReferenceField

pytestmark = pytest.mark.django_db


class WithTeam(StrictConfig):
    team_id = ReferenceField("team", required=False, help_text="A team.")


def client_of(account: Account, role: str = Role.EDITOR, *, is_staff: bool = True) -> Client:
    client = Client()
    user = MembershipFactory(account=account, role=role, user=UserFactory(is_staff=is_staff)).user
    client.force_login(user)
    return client


def address(account_id: UUID, kind: str = "team") -> str:
    return reverse("config_forms:references", args=[account_id, kind])


def make_teams(account: Account, *names: str) -> list[Team]:
    return [Team.objects.create(account=account, name=name) for name in names]


class TestTheSearch:
    def test_finds_by_a_part_of_the_name(self, account: Account, other_account: Account) -> None:
        north, _ = make_teams(account, "Sales North", "Support")
        make_teams(other_account, "Sales South")

        answer = client_of(account).get(address(account.id), {"q": "sales"})

        assert answer.json() == {"items": [{"id": str(north.id), "name": "Sales North"}], "is_all": True}

    @pytest.mark.parametrize("text", ["\x00", "%", "_", "'", "x" * 5000, "\\"])
    def test_takes_any_text(self, account: Account, text: str) -> None:
        make_teams(account, "Sales")
        assert search(account_id=account.id, kind="team", text=text).is_all
        status = client_of(account).get(address(account.id), {"q": text}).status_code
        assert status == (400 if "\x00" in text else 200)  # no page takes NUL

    def test_answers_fifty_and_says_that_there_are_more(self, account: Account) -> None:
        make_teams(account, *(f"Team {number:02}" for number in range(51)))

        answer = client_of(account).get(address(account.id)).json()

        assert (len(answer["items"]), answer["is_all"]) == (50, False)

    @pytest.mark.parametrize("kind", sorted(KINDS))
    def test_knows_every_kind_that_configs_may_name(self, account: Account, kind: str) -> None:
        answer = client_of(account).get(address(account.id, kind))
        assert answer.status_code == 200

    def test_finds_members_by_name_and_by_address(self, account: Account) -> None:
        client = client_of(account)
        member = MembershipFactory(account=account, user=UserFactory(name="Ada", email="countess@example.com")).user
        for text in ("ada", "countess"):
            answer = client.get(address(account.id, "user"), {"q": text}).json()
            assert answer["items"] == [{"id": str(member.id), "name": "Ada"}]

    def test_is_there_for_editors_of_the_account_alone(self, account: Account, other_account: Account) -> None:
        make_teams(account, "Ours")
        nobody = client_of(other_account).get(address(uuid7()))
        for client in (client_of(other_account, Role.OWNER), client_of(account, Role.VIEWER)):
            answer = client.get(address(account.id))
            assert (answer.status_code, answer.content) == (404, nobody.content)
        assert client_of(account, is_staff=False).get(address(account.id)).status_code == 302
        assert Client().get(address(account.id)).status_code == 302

    def test_is_there_for_superusers(self, account: Account) -> None:
        client = Client()
        client.force_login(UserFactory(is_staff=True, is_superuser=True))
        assert client.get(address(account.id)).status_code == 200

    def test_does_not_know_other_kinds(self, account: Account) -> None:
        assert client_of(account).get(address(account.id, "account")).status_code == 404
        assert client_of(account).post(address(account.id)).status_code == 405


class TestTheList:
    def test_offers_a_search_only_where_there_are_more(self, account: Account) -> None:
        make_teams(account, "A")
        assert "data-cf-search=" not in ConfigForm(WithTeam, account_id=account.id).render()
        make_teams(account, *(f"Team {number:02}" for number in range(50)))
        assert f'data-cf-search="{address(account.id)}"' in ConfigForm(WithTeam, account_id=account.id).render()

    def test_shows_what_is_chosen_wherever_it_stands(self, account: Account) -> None:
        make_teams(account, *(f"Team {number:02}" for number in range(60)))
        (last,) = make_teams(account, "Zebras")
        config = {"team_id": str(last.id)}
        form = ConfigForm(WithTeam, account_id=account.id, config=config)
        with CaptureQueriesContext(connection) as queries:
            html = form.render()

        assert f'<option value="{last.id}" selected>Zebras</option>' in html
        assert len(queries) == 2
        again = ConfigForm(WithTeam, account_id=account.id, config=config, data=posted(html))
        assert (again.is_valid(), again.config) == (True, config)

    def test_names_no_object_of_another_account(self, account: Account, other_account: Account) -> None:
        (foreign,) = make_teams(other_account, "Theirs")
        html = ConfigForm(WithTeam, account_id=account.id, config={"team_id": str(foreign.id)}).render()

        assert "Theirs" not in html
        assert f"No longer there ({foreign.id})" in html
