"""The script between two pieces of JSON: runs in the locked process, where nothing else can be reached."""

import json
import re
import resource
import time
from pathlib import Path
from typing import Any

import _quickjs

from workflows.sandbox.values import CODE_BYTES, LOG_CHARACTERS, LOG_LINE_CHARACTERS, LOG_LINES, VALUE_BYTES, ErrorKind

PRELUDE = "\n" * CODE_BYTES + Path(__file__).with_name("prelude.js").read_text()
"""Begins below any line that a script can have, so that places in stacks cannot be mistaken."""
FIRST_LINE = 4
"""Where a script's first line stands in the function that the engine makes of it."""
STACK_BYTES = 512 * 1024
MEGABYTE = 1024 * 1024
LAST_WORDS_SECONDS = 0.1
"""What is left to hand over the log when the time is used up."""
LAST_WORDS_BYTES = 8 * MEGABYTE
HALF_FULL = 0.5
PLACE = re.compile(r"<input>:(\d{1,6}):(\d{1,6})")
LINE_BREAK = re.compile(r"\r\n|[\n\r\u2028\u2029]")
UNBALANCED = "The code ends while something is still open, or closes more than it opened; look for a bracket or brace."
NO_WORDS = ("null", "[uninitialized]")
"""What is thrown where there was no memory for an exception."""

Answer = dict[str, Any]
"""`value` is JSON as the script made it; `error` has `kind`, `message`, `line` and `column`; `logs` is a list."""


def evaluate(request: dict[str, Any]) -> Answer:
    """Run a request's `code` with its `names` and the JSON of their values, `data`; `check` only parses it."""
    run = Run(request)
    error = run.run()
    return run.answer(error)


class Run:
    """One evaluation in an engine of its own."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request
        self.until = time.process_time() + request["timeout_ms"] / 1000
        self.peak_bytes = peak_bytes()
        self.lines = LINE_BREAK.split(request["code"])
        self.context = _quickjs.Context()
        self.context.set_max_stack_size(STACK_BYTES)
        self.context.set_memory_limit(request["memory_mb"] * MEGABYTE)
        self.host: Any = None

    def run(self) -> Answer | None:
        """Run until the script's promise is settled; return why the engine stopped it, if it did."""
        request = self.request
        try:
            self.give_time()
            surround = self.context.eval(PRELUDE)
            self.host = surround(LOG_LINES, LOG_CHARACTERS, LOG_LINE_CHARACTERS, VALUE_BYTES)
            self.host("begin", json.dumps(request["names"]), request["code"], request["data"], request["check"])
            while not self.host("settled"):
                self.give_time()
                if not self.context.execute_pending_job():
                    break
        except MemoryError:
            return error_of(ErrorKind.MEMORY, self.out_of_memory())
        except Exception as problem:  # noqa: BLE001 - whatever the engine says is the script's own
            return self.stopped(str(problem))
        return None

    def give_time(self) -> None:
        """Let the next call use what is left of the time."""
        self.context.set_time_limit(max(0.0, self.until - time.process_time()))

    def stopped(self, words: str) -> Answer:
        """Say why the engine threw at us what no script can catch, or what came from a job."""
        line, column = self.place(words)
        if words.startswith("InternalError: interrupted"):
            message = f"The code was still running after {self.request['timeout_ms']} ms."
            return error_of(ErrorKind.TIME, message, line, None)
        if words.startswith("InternalError: out of memory") or (words.strip() in NO_WORDS and self.is_full()):
            return error_of(ErrorKind.MEMORY, self.out_of_memory(), line, None)
        return error_of(ErrorKind.THROWN, words.split("\n", 1)[0], line, column)

    def is_full(self) -> bool:
        """Say whether so much memory was used that there may have been none for the exception itself."""
        return peak_bytes() - self.peak_bytes > HALF_FULL * self.request["memory_mb"] * MEGABYTE

    def out_of_memory(self) -> str:
        return f"The code needs more than {self.request['memory_mb']} MB of memory."

    def place(self, stack: str) -> tuple[int | None, int | None]:
        """Return line and column of the first place in the script that a stack names."""
        for found in PLACE.finditer(stack):
            line = int(found[1]) - FIRST_LINE + 1
            if 1 <= line <= len(self.lines):
                return line, int(found[2])
        return None, None

    def answer(self, error: Answer | None) -> Answer:
        try:
            self.context.set_time_limit(LAST_WORDS_SECONDS)
            self.context.set_memory_limit(self.request["memory_mb"] * MEGABYTE + LAST_WORDS_BYTES)
            told: dict[str, Any] = json.loads(self.host("finish"))
        except Exception:  # noqa: BLE001 - without last words there is no log
            told = {"state": "failed", "value": "", "failure": None, "logs": []}
            error = error or error_of(ErrorKind.THROWN, "The code left no answer.")
        if error is None and told["state"] == "pending":
            error = error_of(
                ErrorKind.THROWN,
                "The code waits for a promise that nothing resolves; there are no timers and no requests.",
            )
        if error is None and told["failure"] is not None:
            error = self.failed(told["failure"])
        return {"value": told["value"] if error is None else "", "error": error, "logs": told["logs"]}

    def failed(self, failure: dict[str, str]) -> Answer:
        """Return the error that the script's own exception means."""
        name, message = failure["name"], failure["message"]
        line, column = self.place(failure["stack"])
        if (name, message) == ("InternalError", "out of memory") or (message in NO_WORDS and self.is_full()):
            return error_of(ErrorKind.MEMORY, self.out_of_memory(), line, None)
        if failure["kind"] == ErrorKind.VALUE:
            return error_of(ErrorKind.VALUE, f"What the code returned cannot be kept as JSON: {message}.")
        if failure["kind"] == ErrorKind.SYNTAX:
            if line is None:  # it was found behind the end, where our own lines begin
                return error_of(ErrorKind.SYNTAX, UNBALANCED, len(self.lines), len(self.lines[-1]) + 1)
            return error_of(ErrorKind.SYNTAX, message, line, column)
        return error_of(ErrorKind.THROWN, f"{name}: {message}" if name else message, line, None)


def peak_bytes() -> int:
    """Return the most memory that this process has had at a time."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def error_of(kind: ErrorKind, message: str, line: int | None = None, column: int | None = None) -> Answer:
    return {"kind": kind, "message": message, "line": line, "column": column}
