"""What the worker believes of a cell that was taken over: little, and not more than it can hold."""

import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

import pytest

from workflows.sandbox import ErrorKind, run
from workflows.sandbox.inside.protocol import LOCKED, STATUS
from workflows.sandbox.running import ANSWER_BYTES, CHUNK
from workflows.sandbox.template import Cell
from workflows.sandbox.values import LOG_LINE_CHARACTERS, LOG_LINES, Result


class Taken:
    """The far end of a cell: whoever took it over says what it likes, and ends."""

    def __init__(self, say: Callable[[socket.socket], None]) -> None:
        self.say = say
        self.thread = threading.Thread(target=self._live)

    def fork(self) -> Cell:
        answer, self.answer = socket.socketpair()
        watch, self.watch = socket.socketpair()
        self.thread.start()
        return Cell(answer, watch)

    def _live(self) -> None:
        while self.answer.recv(CHUNK):
            pass
        with self.answer, self.watch, suppress(OSError):
            self.answer.sendall(LOCKED)
            self.say(self.answer)
            self.answer.shutdown(socket.SHUT_WR)
            self.watch.sendall(STATUS.pack(0, 0.01))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[socket.socket], None]], Result]:
    def tell(say: Callable[[socket.socket], None]) -> Result:
        taken = Taken(say)
        monkeypatch.setattr("workflows.sandbox.running.templates", taken)
        result = run("return {}", {})
        taken.thread.join(10)
        return result

    return tell


def test_an_answer_without_end_is_left(told: Callable[..., Result]) -> None:
    sent = 0

    def flood(answer: socket.socket) -> None:
        nonlocal sent
        while sent < 10 * ANSWER_BYTES:
            sent += answer.send(b"x" * CHUNK)

    result = told(flood)
    assert (result.value, result.error.kind) == ({}, ErrorKind.STOPPED)
    assert sent < 2 * ANSWER_BYTES


def test_a_log_is_cut_to_what_may_be_kept(told: Callable[..., Result]) -> None:
    answer = {"logs": ["x" * 5000] * 300, "error": None, "value": "{}"}
    result = told(lambda connection: connection.sendall(json.dumps(answer).encode()))
    assert [len(line) for line in result.logs] == [LOG_LINE_CHARACTERS] * (LOG_LINES + 1)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"logs": 1, "error": null, "value": "{}"}',
        b'{"logs": [1], "error": null, "value": "{}"}',
        b'{"logs": [], "error": {"kind": "none", "message": "", "line": 1, "column": 1}, "value": ""}',
        b'{"logs": [], "error": {"kind": "thrown", "message": 1, "line": 1, "column": 1}, "value": ""}',
        b'{"logs": [], "error": null, "value": "{\\"a\\": "}',
        b"[" * 100_000,
    ],
    ids=["nothing", "no text", "a list", "null", "no log", "no line", "no such kind", "no message", "torn", "deep"],
)
def test_nonsense_is_no_answer(told: Callable[..., Result], answer: bytes) -> None:
    result = told(lambda connection: connection.sendall(answer))
    assert (result.value, result.error.kind, list(result.logs)) == ({}, ErrorKind.STOPPED, [])
