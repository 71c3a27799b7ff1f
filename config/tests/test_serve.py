"""`manage.py serve`: everything comes up, comes back and ends, whoever is killed."""

import contextlib
import os
import shutil
import signal
import subprocess
import time

import pytest

from config.postgres import Server, processes
from config.tests.running import ROOT, SERVE, Installation, free_port, installation

pytestmark = pytest.mark.proof


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Return the data directory of an installation that ran once: a test starts with a copy of it."""
    data_dir = tmp_path_factory.mktemp("prepared") / "data"
    with installation(data_dir):
        pass
    return data_dir


@pytest.fixture
def running(tmp_path, prepared):
    with installation(shutil.copytree(prepared, tmp_path / "data dir")) as running:
        yield running


def assert_nothing_runs(running):
    assert running.processes() == {}
    assert list(processes.serving(Server(running.data_dir).layout.cluster)) == []


def assert_nothing_is_left(running):
    assert_nothing_runs(running)
    assert "Traceback" not in running.output()


class TestServe:
    def test_listens_on_this_machine_alone_and_prints_how_to_sign_in(self, running):
        assert running.get("/livez") == (200, {"status": "ok"})
        assert processes.wait_until(lambda: "Login" in running.output(), seconds=10)
        assert f"http://127.0.0.1:{running.port}/admin/" in running.output()
        assert "demo@followthrough.test / followthrough-demo" in running.output()
        listeners = (processes.PROC / "net" / "tcp").read_text().splitlines()
        addresses = [line.split()[1] for line in listeners if line.split()[3] == "0A"]
        assert [address for address in addresses if address.endswith(f":{running.port:04X}")] == [
            f"0100007F:{running.port:04X}"
        ]

    def test_starts_again_within_seconds_and_keeps_the_data(self, running):
        with Server(running.data_dir).connect() as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS value")
        assert running.end() == 0
        assert_nothing_is_left(running)
        running.start_again()
        assert running.wait_until_ready() < 30  # about 1 s on an idle machine
        with Server(running.data_dir).connect() as connection:
            assert connection.execute("SELECT value FROM kept").fetchall() == [(42,)]
        assert "Applying migrations" not in running.output()
        assert "demo account" not in running.output()

    def test_two_run_side_by_side(self, running, tmp_path, prepared):
        with installation(shutil.copytree(prepared, tmp_path / "other")) as other:
            assert (running.get("/readyz")[0], other.get("/readyz")[0]) == (200, 200)
            assert other.end() == 0
            assert running.get("/readyz")[0] == 200

    def test_refuses_a_second_one_on_the_same_data(self, running):
        second = subprocess.run(
            SERVE,
            cwd=ROOT,
            env=os.environ
            | {
                "DATA_DIR": str(running.data_dir),
                "PORT": str(free_port()),
                "DATABASE_URL": "",
                "DJANGO_SETTINGS_MODULE": "config.settings.development",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert (second.returncode, second.stderr) == (
            1,
            f"CommandError: A server is running on {running.data_dir} already; choose another DATA_DIR.\n",
        )
        assert running.get("/readyz")[0] == 200

    def test_refuses_a_taken_port_before_it_starts_anything(self, running, tmp_path):
        second = Installation(tmp_path / "second")
        second.process.kill()
        second.process.wait()
        second.port = running.port
        second._environment["PORT"] = str(running.port)
        second.start_again()
        assert second.process.wait(timeout=60) == 1
        assert f"CommandError: Port {running.port} cannot be used" in second.output()
        assert not Server(second.data_dir).layout.cluster.exists()


class TestEnding:
    @pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_leaves_nothing_running(self, running, signal_number):
        assert running.end(signal_number) == 0
        assert_nothing_is_left(running)
        assert running.output().endswith("Stopping…\nStopped.\n")

    def test_may_be_asked_for_twice(self, running):
        running.process.send_signal(signal.SIGTERM)
        running.process.send_signal(signal.SIGTERM)
        assert running.end(signal.SIGINT) == 0
        assert_nothing_is_left(running)

    def test_may_be_asked_of_the_whole_process_group(self, running):
        os.killpg(running.process.pid, signal.SIGINT)
        assert running.process.wait(timeout=60) == 0
        assert_nothing_is_left(running)

    def test_leaves_a_database_that_was_to_be_kept(self, running):
        server = Server(running.data_dir)
        server.layout.keep_marker.touch()
        assert running.end() == 0
        assert server.pid() is not None
        assert server.stop() is True

    @pytest.mark.parametrize("milliseconds", range(100, 3000, 400))
    def test_works_at_any_moment_of_the_first_start(self, tmp_path, milliseconds):
        with contextlib.closing(Installation(tmp_path / "data")) as starting:
            time.sleep(milliseconds / 1000)
            assert starting.end() in (0, -signal.SIGTERM)  # the latter while Django is being loaded
            assert_nothing_is_left(starting)
            starting.start_again()
            starting.wait_until_ready()
            assert starting.end() == 0


class TestAfterAKill:
    def test_of_the_database_it_is_started_again(self, running):
        killed = running.database_pid()
        os.kill(killed, signal.SIGKILL)
        assert processes.wait_until(lambda: not processes.is_running(killed), seconds=10)
        assert running.wait_until_ready() < 30
        assert running.database_pid() != killed
        assert "The database ended; starting it again." in running.output()

    def test_of_an_immediate_stop_it_is_started_again(self, running):
        assert Server(running.data_dir).stop("immediate") is True
        assert running.wait_until_ready() < 30

    @pytest.mark.parametrize("program", ["gunicorn", "manage.py worker", "manage.py postbox"])
    def test_of_a_child_it_is_started_again(self, running, program):
        killed = running.pid_of(program)
        os.kill(killed, signal.SIGKILL)
        assert processes.wait_until(
            lambda: any(program in command and pid > killed for pid, command in running.processes().items()), seconds=30
        )
        assert running.wait_until_ready() < 30
        assert running.end() == 0
        assert_nothing_is_left(running)

    def test_of_the_supervisor_the_next_one_takes_over(self, running):
        database = running.database_pid()
        running.process.kill()
        running.process.wait()
        running.start_again()
        assert running.wait_until_ready() < 60
        assert running.database_pid() == database
        assert running.end() == 0
        assert_nothing_is_left(running)

    def test_of_the_supervisor_and_the_database_the_next_one_takes_over(self, running):
        running.process.kill()
        os.kill(running.database_pid(), signal.SIGKILL)
        running.process.wait()
        running.start_again()
        assert running.wait_until_ready() < 60
        assert running.end() == 0
        assert_nothing_runs(running)  # the children may have complained about their database
