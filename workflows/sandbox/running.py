"""One run, seen from the worker: hands a script to a cell, waits as long as it may take, believes nothing it says."""

import json
import math
import os
import signal
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from workflows.sandbox.inside.protocol import GRACE_SECONDS, LOCKED
from workflows.sandbox.template import Cell, Ending, templates
from workflows.sandbox.values import (
    CODE_BYTES,
    INPUT_BYTES,
    LOG_LINE_CHARACTERS,
    LOG_LINES,
    VALUE_BYTES,
    VALUE_DEPTH,
    ErrorKind,
    Limits,
    Result,
    ScriptError,
    Unavailable,
)

START_SECONDS = 20.0
"""How long a cell may take to lock itself in."""
END_SECONDS = 0.25
"""How long a cell that has closed its connection, or is killed, may take to end."""
FAIR_SHARE, FAIR_SECONDS = 0.1, 0.1
"""Of the processor: a script that had such a part of its time, or so much, and still runs is itself at fault for it.

Little, since scripts take some thousandths of a second: what did not end then will hardly end another time.
"""
ANSWER_BYTES = 2 * 1024 * 1024
TOO_MUCH = b"..."
"""In place of an answer that is longer."""
CHUNK = 65536
MESSAGE_CHARACTERS = 2000
LOST = "The process of the code was ended from outside, as happens when the machine runs out of memory."
LARGEST_LINE = 10**6
EXACT = 2**53
"""Whole numbers up to here are what JavaScript means by them."""
CHECK = Limits(timeout_ms=2000, memory_mb=64)


def run(code: str, inputs: Mapping[str, Any], limits: Limits = Limits()) -> Result:  # noqa: B008 - frozen
    """Run a script and return what it returned, or why it did not.

    `code` is the body of an async function in strict mode, at most 20 KB, that returns an object. `inputs` are the
    values it sees, by name: JSON, at most 1 MB together, frozen. It is alone in a process that can reach nothing, with
    an engine that was never used before. Ends at most half a second after its time is over. Raises Unavailable when no
    script can be run here or the machine ended its process, ValueError when code or inputs are too large.
    """
    data = json.dumps(list(inputs.values()), ensure_ascii=False).encode("utf-8", "replace")
    if len(code.encode("utf-8", "replace")) > CODE_BYTES:
        raise ValueError(f"a script has at most {CODE_BYTES} bytes")
    if len(data) > INPUT_BYTES:
        raise ValueError(f"what a script is given has at most {INPUT_BYTES} bytes as JSON")
    return _evaluate(code, names=tuple(inputs), data=data.decode(), limits=limits, check=False)


@lru_cache(maxsize=512)
def syntax_error(code: str, names: tuple[str, ...]) -> ScriptError | None:
    """Say what keeps a script that will see `names` from being parsed, with line and column; it is not run.

    Parsed in a cell as well. Raises Unavailable.
    """
    return _evaluate(code, names=names, data="[]", limits=CHECK, check=True).error


def _evaluate(code: str, *, names: tuple[str, ...], data: str, limits: Limits, check: bool) -> Result:
    request = json.dumps(
        {
            "code": code.encode("utf-8", "replace").decode(),
            "names": names,
            "data": data,
            "timeout_ms": limits.timeout_ms,
            "memory_mb": limits.memory_mb,
            "check": check,
        }
    )
    with templates.fork() as cell:
        _start(cell, request.encode())
        started = time.monotonic()
        answer = _read(cell, started + limits.timeout_ms / 1000 + GRACE_SECONDS)
        if answer is None:
            cell.kill()
        ending = cell.end(END_SECONDS)
        ms = int((time.monotonic() - started) * 1000)
    result = _overdue(ending, limits) if answer is None else _judged(answer, ending, limits)
    return Result(result.value, result.error, result.logs, ms)


def _start(cell: Cell, request: bytes) -> None:
    """Hand the request over and wait until the cell is locked in."""
    cell.answer.settimeout(START_SECONDS)
    try:
        cell.answer.sendall(request)
        cell.answer.shutdown(1)
        word = cell.answer.recv(1)
    except OSError as problem:
        raise Unavailable(f"A script could not be started: {problem}.") from problem
    if word != LOCKED:
        said = word + (cell.answer.recv(CHUNK) if word else b"")
        raise Unavailable(f"A script could not be started: {said.decode(errors='replace') or 'no process was made'}.")


def _read(cell: Cell, deadline: float) -> bytes | None:
    """Return what the cell wrote before it closed its connection, None when it did not do so in time.

    More than an answer may have is no answer.
    """
    answer = bytearray()
    while (left := deadline - time.monotonic()) > 0 and len(answer) <= ANSWER_BYTES:
        cell.answer.settimeout(left)
        try:
            chunk = cell.answer.recv(CHUNK)
        except TimeoutError:
            return None
        except OSError:
            chunk = b""
        if not chunk:
            return bytes(answer)
        answer += chunk
    return None if left <= 0 else TOO_MUCH


def _overdue(ending: Ending | None, limits: Limits) -> Result:
    """Return what the clock's end means: the script used its time up, or was given too little of it."""
    fair = min(limits.timeout_ms / 1000 * FAIR_SHARE, FAIR_SECONDS)
    if ending is not None and ending.processor_seconds >= fair:
        return Result(error=_too_long(limits))
    message = "The machine was too busy to run the code in time."
    return Result(error=ScriptError(ErrorKind.STARVED, message))


def _too_long(limits: Limits) -> ScriptError:
    return ScriptError(ErrorKind.TIME, f"The code was still running after {limits.timeout_ms} ms.")


def _judged(answer: bytes, ending: Ending | None, limits: Limits) -> Result:
    """Return what an answer means. A script may have taken its process over, so that nothing is taken as is.

    Raises Unavailable when the process was ended by somebody else: by the kernel, or with its template.
    """
    if ending is not None and os.WIFSIGNALED(ending.status):
        return _killed(os.WTERMSIG(ending.status), ending, limits)
    try:
        told = _parsed(answer)
        logs = [_text(line)[:LOG_LINE_CHARACTERS] for line in told["logs"][: LOG_LINES + 1]]
        error = told["error"]
        if error is not None:
            return Result(error=_error(error), logs=logs)
        return _valued(told["value"], logs)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        if ending is None and answer != TOO_MUCH:
            raise Unavailable(LOST) from None
        return Result(error=ScriptError(ErrorKind.STOPPED, "The code left no answer."))


def _killed(number: int, ending: Ending, limits: Limits) -> Result:
    if number in (signal.SIGALRM, signal.SIGXCPU):
        return _overdue(ending, limits)
    if number == signal.SIGKILL:  # its own memory is bounded otherwise, so this was not its fault
        raise Unavailable(LOST)
    name = signal.Signals(number).name
    return Result(error=ScriptError(ErrorKind.STOPPED, f"The code did what it may not, and was stopped ({name})."))


def _error(told: Mapping[str, Any]) -> ScriptError:
    line, column = (
        number if isinstance(number, int) and 0 < number < LARGEST_LINE else None
        for number in (told["line"], told["column"])
    )
    return ScriptError(ErrorKind(told["kind"]), _text(told["message"])[:MESSAGE_CHARACTERS], line, column)


def _valued(text: str, logs: list[str]) -> Result:
    if not text.startswith("{"):
        what = "nothing" if not text else "a list" if text.startswith("[") else _text(text[:40])
        message = f"The code must return an object, such as `return {{score: 10}}`; it returned {what}."
        return Result(error=ScriptError(ErrorKind.VALUE, message), logs=logs)
    if len(text.encode("utf-8", "replace")) > VALUE_BYTES:
        message = f"What the code returned has more than {VALUE_BYTES // 1024} KB as JSON."
        return Result(error=ScriptError(ErrorKind.VALUE, message), logs=logs)
    try:
        return Result(_clean(_parsed(text), VALUE_DEPTH), logs=logs)
    except (RecursionError, OverflowError):
        message = f"What the code returned is nested deeper than {VALUE_DEPTH} levels."
        return Result(error=ScriptError(ErrorKind.VALUE, message), logs=logs)


def _parsed(text: str | bytes) -> Any:
    """Parse JSON; whole numbers beyond what JavaScript means by them are floats, however many digits they have."""
    return json.loads(text, parse_int=_number)


def _number(digits: str) -> int | float:
    number = float(digits)
    return int(number) if abs(number) <= EXACT else number


def _clean(value: Any, depth: int) -> Any:
    """Return a JSON value with nothing in it that JSON elsewhere cannot hold. Raises OverflowError below `depth`."""
    if depth < 0:
        raise OverflowError
    match value:
        case dict():
            return {_text(name): _clean(item, depth - 1) for name, item in value.items()}
        case list():
            return [_clean(item, depth - 1) for item in value]
        case str():
            return _text(value)
        case bool() | int() | None:
            return value
        case float():
            return value if math.isfinite(value) else None
    raise TypeError


def _text(value: str) -> str:
    """Return a text without NUL and half characters."""
    if not isinstance(value, str):
        raise TypeError
    return value.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
