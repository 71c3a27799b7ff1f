"""Whether scripts can be run on this machine, and what is missing if not."""

import sys
import threading
import time
from importlib.util import find_spec

from workflows.sandbox.running import run
from workflows.sandbox.values import Limits, Unavailable

ASK_AGAIN_SECONDS = 30.0
LIBRARIES = {"_quickjs": "quickjs-ng", "pyseccomp": "pyseccomp"}

_lock = threading.Lock()
_asked_at = -ASK_AGAIN_SECONDS
_answer: str | None = None


def missing() -> list[str]:
    """Return what this machine plainly lacks, without starting anything."""
    lacks = []
    if sys.platform != "linux":
        lacks.append(f"Only Linux can lock a process in; this is {sys.platform}.")
    for module, name in LIBRARIES.items():
        if find_spec(module) is None:
            lacks.append(f"The library {name} is not installed; `pip install -r requirements.txt` brings it.")
    return lacks


def problem() -> str | None:
    """Return why scripts cannot be run here, None where they can; starts the sandbox, whose first act is a test.

    The answer holds for half a minute.
    """
    global _asked_at, _answer  # noqa: PLW0603 - one answer for the process
    with _lock:
        if time.monotonic() - _asked_at >= ASK_AGAIN_SECONDS:
            _answer = _tried()
            _asked_at = time.monotonic()
        return _answer


def _tried() -> str | None:
    lacks = missing()
    if lacks:
        return " ".join(lacks)
    try:
        result = run("return {}", {}, Limits(timeout_ms=5000, memory_mb=32))
    except Unavailable as unavailable:
        return str(unavailable)
    return str(result.error) if result.error else None
