"""What a run is given and what comes of it."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

CODE_BYTES = 20 * 1024
"""UTF-8 bytes of a script."""
VALUE_BYTES = 64 * 1024
"""UTF-8 bytes of the returned object as JSON."""
VALUE_DEPTH = 32
"""How deep objects and lists of the returned object may be nested."""
INPUT_BYTES = 1024 * 1024
"""UTF-8 bytes of everything that the script is given, as JSON."""
LOG_LINES = 100
LOG_CHARACTERS = 16 * 1024
"""Characters of all log lines together."""
LOG_LINE_CHARACTERS = 1000


class ErrorKind(enum.StrEnum):
    """Why a run ended without a value."""

    SYNTAX = "syntax"
    """The script cannot be parsed."""
    THROWN = "thrown"
    """It threw something, or waits for what never comes."""
    VALUE = "value"
    """What it returned is no object, no JSON or too large."""
    TIME = "time"
    """It used its time up."""
    MEMORY = "memory"
    """It used its memory up."""
    STOPPED = "stopped"
    """The process did something that it may not, and was killed."""
    STARVED = "starved"
    """The machine gave it too little time: it may well succeed another time."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may use. Time is what the processor works for it; a little later by the clock it is killed anyway."""

    timeout_ms: int = 5000
    memory_mb: int = 128


@dataclass(frozen=True, slots=True)
class ScriptError:
    """Why a run ended without a value, and where in the script; lines and columns count from 1."""

    kind: ErrorKind
    message: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        if self.line is None:
            return self.message
        place = f"Line {self.line}" if self.column is None else f"Line {self.line}, column {self.column}"
        return f"{place}: {self.message}"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a run: a value or an error, and in either case the log as far as it is known."""

    value: dict[str, Any] = field(default_factory=dict)
    error: ScriptError | None = None
    logs: Sequence[str] = ()
    ms: int = 0
    """Milliseconds that it took, from the script's first instruction to the end of its process."""

    @property
    def ok(self) -> bool:
        return self.error is None


class Unavailable(Exception):
    """No script can be run here now: the sandbox does not hold on this machine, or no process could be started."""
