"""A newcomer's first minute: clone, `make run`, look, stop, run again; as root and as a plain user."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from config.postgres import Server, processes
from config.tests.running import ROOT, installation

pytestmark = pytest.mark.proof

PLAIN_USER = 12345  # no entry in /etc/passwd, as in many containers
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
FIRST_RUN_SECONDS = 600.0  # downloads the dependencies


@pytest.fixture
def clone():
    """Yield a clone of what is committed, in a folder with a space in its name."""
    folder = Path(tempfile.mkdtemp(prefix="a newcomer's "))
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, folder / "clone"], check=True)
    yield folder / "clone"
    shutil.rmtree(folder, ignore_errors=True)


def run_twice(clone, command, environment):
    """Start and end `make run` two times; the second start must be fast."""
    options = {"folder": clone, "command": command, "environment": environment, "ready_seconds": FIRST_RUN_SECONDS}
    with installation(clone / ".data", **options) as running:
        assert running.get("/readyz")[0] == 200
        os.killpg(running.process.pid, signal.SIGINT)
        running.process.wait(timeout=60)
        assert_stopped(running)
        running.start_again()
        assert running.wait_until_ready() < 60  # about 2 s on an idle machine
        running.end()
        assert_stopped(running)


def assert_stopped(running):
    assert processes.wait_until(lambda: running.processes() == {}, seconds=10)
    assert Server(running.data_dir).pid() is None
    assert "Traceback" not in running.output()
    assert running.output().endswith("Stopping…\nStopped.\n")


class TestMakeRun:
    def test_works_for_whoever_runs_the_tests_below_a_folder_only_they_may_enter(self, clone):
        clone.parent.chmod(0o700)
        environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
        run_twice(clone, ["make", "run"], environment)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
    def test_works_for_a_plain_user(self, clone):
        become = ["setpriv", f"--reuid={PLAIN_USER}", f"--regid={PLAIN_USER}", "--clear-groups", "--"]
        environment = {"PATH": SYSTEM_PATH, "HOME": str(clone.parent), "LANG": "C.UTF-8"}
        subprocess.run(["chown", "-R", f"{PLAIN_USER}:{PLAIN_USER}", clone.parent], check=True)
        probe = [*become, "python3", "-c", "import sys, ensurepip; sys.exit(sys.version_info < (3, 11))"]
        if subprocess.run(probe, env=environment, capture_output=True, check=False).returncode != 0:
            pytest.skip("no Python 3.11 with venv that everybody may run")
        run_twice(clone, [*become, "make", "run"], environment)
        assert {path.stat().st_uid for path in (clone / ".data").iterdir()} == {PLAIN_USER}
