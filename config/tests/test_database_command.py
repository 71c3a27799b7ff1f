"""`manage.py database`, run as a user runs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.postgres import Server

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def manage(tmp_path):
    """Return a function that runs manage.py on a data directory of the test's own."""
    data_dir = tmp_path / "data dir"

    def run(*arguments, stdin="", **environment):
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=os.environ
            | {"DATA_DIR": str(data_dir), "DATABASE_URL": "", "DJANGO_SETTINGS_MODULE": "config.settings.development"}
            | environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    run.server = Server(data_dir)
    yield run
    run.server.stop("immediate")


@pytest.fixture
def database(manage):
    """Return a function that runs `manage.py database`."""

    def run(*arguments, **options):
        return manage("database", *arguments, **options)

    run.server = manage.server
    return run


def test_a_server_is_started_looked_at_used_and_stopped(database):
    missing = database("status")
    assert (missing.returncode, missing.stderr) == (
        3,
        f"CommandError: PostgreSQL is not running (data: {database.server.layout.cluster})\n",
    )

    started = database("start")
    pid, socket = database.server.pid(), database.server.layout.socket_dir
    assert (started.returncode, started.stdout) == (0, f"PostgreSQL started: pid {pid}, socket {socket}\n")
    assert database("start").stdout == f"PostgreSQL was running already: pid {pid}, socket {socket}\n"
    assert database("status").stdout == (
        f"PostgreSQL runs: pid {pid}, socket {socket}, data {database.server.layout.cluster}\n"
    )

    shell = database("shell", stdin="\\pset tuples_only\n\\pset format unaligned\nSELECT current_database(), 6 * 7;\n")
    assert shell.stdout.splitlines()[-1] == "followthrough|42"

    assert database("stop").stdout == "PostgreSQL stopped\n"
    assert database("stop").stdout == "PostgreSQL was not running\n"
    assert database.server.pid() is None


def test_with_another_server_named_it_says_what_to_do(database):
    refused = database("start", DATABASE_URL="postgres://crm@127.0.0.1:1/crm")
    assert refused.returncode == 1
    assert refused.stderr.startswith("CommandError: DATABASE_URL is set, so the embedded PostgreSQL is not used")
    assert not database.server.layout.cluster.exists()


def test_the_shell_of_a_stopped_server_says_how_to_start_it(database):
    refused = database("shell")
    assert refused.returncode == 1
    assert refused.stderr == (
        "CommandError: PostgreSQL is not running: `manage.py database start` or `make run` starts it.\n"
    )


class TestWithoutADatabase:
    def test_a_command_says_how_to_start_it(self, manage):
        refused = manage("migrate")
        assert refused.returncode == 1
        assert refused.stderr == (
            f"The database of {manage.server.layout.data_dir} is not running: `make run` or `manage.py database start` "
            "starts it. DATA_DIR chooses another one, DATABASE_URL another server.\n"
        )

    def test_serve_says_what_is_wrong_with_the_one_that_was_named(self, manage):
        refused = manage("serve", DATABASE_URL="postgres://crm@127.0.0.1:1/crm", PORT="0")
        assert refused.returncode == 1
        assert refused.stderr.startswith("CommandError: The database cannot be used: ")
        assert "Connection refused" in refused.stderr
