"""The template: a process without rights and without data that forks a cell for each run and sees to its end.

It is given two connections with each request: one it hands to the cell, which reads the script from it itself; the
other says, once the cell is gone, how it ended. When the far end of that one closes, the cell is killed; when the
worker is gone, all are.
"""

import gc
import json
import os
import selectors
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import NoReturn

import pyseccomp

from workflows.sandbox.inside import cell
from workflows.sandbox.inside.locks import (
    address_space,
    confine,
    give_up_root,
    processor_seconds,
    step_back,
    system_call_filter,
)
from workflows.sandbox.inside.protocol import DRAIN, FORK, READY, STATUS

LONG_SECONDS = 0.1
"""Of the processor: a cell that used so much is confined, which takes turns with its like on a part of the machine."""
LOOK_EVERY = 0.05
TEST_SECONDS = 20
TEST = {"code": "return {sum: numbers[0] + 1}", "names": ["numbers"], "data": "[[41]]", "check": False}
TEST_ANSWER = b'"value": "{\\"sum\\":42}"'


class Broken(Exception):
    """The sandbox does not hold on this machine."""


def main(control_descriptor: int) -> NoReturn:
    """Lock up, test the lock, say so, and serve until the worker is gone."""
    control = socket.socket(fileno=control_descriptor)
    try:
        seccomp = set_up()
        test(seccomp)
    except Exception as problem:  # noqa: BLE001 - the worker is told whatever it was
        control.send(f"{type(problem).__name__}: {problem}".encode()[:2000])
        os._exit(1)
    with open(os.devnull, "wb") as nothing:  # noqa: PTH123 - a descriptor is wanted
        os.dup2(nothing.fileno(), sys.stderr.fileno())
    gc.disable()
    gc.freeze()
    control.send(READY)
    Template(control, seccomp).serve()
    os._exit(0)


def set_up() -> pyseccomp.SyscallFilter:
    os.environ["TZ"] = "UTC0"
    time.tzset()
    time.localtime()
    step_back()
    seccomp = system_call_filter()
    give_up_root()
    return seccomp


def test(seccomp: pyseccomp.SyscallFilter) -> None:
    """Fork a cell that evaluates a script and then opens a file, which must be the end of it."""
    near, far = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        near.close()
        cell.live(far.fileno(), seccomp=seccomp, base_bytes=address_space(), evaluate=evaluate_and_escape)
    far.close()
    near.settimeout(TEST_SECONDS)
    request = json.dumps(TEST | {"timeout_ms": 5000, "memory_mb": 32}).encode()
    near.sendall(request)
    near.shutdown(socket.SHUT_WR)
    answer = b""
    while chunk := near.recv(cell.CHUNK):
        answer += chunk
    _, status = os.waitpid(pid, 0)
    if TEST_ANSWER not in answer:
        raise Broken("the engine does not run in a locked process")
    if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGSYS:
        raise Broken("a locked process can open files: system calls are not filtered")


def evaluate_and_escape(request: dict[str, object]) -> cell.Answer:
    answer = cell.evaluate(request)
    cell.write(json.dumps(answer).encode())
    os.open("/", os.O_RDONLY)
    return answer


class Template:
    """Forks cells and sees to their ends."""

    def __init__(self, control: socket.socket, seccomp: pyseccomp.SyscallFilter) -> None:
        self.control = control
        self.seccomp = seccomp
        self.base_bytes = address_space()
        self.watches: dict[int, socket.socket] = {}
        self.free: set[int] = set()
        self.looked_at = 0.0
        self.is_draining = False
        self.selector = selectors.DefaultSelector()
        self.selector.register(control, selectors.EVENT_READ)
        self.bell, ringer = socket.socketpair()
        self.bell.setblocking(False)
        ringer.setblocking(False)
        self.selector.register(self.bell, selectors.EVENT_READ)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(ringer.fileno(), warn_on_full_buffer=False)
        self.ringer = ringer

    def serve(self) -> None:
        """Serve until the worker is gone, or asked to drain and the last cell has ended."""
        while not (self.is_draining and not self.watches):
            for key, _ in self.selector.select(self.confine_long_running()):
                if key.fileobj is self.control:
                    if not self.hear():
                        self.kill_all()
                        return
                elif key.fileobj is self.bell:
                    self.reap()
                else:
                    self.kill(key.data)

    def confine_long_running(self) -> float | None:
        """Confine the cells that have used much; return the seconds until the next look, None: there is no need."""
        now = time.monotonic()
        if now - self.looked_at >= LOOK_EVERY:
            self.looked_at = now
            self.free &= self.watches.keys()
            for pid in [pid for pid in self.free if processor_seconds(pid) >= LONG_SECONDS]:
                confine(pid)
                self.free.remove(pid)
        return self.looked_at + LOOK_EVERY - now if self.free else None

    def hear(self) -> bool:
        """Take a request; False when the worker is gone."""
        try:
            word, descriptors, _, _ = socket.recv_fds(self.control, 1, 2)
        except OSError:
            return False
        if word == FORK:
            self.fork(*descriptors)
        elif word == DRAIN:
            self.is_draining = True
            self.selector.unregister(self.control)
        return word in (FORK, DRAIN)

    def fork(self, connection: int, watch: int) -> None:
        pid = -1
        with suppress(OSError):  # no process could be made: the worker sees its connections close
            pid = os.fork()
        if pid == 0:
            cell.live(connection, seccomp=self.seccomp, base_bytes=self.base_bytes)
        os.close(connection)
        if pid == -1:
            os.close(watch)
            return
        self.free.add(pid)
        self.watches[pid] = socket.socket(fileno=watch)
        self.selector.register(self.watches[pid], selectors.EVENT_READ, pid)

    def reap(self) -> None:
        """Tell the worker of each cell that has ended."""
        with suppress(BlockingIOError):
            while self.bell.recv(cell.CHUNK):
                pass
        while self.watches:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                return
            watch = self.watches.pop(pid)
            with suppress(KeyError):
                self.selector.unregister(watch)
            with suppress(OSError):
                watch.send(STATUS.pack(status, usage.ru_utime + usage.ru_stime))
            watch.close()

    def kill(self, pid: int) -> None:
        """End a cell that nobody waits for any more."""
        if pid in self.watches:
            self.selector.unregister(self.watches[pid])
            os.kill(pid, signal.SIGKILL)

    def kill_all(self) -> None:
        for pid in self.watches:
            os.kill(pid, signal.SIGKILL)
        for pid in self.watches:
            os.waitpid(pid, 0)
