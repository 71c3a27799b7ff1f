"""One run: a process that reads its request, locks itself in, evaluates, writes its answer and ends."""

import json
import os
import signal
from collections.abc import Callable
from typing import Any, NoReturn

import pyseccomp

from workflows.sandbox.inside.evaluating import Answer, evaluate
from workflows.sandbox.inside.locks import ANSWER, limit
from workflows.sandbox.inside.protocol import GRACE_SECONDS, LOCKED

CHUNK = 65536
PROBLEM_BYTES = 1000
HIGHEST_DESCRIPTOR = 65536

Evaluate = Callable[[dict[str, Any]], Answer]


def live(
    connection: int, *, seccomp: pyseccomp.SyscallFilter, base_bytes: int, evaluate: Evaluate = evaluate
) -> NoReturn:
    """Be the cell at the end of a connection. Never returns, whatever happens."""
    try:
        keep_only(connection)
        request = read_request()
        lock(request, seccomp=seccomp, base_bytes=base_bytes)
        write(LOCKED)
        write(json.dumps(evaluate(request)).encode())
    except BaseException as problem:  # noqa: BLE001 - nothing may return from here
        write(repr(problem).encode()[:PROBLEM_BYTES])
    finally:
        os._exit(0)


def keep_only(connection: int) -> None:
    """Become a process group with no signal handlers and a single descriptor, the connection."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    os.setpgid(0, 0)
    os.dup2(connection, ANSWER, inheritable=False)
    os.close(0)
    os.closerange(ANSWER + 1, HIGHEST_DESCRIPTOR)


def read_request() -> dict[str, Any]:
    """Read JSON up to the end of what the worker sends."""
    chunks = []
    while chunk := os.read(ANSWER, CHUNK):
        chunks.append(chunk)
    request: dict[str, Any] = json.loads(b"".join(chunks))
    return request


def lock(request: dict[str, Any], *, seccomp: pyseccomp.SyscallFilter, base_bytes: int) -> None:
    seconds = request["timeout_ms"] / 1000
    limit(seconds=seconds, memory_mb=request["memory_mb"], base_bytes=base_bytes)
    signal.setitimer(signal.ITIMER_REAL, seconds + GRACE_SECONDS)
    seccomp.load()


def write(answer: bytes) -> None:
    while answer:
        answer = answer[os.write(ANSWER, answer) :]
