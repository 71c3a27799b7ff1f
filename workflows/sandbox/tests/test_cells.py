"""The processes of the sandbox: what the kernel says of them, how they end, and where nothing is run at all."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from workflows import sandbox
from workflows.sandbox import ErrorKind, Limits, Unavailable, readiness, run, template
from workflows.sandbox.template import Templates

ROOT = Path(__file__).resolve().parents[3]
LOOP = "for (;;);"
OVER = (ErrorKind.TIME, ErrorKind.STARVED)
"""How a loop ends: the second where the machine is busy."""
IS_ROOT = os.geteuid() == 0


@pytest.fixture
def templates(monkeypatch: pytest.MonkeyPatch) -> Iterator[Templates]:
    """Templates of the test's own."""
    own = Templates()
    monkeypatch.setattr("workflows.sandbox.running.templates", own)
    yield own
    own.end()


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def state_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""


def wait_for(condition, seconds: float = 10.0):
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until
        time.sleep(0.01)
    return found


class Running:
    """A script that does not end by itself, in a thread."""

    def __init__(self, templates: Templates, limits: Limits) -> None:
        run("return {}", {})
        self.template = templates._current.process.pid
        self.thread = threading.Thread(target=self._run, args=[limits])
        self.thread.start()
        (self.pid,) = wait_for(lambda: children_of(self.template))
        wait_for(lambda: "Seccomp:\t2" in self.status())

    def _run(self, limits: Limits) -> None:
        try:
            self.result = run(LOOP, {"secret": "of-the-run"}, limits)
        except Unavailable as unavailable:
            self.unavailable = str(unavailable)

    def status(self) -> str:
        return Path(f"/proc/{self.pid}/status").read_text()


@pytest.fixture
def running(templates: Templates) -> Iterator[Running]:
    running = Running(templates, Limits(timeout_ms=1500))
    yield running
    running.thread.join()


class TestACell:
    def test_that_works_long_leaves_half_of_the_processors_alone(self, templates: Templates) -> None:
        running = Running(templates, Limits(timeout_ms=5000))
        processors = sorted(os.sched_getaffinity(0))
        kept_to = set(processors[-max(1, len(processors) // 2) :])
        assert os.sched_getaffinity(running.pid) == set(processors)
        wait_for(lambda: os.sched_getaffinity(running.pid) == kept_to)
        assert os.sched_getscheduler(running.pid) == os.SCHED_IDLE
        assert os.sched_getaffinity(running.template) == set(processors)
        templates.end()
        running.thread.join()

    def test_has_nothing_left(self, running: Running) -> None:
        status = dict(line.split(":\t", 1) for line in running.status().splitlines())
        assert (status["Seccomp"], status["NoNewPrivs"], status["Threads"]) == ("2", "1", "1")
        assert int(status["CapPrm"], 16) == int(status["CapEff"], 16) == int(status["CapInh"], 16) == 0
        assert "0" not in status["Uid"].split() + status["Gid"].split()
        assert (status["Groups"].strip() == "") or not IS_ROOT
        limits = {
            line[:26].strip(): line[26:].split()[:2]
            for line in Path(f"/proc/{running.pid}/limits").read_text().splitlines()
        }
        for name in ("Max open files", "Max processes", "Max core file size", "Max file size", "Max locked memory"):
            assert limits[name] == ["0", "0"], name
        assert int(limits["Max address space"][1]) < 400 * 2**20
        assert limits["Max cpu time"] == ["3", "3"]
        assert os.getpgid(running.pid) == running.pid
        if IS_ROOT:  # nobody else may look
            assert [Path(f"/proc/{running.pid}/fd/{number}").readlink().name[:6] for number in (1,)] == ["socket"]
            assert len(list(Path(f"/proc/{running.pid}/fd").iterdir())) == 1
            assert Path(f"/proc/{running.template}/environ").read_bytes() == b""

    def test_comes_last(self, running: Running) -> None:
        assert os.getpriority(os.PRIO_PROCESS, running.pid) >= 10
        assert Path(f"/proc/{running.pid}/oom_score_adj").read_text().strip() == "1000"

    def test_is_gone_when_its_time_is_over(self, running: Running) -> None:
        running.thread.join()
        assert running.result.error.kind in OVER
        wait_for(lambda: not state_of(running.pid))
        assert children_of(running.template) == []

    def test_that_is_killed_fails_its_run_alone(self, running: Running) -> None:
        os.kill(running.pid, signal.SIGKILL)
        running.thread.join()
        assert running.unavailable.startswith("The process of the code was ended from outside")
        assert run("return {a: 1}", {}).value == {"a": 1}

    def test_that_is_stopped_is_killed_by_the_clock(self, templates: Templates) -> None:
        running = Running(templates, Limits(timeout_ms=1000))
        os.kill(running.pid, signal.SIGSTOP)
        running.thread.join(5)
        assert running.result.error.kind is ErrorKind.STARVED
        wait_for(lambda: not state_of(running.pid))


class TestATemplate:
    def test_that_is_killed_leaves_no_cell_beyond_its_time(self, templates: Templates) -> None:
        running = Running(templates, Limits(timeout_ms=1000))
        started = time.monotonic()
        os.kill(running.template, signal.SIGKILL)
        wait_for(lambda: state_of(running.pid) in {"", "Z"})
        assert time.monotonic() - started < 2.8
        running.thread.join()

    def test_leaves_no_zombies(self, templates: Templates) -> None:
        for code in ("return {}", "throw 1", LOOP) * 5:
            run(code, {}, Limits(timeout_ms=20))
        worn = templates._current.process.pid
        wait_for(lambda: not children_of(worn))
        assert [state_of(child) for child in children_of(os.getpid())].count("Z") == 0

    def test_is_replaced_when_it_is_worn(self, templates: Templates, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(template, "RUNS", 3)
        run("return {}", {})
        first = templates._current.process
        for _ in range(3):
            assert run("return {}", {}).ok
        assert templates._current.process.pid != first.pid
        wait_for(lambda: state_of(first.pid) in ("", "Z"))
        run("return {}", {})
        assert first.returncode == 0

    def test_that_is_worn_lets_its_cells_end(self, templates: Templates, monkeypatch: pytest.MonkeyPatch) -> None:
        running = Running(templates, Limits(timeout_ms=1000))
        monkeypatch.setattr(template, "RUNS", 1)
        run("return {}", {})
        assert templates._current.process.pid != running.template
        running.thread.join()
        assert running.result.error.kind in OVER

    def test_that_dies_is_replaced(self, templates: Templates) -> None:
        run("return {}", {})
        dead = templates._current.process
        dead.kill()
        wait_for(lambda: state_of(dead.pid) in ("", "Z"))
        assert run("return {a: 1}", {}).value == {"a": 1}
        assert templates._current.process.pid != dead.pid

    def test_that_is_ended_takes_its_cells_along_and_spoils_no_run_for_good(self, templates: Templates) -> None:
        running = Running(templates, Limits(timeout_ms=5000))
        templates.end()
        running.thread.join(2)
        assert running.unavailable.startswith("The process of the code was ended from outside")
        assert not state_of(running.pid)

    def test_serves_many_at_a_time(self, templates: Templates) -> None:
        values = []
        threads = [
            threading.Thread(target=lambda n=n: values.append(run("return {n}", {"n": n}).value["n"]))
            for n in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(values) == list(range(20))

    def test_ends_with_its_worker_and_takes_its_cells_along(self) -> None:
        code = (
            "import sys; sys.path.insert(0, sys.argv[1])\n"
            "import threading\n"
            "from workflows.sandbox import run\n"
            "from workflows.sandbox.template import templates\n"
            "run('return {}', {})\n"
            "threading.Thread(target=run, args=('for (;;);', {})).start()\n"
            "print(templates._current.process.pid, flush=True)\n"
        )
        worker = subprocess.Popen([sys.executable, "-c", code, str(ROOT)], stdout=subprocess.PIPE, text=True)
        pid = int(worker.stdout.readline())
        (cell,) = wait_for(lambda: children_of(pid))
        worker.kill()
        worker.wait()
        worker.stdout.close()
        wait_for(lambda: state_of(cell) in ("", "Z"))
        wait_for(lambda: state_of(pid) in ("", "Z"))

    def test_is_not_shared_with_a_forked_process(self, templates: Templates) -> None:
        code = (
            "import sys; sys.path.insert(0, sys.argv[1])\n"
            "import os\n"
            "from workflows.sandbox import run\n"
            "from workflows.sandbox.template import templates\n"
            "run('return {}', {})\n"
            "ours = templates._current.process.pid\n"
            "child = os.fork()\n"
            "ok = run('return {a: 1}', {}).value == {'a': 1}\n"
            "ok &= (templates._current.process.pid != ours) == (child == 0)\n"
            "if child == 0: templates.end(); os._exit(0 if ok else 1)\n"
            "_, status = os.waitpid(child, 0)\n"
            "print(ok, status)\n"
        )
        command = [sys.executable, "-W", "error", "-c", code, str(ROOT)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert (done.stdout, done.stderr) == ("True 0\n", "")


@pytest.mark.skipif(not IS_ROOT, reason="only root can become somebody else")
class TestAPlainUser:
    @pytest.mark.parametrize("others", [0, 3], ids=["alone", "as several at the same moment"])
    def test_runs_scripts_as_safely(self, others: int) -> None:
        """In a namespace in which root is user 1000, since a plain user may not reach this Python."""
        code = (
            "import sys; sys.path.insert(0, sys.argv[1])\n"
            "import os\n"
            "from workflows.sandbox import problem, run\n"
            "print(os.geteuid(), problem(), run('return {a: 1}', {}).value)\n"
        )
        command = ["unshare", "--user", "--map-user=1000", "--map-group=1000", sys.executable, "-c", code, str(ROOT)]
        running = [
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(1 + others)
        ]
        for output, problems in [process.communicate() for process in running]:
            if "unshare" in problems:
                pytest.skip("there are no namespaces here")
            assert output == "1000 None {'a': 1}\n", problems


class TestAMachineThatCannotLock:
    @pytest.mark.parametrize(
        ("breakage", "words"),
        [
            ("serve.system_call_filter = lambda: type('Open', (), {'load': lambda self: None})()", "can open files"),
            ("locks.pyseccomp.SyscallFilter.load = lambda self: 1 / 0", "does not run in a locked process"),
            ("locks.os.setresuid = lambda *ids: None", "root could not be given up"),
            (
                "locks.os.setgroups = lambda ids: (_ for _ in ()).throw(PermissionError(1, 'no'))",
                "root could not be given up ([Errno 1] no); start as a plain user",
            ),
            ("serve.give_up_root = lambda: (_ for _ in ()).throw(PermissionError('root stays'))", "root stays"),
            ("locks.os.nice = None", "TypeError"),
            ("raise SystemExit('nothing works')", "nothing works"),
        ],
    )
    def test_runs_nothing(
        self, templates: Templates, monkeypatch: pytest.MonkeyPatch, breakage: str, words: str
    ) -> None:
        importing = "from workflows.sandbox.inside.serve import main;"
        broken = f"from workflows.sandbox.inside import locks, serve\n{breakage}\n{importing}"
        boot = template.BOOT.replace(importing, broken)
        monkeypatch.setattr(template, "BOOT", boot)
        if "os.set" in breakage and not IS_ROOT:
            pytest.skip("there is no root to give up")
        with pytest.raises(Unavailable, match="cannot lock itself in") as refusal:
            run("return {}", {})
        assert words in str(refusal.value)
        assert templates._current is None

    def test_says_what_is_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert sandbox.missing() == []
        monkeypatch.setattr(readiness.sys, "platform", "darwin")
        monkeypatch.setattr(readiness, "find_spec", lambda name: None)
        assert readiness._tried() == (
            "Only Linux can lock a process in; this is darwin. "
            "The library quickjs-ng is not installed; `pip install -r requirements.txt` brings it. "
            "The library pyseccomp is not installed; `pip install -r requirements.txt` brings it."
        )

    def test_is_asked_again_after_a_while(self, monkeypatch: pytest.MonkeyPatch) -> None:
        answers = iter(["no", None])
        monkeypatch.setattr(readiness, "_tried", lambda: next(answers))
        monkeypatch.setattr(readiness, "_asked_at", -readiness.ASK_AGAIN_SECONDS)
        assert (readiness.problem(), readiness.problem()) == ("no", "no")
        monkeypatch.setattr(readiness, "_asked_at", readiness._asked_at - readiness.ASK_AGAIN_SECONDS)
        assert readiness.problem() is None
