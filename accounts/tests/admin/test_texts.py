"""Texts of pages: help that names code, numbers of rows, times."""

import pytest
from django.test import Client
from django.utils.safestring import mark_safe

from accounts.admin.texts import with_code
from accounts.models import Account, Role
from accounts.tests.factories import AuditEntryFactory, MembershipFactory, TeamFactory, UserFactory


@pytest.fixture
def client(account: Account) -> Client:
    client = Client()
    client.force_login(MembershipFactory(account=account, role=Role.OWNER, user=UserFactory(is_staff=True)).user)
    return client


class TestHelp:
    def test_shows_code_and_nothing_else_of_html(self) -> None:
        assert with_code("Use `a<b>` & <i>") == "Use <code>a&lt;b&gt;</code> &amp; &lt;i&gt;"

    def test_leaves_html_that_the_program_wrote(self) -> None:
        assert with_code(mark_safe("<ul><li>long</li></ul>")) == "<ul><li>long</li></ul>"

    @pytest.mark.django_db
    def test_of_a_page_shows_code(self, client: Client) -> None:
        page = client.get("/admin/crm/campaign/add/").content.decode()
        assert "Contacts join while it is <code>active</code>" in page
        assert "`" not in page.partition('id="content"')[2].partition("<script")[0]


@pytest.mark.django_db
class TestLists:
    def test_offer_all_rows_only_where_some_are_left_out(self, client: Client, account: Account) -> None:
        TeamFactory.create_batch(2, account=account)
        assert "Show all" not in client.get("/admin/accounts/team/").content.decode()
        assert "Show all" in client.get("/admin/accounts/team/?q=nothing").content.decode()


@pytest.mark.django_db
def test_times_are_figures_in_order(client: Client, account: Account) -> None:
    entry = AuditEntryFactory(account=account)
    page = client.get(f"/admin/accounts/auditentry/{entry.pk}/change/").content.decode()
    assert f"{entry.created_at:%Y-%m-%d %H:%M:%S}" in page
