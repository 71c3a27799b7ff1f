"""A worker's pulse: at least once a second it looks what is due and wakes the workers, whatever got lost before.

It also says that the worker lives, keeps the leases of long work and gives back those of failed work.
"""

import os
import socket
import threading
import time
from datetime import timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from uuid_utils.compat import uuid7

from accounts.tenancy import system_scope
from workflows.actions.outside import Lane
from workflows.crm.imports import unfinished_imports
from workflows.engine import clock
from workflows.engine.claim import DUE_ACCOUNTS
from workflows.engine.leases import extend_leases, give_back_failed
from workflows.engine.wake import Tick, wake

logger = structlog.get_logger(__name__)

FORGET_AFTER_HEARTBEATS = 24
FOUND = (
    Tick.ADVANCE,
    Tick.DISPATCH,
    Tick.RECOVER,
    Tick.TELL_OWNERS,
    Tick.CLOSE_CAMPAIGNS,
    Tick.EXPIRE_ACCESS,
)
"""What `due_ticks` looks for, in the order of its columns."""
PATIENCE_WITH_IMPORTS = timedelta(seconds=10)


class Pulse(threading.Thread):
    """One thread a worker process, with a connection of its own."""

    def __init__(self) -> None:
        super().__init__(name="pulse", daemon=True)
        self.worker_id: UUID = uuid7()
        self._ended = threading.Event()
        self._heartbeat_at = 0.0

    def run(self) -> None:
        while not self._ended.wait(settings.ENGINE["pulse_seconds"]):
            try:
                self.beat()
            except (DatabaseError, InterfaceError) as error:
                logger.warning("the database does not answer", error=str(error))
                connection.close()
        connection.close()

    def end(self) -> None:
        """Stop beating; returns when the thread has ended."""
        self._ended.set()
        self.join(timeout=settings.ENGINE["pulse_seconds"] + 5)

    @system_scope("the pulse looks what is due, whoever it is for")
    def beat(self) -> None:
        give_back_failed()
        extend_leases()
        if time.monotonic() - self._heartbeat_at > settings.ENGINE["heartbeat_seconds"]:
            record_heartbeat(self.worker_id)
            for import_id in unfinished_imports(before=clock.now() - PATIENCE_WITH_IMPORTS):
                wake(Tick.RUN_IMPORT, import_id=str(import_id))  # harmless while it runs: one process at a time
            self._heartbeat_at = time.monotonic()
        for tick in due_ticks():
            wake(tick)
        for lane in due_lanes():
            wake(Tick.PERFORM, lane=lane)


def due_ticks() -> list[Tick]:
    """Return what there is work for, by one look into the index of each."""
    now = clock.now()
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT EXISTS ({DUE_ACCOUNTS}),
                   EXISTS (SELECT FROM crm_event WHERE dispatched_at IS NULL),
                   EXISTS (
                       SELECT FROM workflow_executions WHERE lease_id IS NOT NULL AND lease_until < clock_timestamp()
                   ) OR EXISTS (
                       SELECT FROM workflow_dispatches WHERE lease_id IS NOT NULL AND lease_until < clock_timestamp()
                   ),
                   EXISTS (SELECT FROM workflow_troubles)
                   OR EXISTS (SELECT FROM workflow_failure_mails WHERE due_at <= %s),
                   EXISTS (SELECT FROM crm_campaign WHERE closes_at <= %s),
                   EXISTS (SELECT FROM crm_courseaccess WHERE status = 'active' AND expires_at <= %s)
            """,  # noqa: S608 - a constant
            [now, now, now, now],
        )
        return [tick for tick, is_due in zip(FOUND, cursor.fetchone(), strict=True) if is_due]


def due_lanes() -> list[str]:
    """Return the lanes in which something is ready, by one look into the index for each."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT lane FROM unnest(%s::text[]) AS lane
            WHERE EXISTS (SELECT FROM workflow_dispatches ready WHERE ready.lane = lane.lane AND status = 'ready')
            """,
            [list(Lane)],
        )
        return [row[0] for row in cursor.fetchall()]


def record_heartbeat(worker_id: UUID) -> None:
    """Say that this process lives, and forget those that have not said so for long."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO workflow_worker_heartbeats (id, hostname, pid, started_at, seen_at)
            VALUES (%s, %s, %s, clock_timestamp(), clock_timestamp())
            ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp()
            """,
            [worker_id, socket.gethostname(), os.getpid()],
        )
        cursor.execute(
            "DELETE FROM workflow_worker_heartbeats WHERE seen_at < clock_timestamp() - make_interval(secs => %s)",
            [settings.ENGINE["heartbeat_seconds"] * FORGET_AFTER_HEARTBEATS],
        )
