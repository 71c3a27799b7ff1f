"""A server of one's own: its owner is no superuser, `setup-roles` makes the application's role, and the wall stands."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from config.postgres import THROWAWAY, Server
from config.postgres.layout import binaries

pytestmark = pytest.mark.proof

ROOT = Path(__file__).resolve().parents[3]
PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "config.settings.production",
    "SECRET_KEY": "only-for-the-checks-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFG",
    "SECRET_KEYS": "Zm9yLXRoZS1jaGVja3Mtb25seS0wMTIzNDU2Nzg5MDE=",
    "ALLOWED_HOSTS": "crm.example.test",
}


class Installation:
    """A database whose owner may make roles, or may not."""

    def __init__(self, server, folder):
        self.server = server
        self.folder = folder

    def url(self, role, database="crm"):
        return f"postgres://{role}:secret@/{database}?host={quote(str(self.server.layout.socket_dir), safe='')}"

    def manage(self, *arguments, owner="crm_owner", role="crm_web", **environment):
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=os.environ
            | {"DATA_DIR": str(self.folder), "DATABASE_URL": self.url(role)}
            | ({"DATABASE_OWNER_URL": self.url(owner)} if owner else {"DATABASE_OWNER_URL": ""})
            | {"DJANGO_SETTINGS_MODULE": "config.settings.development"}
            | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def ask(self, statement, role="crm_web"):
        with psycopg.connect(self.url(role)) as connection:
            return connection.execute(statement).fetchall()


@pytest.fixture
def installation(tmp_path):
    server = Server(tmp_path / "server", THROWAWAY)
    server.start()
    with server.connect("postgres") as control:
        control.execute("CREATE ROLE crm_owner LOGIN CREATEROLE PASSWORD 'secret'")
        control.execute("CREATE DATABASE crm OWNER crm_owner")
    yield Installation(server, tmp_path / "data")
    server.stop("immediate")


def test_the_roles_are_made_and_the_wall_stands(installation):
    early = installation.manage("migrate", "-v0", **PRODUCTION)
    assert early.returncode == 1
    assert "(project.E002) There is no database role crm_web." in early.stderr

    made = installation.manage("database", "setup-roles")
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout == "The role crm_web was made and has its rights; crm_owner owns the tables.\n"
    again = installation.manage("database", "setup-roles")
    assert again.stdout == "The role crm_web was there already and has its rights; crm_owner owns the tables.\n"

    assert installation.manage("migrate", "-v0", **PRODUCTION).returncode == 0
    account = installation.manage(
        "create_account", "Acme", "--owner", "me@example.test", "--password", "correct horse battery", owner=None
    )
    assert (account.returncode, account.stderr) == (0, "")
    checked = installation.manage("check", "--database", "default", "--fail-level", "WARNING", owner=None, **PRODUCTION)
    assert (checked.returncode, checked.stderr) == (0, "")

    count = "SELECT count(*) FROM accounts_account"
    assert installation.ask(count) == [(0,)]
    assert installation.ask(count, role="crm_owner") == [(0,)]
    everything = "SELECT set_config('followthrough.accounts', '*', true), (SELECT count(*) FROM accounts_account)"
    assert installation.ask(everything)[0][0] == "*"
    assert installation.ask("SELECT count(*) FROM pg_class WHERE relowner = 'crm_web'::regrole") == [(0,)]


def test_a_dump_by_the_owner_holds_everything_and_is_restored(installation, tmp_path):
    installation.manage("database", "setup-roles")
    assert installation.manage("migrate", "-v0").returncode == 0
    account = ("create_account", "Acme", "--owner", "me@example.test", "--password", "correct horse battery")
    assert installation.manage(*account).returncode == 0
    with installation.server.connect("postgres") as control:
        control.execute("CREATE DATABASE copy OWNER crm_owner")
    dump = tmp_path / "crm.dump"

    def run(program, *arguments, **environment):
        command = [binaries() / program, *arguments]
        return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)

    blind = run("pg_dump", "--format=custom", f"--file={dump}", installation.url("crm_owner"))
    assert "would be affected by row-level security" in blind.stderr
    everything = {"PGOPTIONS": "-c followthrough.accounts=*"}
    options = ("--enable-row-security", "--format=custom", f"--file={dump}")
    dumped = run("pg_dump", *options, installation.url("crm_owner"), **everything)
    assert (dumped.returncode, dumped.stderr) == (0, "")
    contents = run("pg_restore", "--list", str(dump)).stdout.splitlines()
    wanted = tmp_path / "crm.list"
    wanted.write_text("\n".join(line for line in contents if " ROW SECURITY " not in line and " POLICY " not in line))
    into = f"--dbname={installation.url('crm_owner', 'copy')}"
    restored = run("pg_restore", f"--use-list={wanted}", "--exit-on-error", "--no-owner", "--jobs=2", into, str(dump))
    assert (restored.returncode, restored.stderr) == (0, "")
    copied = {"DATABASE_URL": installation.url("crm_web", "copy")}
    assert installation.manage("migrate", "-v0", **copied).returncode == 0

    with psycopg.connect(installation.url("crm_web", "copy")) as connection:
        count = "SELECT count(*) FROM accounts_account"
        assert connection.execute(count).fetchone() == (0,)
        connection.execute("SET LOCAL followthrough.accounts = '*'")
        assert connection.execute(count).fetchone() == (1,)


def test_the_owner_alone_is_refused_in_production_and_warned_of_elsewhere(installation):
    refused = installation.manage("migrate", "-v0", owner=None, role="crm_owner", **PRODUCTION)
    assert refused.returncode == 0  # it owns no table yet: nothing says that it will serve requests
    checked = installation.manage("check", "--database", "default", owner=None, role="crm_owner", **PRODUCTION)
    assert checked.returncode == 1
    assert (
        "(project.E002) The database role crm_owner owns tables, so row level security does not bind it."
        in checked.stderr
    )
    warned = installation.manage("check", "--database", "default", owner=None, role="crm_owner")
    assert warned.returncode == 0
    assert "(project.W002) The database role crm_owner owns tables" in warned.stderr


def test_an_owner_that_may_not_make_roles_says_what_to_run(installation):
    with installation.server.connect("postgres") as control:
        control.execute("ALTER ROLE crm_owner NOCREATEROLE")
    refused = installation.manage("database", "setup-roles")
    assert refused.returncode == 1
    assert 'CREATE ROLE "crm_web" LOGIN NOSUPERUSER NOBYPASSRLS' in refused.stderr
    with installation.server.connect("postgres") as control:
        control.execute("CREATE ROLE crm_web LOGIN PASSWORD 'secret'")
    assert installation.manage("database", "setup-roles").returncode == 0


def test_one_role_for_both_is_no_use(installation):
    for owner in (None, "crm_web"):
        refused = installation.manage("database", "setup-roles", owner=owner)
        assert refused.returncode == 1
        assert refused.stderr.startswith("CommandError: DATABASE_OWNER_URL must name the role that owns the tables")
