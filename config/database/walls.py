"""Row level security: one policy on each table of an account's rows, derived from the models, built by the owner.

`manage.py migrate` ends with `build_walls`, so that a new model has its policy without anybody thinking of it.
"""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import connection as default_connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.options import Options

from accounts.models import Account
from accounts.tenancy import EVERY_ACCOUNT, SETTING
from config.database.exemptions import EXEMPTIONS

POLICY = "account_rows"
MAINTAIN_SINCE = 170000
"""The version of PostgreSQL from which on ANALYZE can be granted; before, only the server's autovacuum does it."""

# Both parts are looked up once a statement, not once a row. Ids are compared by an operator that PostgreSQL trusts
# not to leak, so that the indexes on the account column serve the policy, too.
CONDITION = f"""
    (SELECT current_setting('{SETTING}', true) = '{EVERY_ACCOUNT}')
    OR {{column}} = ANY ((
        SELECT string_to_array(NULLIF(current_setting('{SETTING}', true), '{EVERY_ACCOUNT}'), ',')::uuid[]
    )::uuid[])
"""

UNWALLED = """
    SELECT class.relname
    FROM unnest(%s::text[]) AS wanted (name)
    JOIN pg_class class ON class.oid = to_regclass(quote_ident(wanted.name))
    LEFT JOIN pg_policy policy ON policy.polrelid = class.oid AND policy.polname = %s
    WHERE NOT class.relrowsecurity OR NOT class.relforcerowsecurity OR policy.oid IS NULL
          OR obj_description(policy.oid, 'pg_policy') IS DISTINCT FROM %s
    ORDER BY class.relname
"""


def account_columns() -> dict[str, str]:
    """Return the tables that hold rows of accounts, by name, each with the column that says whose a row is."""
    return {options.db_table: column for options in stored() if (column := account_column(options))}


def account_column(options: "Options[Any]") -> str | None:
    """Return the column that says whose a row of the model is; None when it belongs to no account."""
    if options.model is Account:
        return "id"
    owning = (field for field in options.concrete_fields if field.related_model is Account and not field.null)
    return next((field.column for field in owning), None)


def unplaced_tables() -> list[str]:
    """Return the tables of models that have neither an account nor a reason to be without."""
    tables = {options.db_table for options in stored() if account_column(options) is None}
    return sorted(tables - EXEMPTIONS.keys())


def stored() -> "Iterator[Options[Any]]":
    """Yield what Django knows of each model with a table of its own."""
    for model in apps.get_models(include_auto_created=True):
        options = model._meta  # noqa: SLF001 - public API
        if not options.proxy and not options.swapped:
            yield options


def build_walls(connection: BaseDatabaseWrapper) -> None:
    """Grant the application's role its rights and give each table of an account its policy. Called as the owner.

    Tables that have theirs are not touched, so that a second call takes no lock on them.
    """
    with connection.cursor() as cursor:
        grant(cursor, connection.settings_dict["USER"])
        columns = account_columns()
        for table in unwalled(cursor):
            wall(cursor, table, columns[table])


def open_tables() -> list[str]:
    """Return the tables of accounts that lack their policy of today, and need `manage.py migrate`."""
    with default_connection.cursor() as cursor:
        return unwalled(cursor)


def grant(cursor: Any, role: str) -> None:
    """Let the role read and write rows of all tables, those to come included, and nothing else."""
    cursor.execute("SELECT current_user, current_schema(), current_setting('server_version_num')::integer")
    owner, schema, version = cursor.fetchone()
    if role == owner:
        return
    name, schema = quoted(role), quoted(schema)
    rights = "SELECT, INSERT, UPDATE, DELETE" + (", MAINTAIN" if version >= MAINTAIN_SINCE else "")
    cursor.execute(f"GRANT USAGE ON SCHEMA {schema} TO {name}")
    for kind, wanted in (("TABLES", rights), ("SEQUENCES", "USAGE, SELECT, UPDATE"), ("FUNCTIONS", "EXECUTE")):
        cursor.execute(f"GRANT {wanted} ON ALL {kind} IN SCHEMA {schema} TO {name}")
        cursor.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT {wanted} ON {kind} TO {name}")


def unwalled(cursor: Any) -> list[str]:
    """Return the tables of accounts whose policy is missing, switched off or not today's."""
    cursor.execute(UNWALLED, [list(account_columns()), POLICY, CONDITION])
    return [row[0] for row in cursor.fetchall()]


def wall(cursor: Any, table: str, column: str) -> None:
    """Give a table its policy, which binds its owner, too."""
    name = quoted(table)
    cursor.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    cursor.execute(f"DROP POLICY IF EXISTS {POLICY} ON {name}")
    cursor.execute(f"CREATE POLICY {POLICY} ON {name} USING ({CONDITION.format(column=quoted(column))})")
    cursor.execute(f"COMMENT ON POLICY {POLICY} ON {name} IS %s", [CONDITION])


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
