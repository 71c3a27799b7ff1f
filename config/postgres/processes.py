"""What the kernel says about processes, so that a zombie or a reused pid is never taken for a live server."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

PROC = Path("/proc")


def is_running(pid: int) -> bool:
    """Say whether the process exists and is not a zombie; reaps it when it is our own dead child."""
    try:
        stat = (PROC / str(pid) / "stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    state = stat.rpartition(b")")[2].split()[0]
    if state in (b"Z", b"X", b"x"):
        reap(pid)
        return False
    return True


def reap(pid: int) -> None:
    """Collect our own child if it has ended; anybody else's is left alone."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def serves(pid: int, cluster: Path) -> bool:
    """Say whether the process is a live postgres that works in this cluster's folder."""
    if not is_running(pid):
        return False
    try:
        working_dir = (PROC / str(pid) / "cwd").readlink()
        command = (PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return False
    return command == "postgres" and working_dir == cluster


def serving(cluster: Path) -> Iterator[int]:
    """Yield every live postgres process of this cluster, the orphans of a killed server included."""
    for entry in PROC.iterdir():
        if entry.name.isdigit() and serves(int(entry.name), cluster):
            yield int(entry.name)


def wait_until(condition: Callable[[], bool], *, seconds: float, interval: float = 0.05) -> bool:
    """Poll until the condition holds; False when it still does not after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(interval)
    return True


def signal_quietly(pid: int, signal_number: int) -> None:
    """Send a signal; a process that has just ended is no error."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal_number)
