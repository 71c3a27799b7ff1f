"""Scopes reach the database with each transaction, and end with it."""

import contextlib

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from accounts.models import Account, Team
from accounts.tenancy import SETTING, account_scope, accounts_scope, no_scope, system_scope
from accounts.tests.factories import MembershipFactory, TeamFactory
from workflows.crm.models import Tag
from workflows.crm.tests.factories import TagFactory


@pytest.fixture
def tags(account, other_account):
    """One tag of each account, by the tests' own scope."""
    return TagFactory(account=account, name="own"), TagFactory(account=other_account, name="foreign")


def names():
    return sorted(Tag.objects.values_list("name", flat=True))


def setting():
    """Return what the session holds, looked up without a scope of its own."""
    with no_scope(), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s, true)", [SETTING])
        return cursor.fetchone()[0]


@pytest.mark.django_db(transaction=True)
class TestOutsideOfTransactions:
    def test_each_statement_carries_the_scope(self, tags, wall, account, other_account):
        assert names() == []
        with account_scope(account.id):
            assert names() == ["own"]
        with accounts_scope([account.id, other_account.id]):
            assert names() == ["foreign", "own"]
        with system_scope("this test"):
            assert names() == ["foreign", "own"]
        assert names() == []

    def test_nothing_stays_in_the_session(self, tags, wall, account):
        with account_scope(account.id):
            assert names() == ["own"]
            assert not setting()
        assert not setting()
        assert connection.connection.info.transaction_status.name == "IDLE"

    def test_a_write_is_committed(self, tags, wall, account, everything):
        with account_scope(account.id):
            assert Tag.objects.update(name="mine") == 1
        assert everything(names) == ["foreign", "mine"]

    def test_a_failure_leaves_the_connection_usable(self, tags, wall, account):
        with account_scope(account.id):
            with pytest.raises(ProgrammingError, match='relation "nowhere" does not exist'):
                connection.cursor().execute("SELECT * FROM nowhere")
            assert connection.connection.info.transaction_status.name == "IDLE"
            assert names() == ["own"]

    def test_what_fails_at_commit_is_told(self, wall, account):
        with account_scope(account.id):
            with connection.cursor() as cursor:
                cursor.execute("SELECT current_setting('transaction_isolation')")
            with pytest.raises(IntegrityError, match="violates foreign key constraint"):
                Team.objects.model.members.through.objects.create(
                    account_id=account.id, team_id=account.id, membership_id=account.id
                )
            assert names() == []

    def test_cursors_of_the_server_carry_it(self, tags, wall, account):
        with account_scope(account.id):
            assert [tag.name for tag in Tag.objects.iterator(chunk_size=1)] == ["own"]
        assert list(Tag.objects.iterator()) == []

    def test_copying_carries_it(self, tags, wall, account):
        with account_scope(account.id), connection.cursor() as cursor:
            with cursor.copy("COPY (SELECT name FROM crm_tag) TO STDOUT") as rows:
                assert [bytes(row) for row in rows] == [b"own\n"]
            with pytest.raises(ZeroDivisionError), cursor.copy("COPY (SELECT name FROM crm_tag) TO STDOUT"):
                raise ZeroDivisionError
        with no_scope():
            assert names() == []

    def test_many_parameters_carry_it(self, tags, wall, account, everything):
        with account_scope(account.id), connection.cursor() as cursor:
            cursor.executemany("UPDATE crm_tag SET name = %s WHERE name = %s", [("a", "own"), ("b", "foreign")])
        assert everything(names) == ["a", "foreign"]


@pytest.mark.django_db
class TestWithinTransactions:
    def test_an_inner_scope_ends_with_its_block(self, tags, wall, account, other_account):
        with transaction.atomic(), account_scope(account.id):
            assert names() == ["own"]
            with account_scope(other_account.id):
                assert names() == ["foreign"]
            with no_scope():
                assert names() == []
            assert names() == ["own"]
        assert names() == []

    def test_survives_a_savepoint_that_is_undone(self, tags, wall, account, other_account):
        with transaction.atomic(), account_scope(account.id):
            with contextlib.suppress(KeyError), transaction.atomic(), account_scope(other_account.id):
                assert names() == ["foreign"]
                raise KeyError
            assert names() == ["own"]

    def test_survives_a_statement_that_fails(self, tags, wall, account, other_account):
        with transaction.atomic(), account_scope(account.id):
            with pytest.raises(ProgrammingError), account_scope(other_account.id), transaction.atomic():
                connection.cursor().execute("SELECT * FROM nowhere")
            assert names() == ["own"]

    def test_costs_no_query_that_django_counts(self, tags, wall, account, django_assert_num_queries):
        with account_scope(account.id), django_assert_num_queries(1):
            assert names() == ["own"]


@pytest.mark.django_db(transaction=True)
class TestTransactions:
    def test_begin_with_the_scope(self, tags, wall, account):
        with account_scope(account.id), transaction.atomic():
            assert names() == ["own"]
        assert not setting()

    def test_that_are_undone_leave_nothing(self, tags, wall, account, everything):
        with account_scope(account.id):
            with contextlib.suppress(KeyError), transaction.atomic():
                Tag.objects.update(name="mine")
                raise KeyError
            assert names() == ["own"]
        assert not setting()

    def test_begun_without_one_take_one_on(self, tags, wall, account):
        with transaction.atomic():
            assert names() == []
            with account_scope(account.id):
                assert names() == ["own"]
            assert names() == []


@pytest.mark.django_db
class TestAccountScope:
    def test_shows_the_account_itself_alone(self, wall, account, other_account):
        with account_scope(account.id):
            assert list(Account.objects.all()) == [account]

    def test_joins_show_nothing_foreign(self, account, other_account, wall, everything):
        membership = everything(lambda: MembershipFactory(account=account))
        team = everything(lambda: TeamFactory(account=other_account))
        everything(lambda: team.members.add(membership, through_defaults={"account": other_account}))
        with account_scope(account.id):
            assert list(membership.teams.all()) == []
