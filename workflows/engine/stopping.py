"""Whether this worker process was asked to end: long work looks here between one transaction and the next."""

import threading
import time

_asked = threading.Event()
_asked_at = 0.0

is_stopping = _asked.is_set


def stop() -> None:
    """Ask this process to end."""
    global _asked_at  # noqa: PLW0603 - a process ends once
    if not _asked.is_set():
        _asked_at = time.monotonic()
        _asked.set()


def seconds_left(grace: float) -> float:
    """Return what is left of the seconds that the process has to end; all of them while it was not asked."""
    return max(0.0, grace - (time.monotonic() - _asked_at)) if _asked.is_set() else grace
