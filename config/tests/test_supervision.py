"""Children are kept running, ended together, and found after the supervisor was killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from config import supervision
from config.postgres.processes import is_running, wait_until
from config.supervision import Supervisor

ROOT = Path(__file__).resolve().parents[2]
SLEEP = ["sleep", "60"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)",
]
KILLED_SUPERVISOR = """
import os, sys, time
from pathlib import Path
from config.supervision import Supervisor
supervisor = Supervisor(Path(sys.argv[1]), Path.cwd(), dict(os.environ))
for command in sys.argv[2:]:
    supervisor.start("child", ["sh", "-c", command])
print(*(child.process.pid for child in supervisor.children), flush=True)
time.sleep(60)
"""


@pytest.fixture
def supervisor(tmp_path):
    supervisor = Supervisor(tmp_path, tmp_path, dict(os.environ))
    yield supervisor
    supervisor.stop()


def die(child):
    child.process.kill()
    child.process.wait()


class TestStart:
    def test_runs_the_child_in_a_session_of_its_own_with_the_data_directory(self, supervisor, tmp_path):
        supervisor.start("writer", ["sh", "-c", 'echo "$DATA_DIR" > told; sleep 60'])
        pid = supervisor.children[0].process.pid
        assert os.getsid(pid) == pid
        assert wait_until(lambda: (tmp_path / "told").exists() and (tmp_path / "told").read_text() != "", seconds=10)
        assert (tmp_path / "told").read_text() == f"{tmp_path}\n"
        assert json.loads(supervisor.state_file.read_text()) == [pid]


class TestRestart:
    def test_leaves_the_living_alone(self, supervisor):
        supervisor.start("sleeper", SLEEP)
        pid = supervisor.children[0].process.pid
        assert supervisor.restart_the_dead() == []
        assert supervisor.children[0].process.pid == pid

    def test_is_immediate_the_first_time_and_then_backs_off(self, supervisor, monkeypatch):
        clock = [1000.0]
        monkeypatch.setattr(supervision.time, "monotonic", lambda: clock[0])
        supervisor.start("sleeper", SLEEP)
        child = supervisor.children[0]
        delays = []
        for _ in range(8):
            die(child)
            supervisor.restart_the_dead()
            delays.append(child.retry_at - clock[0])
            clock[0] = child.retry_at
            supervisor.restart_the_dead()
            assert child.process.poll() is None
        assert delays == [0, 2, 4, 8, 16, 30, 30, 30]

    def test_waits_until_the_delay_is_over(self, supervisor):
        supervisor.start("sleeper", SLEEP)
        for expected in (
            ["sleeper ended with status -9; starts again in 0 s"],
            ["sleeper ended with status -9; starts again in 2 s"],
        ):
            die(supervisor.children[0])
            assert supervisor.restart_the_dead() == expected
        assert supervisor.children[0].process is None
        assert supervisor.restart_the_dead() == []
        assert supervisor.children[0].process is None

    def test_forgets_failures_after_a_long_life(self, supervisor, monkeypatch):
        supervisor.start("sleeper", SLEEP)
        child = supervisor.children[0]
        child.failures = 5
        child.started_at = time.monotonic() - supervision.STEADY_SECONDS - 1
        die(child)
        assert supervisor.restart_the_dead() == ["sleeper ended with status -9; starts again in 0 s"]
        assert child.process.poll() is None


class TestStop:
    def test_ends_the_children_with_their_own_children(self, supervisor, tmp_path):
        supervisor.start("parent", ["sh", "-c", 'trap "exit 0" TERM; sleep 61 & echo $! > grandchild; wait'])
        assert wait_until(
            lambda: (tmp_path / "grandchild").exists() and (tmp_path / "grandchild").read_text(), seconds=10
        )
        grandchild = int((tmp_path / "grandchild").read_text())
        supervisor.stop()
        assert supervisor.children[0].process.returncode == 0
        assert wait_until(lambda: not is_running(grandchild), seconds=5)
        assert not supervisor.state_file.exists()

    def test_ends_by_force_what_ignores_the_request(self, supervisor, monkeypatch):
        monkeypatch.setattr(supervision, "STOP_SECONDS", 0.2)
        supervisor.start("stubborn", STUBBORN)
        time.sleep(0.5)
        supervisor.stop()
        assert supervisor.children[0].process.returncode == -signal.SIGKILL


class TestAfterTheSupervisorWasKilled:
    def kill_one(self, tmp_path, *commands):
        arguments = [sys.executable, "-c", KILLED_SUPERVISOR, str(tmp_path), *commands]
        with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as victim:
            pids = [int(pid) for pid in victim.stdout.readline().split()]
            victim.kill()
        return pids

    def test_the_kernel_ends_the_children(self, tmp_path, supervisor):
        (pid,) = self.kill_one(tmp_path, "exec sleep 60")
        assert wait_until(lambda: not is_running(pid), seconds=5)
        assert supervisor.end_predecessors_children() is False

    def test_the_next_one_ends_what_did_not_listen(self, tmp_path, supervisor, monkeypatch):
        monkeypatch.setattr(supervision, "STOP_SECONDS", 0.2)
        (pid,) = self.kill_one(tmp_path, "trap '' TERM; while :; do sleep 1; done")
        time.sleep(0.5)
        assert is_running(pid)
        assert supervisor.end_predecessors_children() is True
        assert wait_until(lambda: not is_running(pid), seconds=5)
        assert supervisor.end_predecessors_children() is False

    def test_a_stranger_with_the_same_pid_is_left_alone(self, tmp_path, supervisor):
        with subprocess.Popen(SLEEP, start_new_session=True) as stranger:
            supervisor.state_file.write_text(json.dumps([stranger.pid]))
            assert supervisor.end_predecessors_children() is False
            assert stranger.poll() is None
            stranger.kill()
