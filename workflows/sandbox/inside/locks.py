"""Giving up rights: what the template loses once, and what a cell loses besides before a script runs in it.

Whatever cannot be given up raises: nothing runs half locked.
"""

import os
import resource
import time
from pathlib import Path

import pyseccomp

NOBODY_ELSES_ID = 65525
"""User and group of the sandbox where it starts as root: of the range that no distribution gives to anybody."""
MEGABYTE = 1024 * 1024
SPARE_BYTES = 48 * MEGABYTE
"""Address space of a cell beside what its script may use: the request, the answer, the engine's own needs."""
SPARE_SECONDS = 2
NICENESS = 10
TURN_SECONDS = 20.0
MOST_EXPENDABLE = "1000"
AUTOGROUP = Path("/proc/self/autogroup")
PROT_EXEC = 4
MAP_ANONYMOUS = 32
ANSWER = 1
"""The one file descriptor of a locked cell."""

ALLOWED = (
    "brk",
    "clock_gettime",
    "exit",
    "exit_group",
    "futex",
    "getrusage",
    "gettimeofday",
    "madvise",
    "mremap",
    "munmap",
)
"""Memory, time and the end; `write`, `mmap` and `mprotect` are allowed besides, for some arguments."""


def give_up_root() -> None:
    """Become a user that owns nothing, if we are root; whatever may be needed later is imported by now."""
    if 0 in (os.getuid(), os.geteuid()):
        try:
            os.setgroups([])
            os.setresgid(NOBODY_ELSES_ID, NOBODY_ELSES_ID, NOBODY_ELSES_ID)
            os.setresuid(NOBODY_ELSES_ID, NOBODY_ELSES_ID, NOBODY_ELSES_ID)
        except OSError as problem:  # containers may be without CAP_SETUID or CAP_SETGID
            raise PermissionError(f"root could not be given up ({problem}); start as a plain user") from problem
    if 0 in os.getresuid() or 0 in os.getresgid():
        raise PermissionError("root could not be given up")


def step_back() -> None:
    """Let everything else on the machine come first: for the processor, and when memory runs out."""
    os.nice(NICENESS)
    if AUTOGROUP.exists():  # where sessions share the processor equally, niceness says something inside one only
        write_in_turn(AUTOGROUP, str(NICENESS))
    Path("/proc/self/oom_score_adj").write_text(MOST_EXPENDABLE)


def write_in_turn(path: Path, text: str) -> None:
    """Write to a file of the kernel that takes one change of plain users each tenth of a second, on all the machine."""
    until = time.monotonic() + TURN_SECONDS
    while True:
        try:
            path.write_text(text)
        except BlockingIOError:
            if time.monotonic() > until:
                raise
            time.sleep(0.03)
        else:
            return


def processor_seconds(pid: int) -> float:
    """Return how much of the processor a process has used, by a clock numbered as clock_getcpuclockid(3) does it."""
    return time.clock_gettime(~pid << 3 | 2)


def confine(pid: int) -> None:
    """Keep one of our processes to half of our processors (one of two or three), for when nobody else wants them.

    Even a process that gives way at once slows down what shares its processor: waking up takes longer there.
    """
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
    os.sched_setaffinity(pid, processors[-max(1, len(processors) // 2) :])


def address_space() -> int:
    """Return the bytes of address space that this process uses."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def system_call_filter() -> pyseccomp.SyscallFilter:
    """Return the filter of a cell: kills the process for any system call that is not named here."""
    cell = pyseccomp.SyscallFilter(defaction=pyseccomp.KILL_PROCESS)
    for name in ALLOWED:
        cell.add_rule(pyseccomp.ALLOW, name)
    cell.add_rule(pyseccomp.ALLOW, "write", pyseccomp.Arg(0, pyseccomp.EQ, ANSWER))
    cell.add_rule(pyseccomp.ALLOW, "mprotect", pyseccomp.Arg(2, pyseccomp.MASKED_EQ, PROT_EXEC, 0))
    cell.add_rule(
        pyseccomp.ALLOW,
        "mmap",
        pyseccomp.Arg(2, pyseccomp.MASKED_EQ, PROT_EXEC, 0),
        pyseccomp.Arg(3, pyseccomp.MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS),
    )
    return cell


def limit(*, seconds: float, memory_mb: int, base_bytes: int) -> None:
    """Bound what this process may use; no file may grow, none be opened, no process be made, no core be dumped."""
    space = base_bytes + memory_mb * MEGABYTE + SPARE_BYTES
    processor = int(seconds) + SPARE_SECONDS
    for kind, bound in (
        (resource.RLIMIT_AS, space),
        (resource.RLIMIT_CPU, processor),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        resource.setrlimit(kind, (bound, bound))
