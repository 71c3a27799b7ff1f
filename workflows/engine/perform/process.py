"""The lanes of a worker process: a thread each, started by the first tick and ended with the process."""

import contextvars
import threading
import time

import structlog
from django.db import connection

from accounts.tenancy import system_scope
from workflows.engine.failures import is_nobodys_fault
from workflows.engine.perform.capacity import caps_of
from workflows.engine.perform.lanes import LaneRunner
from workflows.engine.perform.threads import Threads
from workflows.engine.stopping import is_stopping

logger = structlog.get_logger(__name__)

ROUND_SECONDS = 0.015
"""A round waits so long for company: one statement for several calls is cheaper."""
IDLE_SECONDS = 1.0
AFTER_FAILURE_SECONDS = 0.5

_lanes: dict[str, "LaneThread"] = {}
_lock = threading.Lock()


def lane_of(lane: str) -> "LaneThread":
    """Return this process's thread for the lane; starts it when there is none."""
    with _lock:
        if lane not in _lanes or not _lanes[lane].is_alive():
            _lanes[lane] = LaneThread(lane)
            _lanes[lane].start()
        return _lanes[lane]


def end_lanes(*, seconds: float) -> None:
    """Let calls in flight end for so long, then leave them; the process is about to end."""
    deadline = time.monotonic() + seconds
    with _lock:
        lanes = list(_lanes.values())
        _lanes.clear()
    for lane in lanes:
        lane.end(deadline)
    for lane in lanes:
        lane.join(max(0.0, deadline - time.monotonic()) + 2)


class LaneThread(threading.Thread):
    """Works off a lane for as long as there is something to do in it, and rests otherwise."""

    def __init__(self, lane: str) -> None:
        super().__init__(name=f"lane-{lane}", daemon=True)
        self._bell = threading.Event()
        self._looked = threading.Event()
        self._ends_at: float | None = None
        self._context = contextvars.copy_context()
        self.runner = LaneRunner(lane, caller=Threads(lane), caps=caps_of(lane), ring=self._bell.set)

    def look(self, *, seconds: float) -> None:
        """Make the lane look for work; returns when it has all that is ready, or more than it can take, for so long.

        While it has more than it can take, the next tick thus goes to another process.
        """
        self._looked.clear()
        self.runner.may_be_more = True
        self._bell.set()
        give_up_at = time.monotonic() + seconds
        while not self._looked.wait(0.1):
            if is_stopping() or not self.is_alive() or time.monotonic() > give_up_at:
                return

    def end(self, deadline: float) -> None:
        """Ask the lane to end when its calls have, at the latest at the deadline (monotonic seconds)."""
        self._ends_at = deadline
        self._bell.set()

    def run(self) -> None:
        self._context.run(self._work)

    @system_scope("a lane makes the calls that are due, whoever they are for")
    def _work(self) -> None:
        try:
            while self._ends_at is None or (not self.runner.is_empty and time.monotonic() < self._ends_at):
                self._round()
            self.runner.give_up()
        except Exception:
            logger.exception("a lane ended early", lane=self.runner.lane)
        finally:
            connection.close()

    def _round(self) -> None:
        try:
            claims = self._ends_at is None and not is_stopping()
            if not claims:
                self.runner.drop(self.runner.prepared())
            self.runner.turn(claims=claims)
            if not self.runner.may_be_more:
                self._looked.set()
                self._bell.wait(self.runner.rest_seconds(IDLE_SECONDS))
        except Exception as error:
            if is_nobodys_fault(error):
                logger.warning("the database does not answer", lane=self.runner.lane, error=str(error))
                connection.close()
            else:
                logger.exception("a lane's round failed", lane=self.runner.lane)
            time.sleep(AFTER_FAILURE_SECONDS)
        self._bell.clear()
        time.sleep(ROUND_SECONDS)
