"""The role that the application connects as: it owns nothing and row level security binds it."""

from psycopg import Connection, sql

APPLICATION = "followthrough_app"


def ensure_application_role(connection: Connection, role: str, password: str = "") -> bool:
    """Make the role unless it is there, let it into this database, and return whether it was made.

    Raises psycopg's InsufficientPrivilege when we may not make roles.
    """
    name = sql.Identifier(role)
    is_new = not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    if is_new:
        connection.execute(creation(role, password))
    database = sql.Identifier(connection.info.dbname)
    connection.execute(sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(database, name))
    return is_new


def creation(role: str, password: str = "") -> sql.Composed:
    """Return the statement that makes the role."""
    statement = sql.SQL(
        "CREATE ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION NOINHERIT"
    ).format(sql.Identifier(role))
    return statement + sql.SQL(" PASSWORD {}").format(sql.Literal(password)) if password else sql.Composed([statement])
