"""Which processes count as live."""

import os
import signal
import subprocess
import sys
import time

import pytest

from config.postgres import processes

ZOMBIE_MAKER = """
import subprocess, sys, time
child = subprocess.Popen(["true"])
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def foreign_zombie():
    """Yield the pid of a dead process whose parent, not we, never collects it."""
    with subprocess.Popen([sys.executable, "-c", ZOMBIE_MAKER], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        while b") Z " not in (processes.PROC / str(pid) / "stat").read_bytes():
            time.sleep(0.01)
        yield pid
        parent.kill()


class TestIsRunning:
    def test_is_true_for_ourselves(self):
        assert processes.is_running(os.getpid())

    def test_is_false_for_a_zombie_that_still_takes_signals(self, foreign_zombie):
        os.kill(foreign_zombie, 0)
        assert not processes.is_running(foreign_zombie)

    def test_reaps_our_own_dead_child(self):
        pid = os.posix_spawnp("true", ["true"], os.environ)
        assert processes.wait_until(lambda: not processes.is_running(pid), seconds=10)
        with pytest.raises(ChildProcessError):
            os.waitpid(pid, 0)

    def test_is_false_for_a_pid_nobody_has(self):
        assert not processes.is_running(2**22 + 1)


class TestServes:
    def test_is_false_for_a_stranger_in_the_same_folder(self, tmp_path):
        with subprocess.Popen(["sleep", "60"], cwd=tmp_path) as stranger:
            assert not processes.serves(stranger.pid, tmp_path)
            assert list(processes.serving(tmp_path)) == []
            stranger.kill()

    def test_is_false_for_another_clusters_postgres(self, server, tmp_path):
        assert processes.serves(server.pid(), server.layout.cluster)
        assert not processes.serves(server.pid(), tmp_path)


class TestWaitUntil:
    def test_says_when_the_time_ran_out(self):
        assert processes.wait_until(lambda: False, seconds=0.01, interval=0.001) is False

    def test_returns_as_soon_as_the_condition_holds(self):
        answers = iter([False, False, True])
        assert processes.wait_until(lambda: next(answers), seconds=5, interval=0.001) is True


def test_signalling_a_process_that_has_ended_is_no_error():
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    processes.signal_quietly(ended.pid, signal.SIGTERM)
