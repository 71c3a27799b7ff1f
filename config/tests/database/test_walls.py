"""Every table has its policy or a reason, and the application's role cannot step over the wall."""

from unittest import mock

import pytest
from django.apps import apps
from django.db import DatabaseError, ProgrammingError, connection, transaction

from accounts.models import Account
from accounts.tenancy import account_scope, system_scope
from config.database import walls
from config.database.checks import check_role, check_tables
from config.database.exemptions import EXEMPTIONS
from config.database.walls import POLICY, account_columns, build_walls, open_tables, unplaced_tables
from workflows.crm.models import Contact, Tag
from workflows.crm.tests.factories import ContactFactory, TagFactory

pytestmark = pytest.mark.django_db

TABLES = """
    SELECT class.relname, class.relrowsecurity AND class.relforcerowsecurity,
           ARRAY(SELECT polname::text FROM pg_policy WHERE polrelid = class.oid)
    FROM pg_class class
    WHERE class.relkind IN ('r', 'p', 'v', 'm', 'f') AND class.relnamespace = current_schema()::regnamespace
"""


def tables():
    """Return every table, view and foreign table of the database: whether it is walled, and its policies."""
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        return {name: (is_walled, policies) for name, is_walled, policies in cursor.fetchall()}


class TestTables:
    def test_have_their_policy_or_a_reason(self):
        found = tables()
        assert {name for name, wall in found.items() if wall == (False, [])} == EXEMPTIONS.keys()
        assert {name for name, wall in found.items() if wall == (True, [POLICY])} == found.keys() - EXEMPTIONS.keys()

    def test_with_a_policy_are_those_of_accounts(self):
        assert account_columns().keys() == tables().keys() - EXEMPTIONS.keys()
        assert account_columns()["accounts_account"] == "id"

    def test_of_no_account_need_a_reason(self, monkeypatch):
        assert unplaced_tables() == []
        monkeypatch.delitem(EXEMPTIONS, "django_session")
        (error,) = check_tables(None)
        assert (error.id, error.msg) == ("project.E001", "The table django_session belongs to no account.")

    def test_reasons_are_sentences(self):
        assert [table for table, reason in EXEMPTIONS.items() if not reason.endswith(".")] == []


class TestBuildWalls:
    def test_touches_no_table_that_has_its_policy(self):
        with connection.cursor() as cursor, mock.patch.object(walls, "wall") as wall:
            assert walls.unwalled(cursor) == []
        assert wall.mock_calls == []
        assert open_tables() == []

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize(
        "damage",
        [
            "ALTER TABLE crm_tag DISABLE ROW LEVEL SECURITY",
            "ALTER TABLE crm_tag NO FORCE ROW LEVEL SECURITY",
            "DROP POLICY account_rows ON crm_tag",
            "COMMENT ON POLICY account_rows ON crm_tag IS 'as of last year'",
        ],
    )
    def test_mends_what_is_not_as_it_should_be(self, damage):
        with connection.as_owner():
            with connection.cursor() as cursor:
                cursor.execute(damage)
            assert open_tables() == ["crm_tag"]
            build_walls(connection)
        assert open_tables() == []
        assert tables()["crm_tag"] == (True, [POLICY])

    def test_grants_the_rights_of_rows_alone(self, wall):
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT relname FROM pg_class
                WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
                      AND (NOT has_table_privilege(oid, 'SELECT') OR has_table_privilege(oid, 'TRUNCATE')
                           OR has_table_privilege(oid, 'TRIGGER') OR has_table_privilege(oid, 'REFERENCES'))
                """
            )
            assert cursor.fetchall() == []


@pytest.mark.usefixtures("wall")
class TestWithoutAScope:
    @pytest.mark.parametrize("table", sorted(account_columns()) if apps.ready else [])
    def test_no_table_shows_a_row(self, table, everything, account, other_account):
        everything(lambda: [ContactFactory(account=each) for each in (account, other_account)])
        with connection.cursor() as cursor:
            cursor.execute(f'SELECT count(*) FROM "{table}"')
            assert cursor.fetchone() == (0,)

    def test_nothing_is_written(self, account, everything):
        tag = everything(lambda: TagFactory(account=account, name="kept"))
        with pytest.raises(ProgrammingError, match="violates row-level security policy"), transaction.atomic():
            Tag.objects.create(account=account, name="new", folded_name="new")
        assert Tag.objects.update(name="changed") == 0
        assert Tag.objects.filter(id=tag.id).delete()[0] == 0
        assert everything(lambda: list(Tag.objects.values_list("name"))) == [("kept",)]


@pytest.mark.usefixtures("wall")
class TestAnAccount:
    def test_writes_nothing_for_another(self, account, other_account, everything):
        own = everything(lambda: TagFactory(account=account, name="own"))
        foreign = everything(lambda: TagFactory(account=other_account, name="foreign"))
        with account_scope(account.id):
            with pytest.raises(ProgrammingError, match="violates row-level security policy"), transaction.atomic():
                Tag.objects.create(account=other_account, name="new", folded_name="new")
            with pytest.raises(ProgrammingError, match="violates row-level security policy"), transaction.atomic():
                Tag.objects.filter(id=own.id).update(account=other_account)
            assert Tag.objects.filter(id=foreign.id).update(name="mine") == 0
            assert Tag.objects.filter(id=foreign.id).delete()[0] == 0
            assert Account.objects.update(name="renamed") == 1
        assert everything(lambda: set(Tag.objects.values_list("account_id", "name"))) == {
            (account.id, "own"),
            (other_account.id, "foreign"),
        }
        assert everything(lambda: Account.objects.get(id=other_account.id).name) == "Other"

    def test_is_not_told_apart_by_raw_sql(self, account, other_account, everything):
        everything(lambda: [ContactFactory(account=each) for each in (account, other_account)])
        with account_scope(account.id), connection.cursor() as cursor:
            cursor.execute("SELECT account_id FROM crm_contact WHERE true OR account_id IS NULL")
            assert cursor.fetchall() == [(account.id,)]
            cursor.execute("UPDATE crm_contact SET first_name = 'taken'")
            assert cursor.rowcount == 1
        assert everything(lambda: Contact.objects.filter(first_name="taken").count()) == 1


FORBIDDEN = [
    "ALTER TABLE crm_contact DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE crm_contact NO FORCE ROW LEVEL SECURITY",
    "ALTER TABLE crm_contact ADD COLUMN extra text",
    "DROP POLICY account_rows ON crm_contact",
    "ALTER POLICY account_rows ON crm_contact USING (true)",
    "CREATE POLICY open ON crm_contact USING (true)",
    "DROP TABLE crm_contact",
    "TRUNCATE crm_contact CASCADE",
    "ALTER TABLE crm_contact OWNER TO CURRENT_USER",
    "CREATE TABLE copied AS SELECT * FROM crm_contact",
    "CREATE FUNCTION peek() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM crm_contact'",
    "ALTER ROLE CURRENT_USER BYPASSRLS",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "CREATE ROLE helper",
    "SET ROLE {owner}",
    "SET SESSION AUTHORIZATION {owner}",
    "GRANT {owner} TO CURRENT_USER",
    "COPY crm_contact FROM STDIN",
    "SET row_security = off; SELECT * FROM crm_contact",
]
REFUSAL = r"must be|permission denied|only roles|not supported|would be affected"


@pytest.mark.usefixtures("wall")
class TestTheApplicationsRole:
    @pytest.mark.parametrize("statement", FORBIDDEN)
    def test_cannot_take_the_wall_down(self, statement):
        owner = f'"{connection.settings_dict["OWNER"]["USER"]}"'
        with (
            system_scope("even so"),
            pytest.raises(DatabaseError, match=REFUSAL),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement.format(owner=owner))

    def test_is_bound(self):
        assert check_role(None, databases=["default"]) == []
        assert check_role(None, databases=None) == []

    def test_is_refused_when_it_is_not(self, monkeypatch, settings):
        owner = connection.settings_dict["OWNER"]["USER"]
        monkeypatch.setitem(connection.settings_dict, "USER", owner)
        (warning,) = check_role(None, databases=["default"])
        assert warning.id == "project.W002"
        assert warning.msg.startswith(f"The database role {owner} is a superuser and has BYPASSRLS and owns tables")
        settings.ROW_SECURITY_REQUIRED = True
        (error,) = check_role(None, databases=["default"])
        assert (error.id, error.msg, error.hint) == ("project.E002", warning.msg, warning.hint)

    def test_is_missed_when_it_is_not_there(self, monkeypatch):
        monkeypatch.setitem(connection.settings_dict, "USER", "nobody_there")
        (warning,) = check_role(None, databases=["default"])
        assert warning.msg == "There is no database role nobody_there."
