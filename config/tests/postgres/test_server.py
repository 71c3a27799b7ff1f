"""The embedded server starts, is found, and comes back after every kind of death."""

import contextlib
import os
import signal
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from config.postgres import DURABLE, THROWAWAY, DatabaseError, Server, processes

ROOT = Path(__file__).resolve().parents[3]
START = """
import sys
from pathlib import Path
from config.postgres import THROWAWAY, Server
server = Server(Path(sys.argv[1]), THROWAWAY)
print(server.start(), server.pid())
"""


def write(server: Server, value: int) -> None:
    with server.connect() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (value int)")
        connection.execute("INSERT INTO kept VALUES (%s)", [value])


def read(server: Server) -> list[int]:
    with server.connect() as connection:
        return [row[0] for row in connection.execute("SELECT value FROM kept ORDER BY value")]


class TestStart:
    def test_answers_queries_and_says_whether_it_had_to_start(self, stopped_server):
        assert stopped_server.start() is True
        assert stopped_server.start() is False
        with stopped_server.connect() as connection:
            assert connection.info.server_version // 10000 == 18
            row = connection.execute(
                "SELECT datlocale, pg_encoding_to_char(encoding), current_setting('timezone'), "
                "current_setting('listen_addresses') FROM pg_database WHERE datname = current_database()"
            ).fetchone()
        assert row == ("C.UTF-8", "UTF8", "UTC", "")

    def test_keeps_the_socket_and_the_data_from_other_users(self, server):
        for folder in (server.layout.socket_dir, server.layout.cluster):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    def test_keeps_the_data_over_a_restart(self, server):
        write(server, 1)
        server.stop()
        server.start()
        assert read(server) == [1]

    def test_of_several_processes_at_once_starts_one_server(self, stopped_server):
        command = [sys.executable, "-c", START, str(stopped_server.layout.data_dir)]
        starters = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(4)]
        answers = [starter.communicate()[0].split() for starter in starters]
        assert sorted(was_started for was_started, _ in answers) == ["False", "False", "False", "True"]
        assert {pid for _, pid in answers} == {str(stopped_server.pid())}

    def test_works_in_a_folder_whose_name_libpq_and_postgres_would_split(self, tmp_path):
        server = Server(tmp_path / 'it\'s, a "folder" ü', THROWAWAY)
        server.start()
        write(server, 1)
        server.stop()
        assert not server.layout.socket_dir.exists()

    def test_runs_two_side_by_side(self, server, tmp_path):
        other = Server(tmp_path / "other", THROWAWAY)
        other.start()
        write(other, 2)
        write(server, 1)
        assert (read(server), read(other)) == ([1], [2])
        other.stop()
        assert read(server) == [1]

    def test_outlives_the_process_that_started_it(self, stopped_server):
        command = [sys.executable, "-c", START, str(stopped_server.layout.data_dir)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        assert stopped_server.start() is False


class TestAfterAKill:
    @pytest.fixture
    def server(self, stopped_server):
        """Return a durable server: a throw-away one would be made anew when its start fails."""
        stopped_server.profile = DURABLE
        stopped_server.start()
        write(stopped_server, 1)
        return stopped_server

    def test_of_the_server_it_recovers_what_was_committed(self, server):
        os.kill(server.pid(), signal.SIGKILL)
        assert processes.wait_until(lambda: server.pid() is None, seconds=10)
        assert server.start() is True
        assert read(server) == [1]

    def test_of_the_server_busy_orphans_are_ended_first(self, server):
        with contextlib.closing(server.connect()) as client:
            client.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 1000000000000)")
            os.kill(server.pid(), signal.SIGKILL)
            assert processes.wait_until(lambda: server.pid() is None, seconds=10)
            assert any(processes.serving(server.layout.cluster))
            server.start()
        assert read(server) == [1]

    @pytest.mark.parametrize("file", ["pid_file", "socket_lock"])
    def test_a_pid_file_that_names_a_stranger_is_no_obstacle(self, server, file):
        server.stop("immediate")
        path = {
            "pid_file": server.layout.pid_file,
            "socket_lock": server.layout.socket_dir / ".s.PGSQL.5432.lock",
        }[file]
        path.parent.mkdir(exist_ok=True, mode=0o700)
        path.write_text(f"{os.getppid()}\n{server.layout.cluster}\n")
        assert server.pid() is None
        assert server.start() is True
        assert read(server) == [1]

    def test_of_initdb_the_next_start_begins_anew(self, stopped_server):
        half = stopped_server.layout.data_dir / "initdb-killed" / "postgres"
        half.mkdir(parents=True)
        stopped_server.start()
        assert not half.parent.exists()


class TestStop:
    @pytest.mark.parametrize("mode", ["fast", "immediate"])
    def test_ends_every_process_and_says_so(self, server, mode):
        assert server.stop(mode) is True
        assert list(processes.serving(server.layout.cluster)) == []
        assert server.stop(mode) is False

    def test_does_not_wait_for_ever_for_clients_to_leave(self, server):
        with server.connect() as client:
            client.execute("SELECT 1")
            assert server.stop("smart", seconds=0.2) is True
        assert server.pid() is None

    def test_of_a_folder_that_never_was_changes_nothing(self, tmp_path):
        assert Server(tmp_path / "never").stop() is False
        assert list(tmp_path.iterdir()) == []


class TestRefusals:
    def test_shows_the_log_when_the_server_cannot_start(self, server):
        server.stop()
        server.profile = replace(DURABLE, settings={"max_connections": "none"})
        with pytest.raises(DatabaseError, match=r'invalid value for parameter "max_connections": "none"'):
            server.start()

    def test_names_both_versions_when_the_data_is_older(self, server):
        server.stop()
        server.profile = DURABLE
        (server.layout.cluster / "PG_VERSION").write_text("17\n")
        with pytest.raises(DatabaseError, match=r"was made by PostgreSQL 17, the installed one is 18"):
            server.start()

    def test_a_throw_away_cluster_that_cannot_start_is_made_anew(self, server):
        write(server, 1)
        server.stop()
        (server.layout.cluster / "PG_VERSION").write_text("17\n")
        assert server.start() is True
        write(server, 2)
        assert read(server) == [2]

    def test_a_socket_folder_that_is_a_link_is_not_trusted(self, stopped_server, tmp_path):
        stopped_server.profile = DURABLE
        stopped_server.layout.data_dir.mkdir()
        stopped_server.layout.socket_dir.symlink_to(tmp_path)
        with pytest.raises(DatabaseError, match="belongs to somebody else"):
            stopped_server.start()
