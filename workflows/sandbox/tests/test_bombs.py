"""Scripts that use up whatever there is: each ends in time, and leaves nothing behind."""

import os
import resource
import threading
import time
from pathlib import Path

import pytest

from workflows.sandbox import ErrorKind, Limits, run
from workflows.sandbox.template import templates
from workflows.sandbox.tests.escapes import BOMBS
from workflows.sandbox.tests.test_cells import children_of, state_of, wait_for

KINDS = (ErrorKind.TIME, ErrorKind.MEMORY, ErrorKind.THROWN, ErrorKind.STARVED)
SECONDS = 2.0
MEGABYTE = 2**20
AT_A_TIME = 4


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


class TestABomb:
    @pytest.mark.parametrize("name", BOMBS)
    def test_ends_by_itself(self, name: str) -> None:
        result = run(BOMBS[name], {}, Limits(timeout_ms=100, memory_mb=16))
        assert result.value == {}
        assert result.error.kind in KINDS

    @pytest.mark.proof
    @pytest.mark.parametrize("name", BOMBS)
    def test_ends_within_a_second_of_its_time(self, name: str) -> None:
        run("return {}", {})  # the first run in a process starts the template as well
        started = time.monotonic()
        result = run(BOMBS[name], {}, Limits(timeout_ms=int(SECONDS * 1000), memory_mb=128))
        taken = time.monotonic() - started
        assert taken <= SECONDS + 1
        assert result.error.kind in KINDS


@pytest.mark.proof
class TestAThousandBombs:
    def test_leave_the_worker_as_it_was(self) -> None:
        scripts = list(BOMBS.values())

        def explode(number: int) -> None:
            for turn in range(number, 1000, AT_A_TIME):
                run(scripts[turn % len(scripts)], {}, Limits(timeout_ms=30, memory_mb=16))

        def all_of_them() -> None:
            threads = [threading.Thread(target=explode, args=[number]) for number in range(AT_A_TIME)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        all_of_them()  # what is imported and cached on the way is not what this is about
        before = resident_bytes(os.getpid())
        all_of_them()
        grown = (resident_bytes(os.getpid()) - before) / MEGABYTE
        assert grown < 4
        template = templates._current.process.pid
        wait_for(lambda: not children_of(template))
        assert resident_bytes(template) < 64 * MEGABYTE
        run("return {}", {})
        assert "Z" not in [state_of(child) for child in children_of(os.getpid())]
