"""What the engine is compared with: the same ten steps in the two ways that suggest themselves.

Run as a program it is one process of a baseline: `orm` takes its share of the executions, one ORM transaction a step;
`jobs` is a procrastinate worker whose jobs are one such step each.
"""

import subprocess
import sys
import time
from collections.abc import Sequence

import django
from procrastinate.types import JSONDict

from benchmarks.server import ROOT

PROCESSES = 2


def measure(kind: str, execution_ids: Sequence[str], *, steps: int) -> float:
    """Run a baseline in two processes over the executions and return its steps per second."""
    command = [sys.executable, "-m", "benchmarks.baselines", kind]
    processes = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    if kind == "jobs":
        from benchmarks.jobs import step  # noqa: PLC0415 - Django is set up by now

        arguments: list[JSONDict] = [{"execution_id": execution_id} for execution_id in execution_ids]
        step.batch_defer(*arguments)
    started = time.monotonic()
    for number, process in enumerate(processes):
        hand_over(process, execution_ids[number::PROCESSES])
    if any(process.wait() for process in processes):
        raise RuntimeError(f"the baseline {kind} failed")
    return steps / (time.monotonic() - started)


def hand_over(process: subprocess.Popen[str], execution_ids: Sequence[str]) -> None:
    assert process.stdin is not None
    process.stdin.write(" ".join(execution_ids) + "\n")
    process.stdin.close()


def main(kind: str) -> None:
    django.setup()
    from benchmarks import jobs, orm  # noqa: PLC0415 - they need the models

    print("ready", flush=True)
    execution_ids = sys.stdin.readline().split()
    if kind == "jobs":
        jobs.work_off()
        return
    for execution_id in execution_ids:
        while orm.take_step(execution_id):
            continue


if __name__ == "__main__":
    main(sys.argv[1])
