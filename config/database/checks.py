"""Whether the second wall between accounts stands: told by `manage.py check`, by `migrate` and by `/readyz`."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Caution
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from config.database.walls import unplaced_tables

ROLE = """
    SELECT role.rolsuper,
           role.rolbypassrls,
           EXISTS (SELECT FROM pg_class class WHERE class.relowner = role.oid AND class.relkind = 'r'),
           EXISTS (
               SELECT FROM pg_roles other
               WHERE other.oid <> role.oid AND pg_has_role(role.oid, other.oid, 'MEMBER')
                     AND (other.rolsuper OR other.rolbypassrls OR EXISTS (
                         SELECT FROM pg_class class WHERE class.relowner = other.oid AND class.relkind = 'r'
                         AND class.relnamespace = current_schema()::regnamespace
                     ))
           )
    FROM pg_roles role WHERE role.rolname = %s
"""
POWERS = (
    "is a superuser",
    "has BYPASSRLS",
    "owns tables",
    "is a member of a role that owns the tables or passes row level security by",
)
HINT = (
    "Let DATABASE_URL name a role that owns nothing and DATABASE_OWNER_URL the one that owns the tables; "
    "`manage.py database setup-roles` makes the former."
)


def check_tables(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """Refuse a model that belongs to no account and gives no reason."""
    return [
        Error(
            f"The table {table} belongs to no account.",
            hint="Derive its model from AccountRow or give the reason in config/database/exemptions.py.",
            id="project.E001",
        )
        for table in unplaced_tables()
    ]


def check_role(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **options: Any
) -> list[CheckMessage]:
    """Refuse a database role that row level security does not bind; in development, warn."""
    problems = [problem for alias in databases or () if (problem := role_problem(connections[alias]))]
    if settings.ROW_SECURITY_REQUIRED:
        return [Error(problem, hint=HINT, id="project.E002") for problem in problems]
    return [Caution(problem, hint=HINT, id="project.W002") for problem in problems]


def role_problem(connection: BaseDatabaseWrapper) -> str | None:
    """Return why row level security does not bind the application's role; None when it does."""
    role = connection.settings_dict["USER"]
    with connection.cursor() as cursor:
        cursor.execute(ROLE, [role])
        powers = cursor.fetchone()
    if powers is None:
        return f"There is no database role {role}."
    names = [name for name, has in zip(POWERS, powers, strict=True) if has]
    return f"The database role {role} {' and '.join(names)}, so row level security does not bind it." if names else None
