"""How much there is: what `/metrics` and `/readyz` ask the database, and the counts that a tick makes once a minute.

What a scrape asks looks into indexes and counts no further than BOUND, so that it costs the same with a million
sleeping executions. Counting all executions does not, hence the tick; a scrape shows its last result and the age.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.core.cache import cache
from django.db import OperationalError, connection, transaction

from accounts.tenancy import system_scope
from workflows.actions.outside import Lane
from workflows.engine.claim import OLDEST_BY_ACCOUNT

logger = structlog.get_logger(__name__)

BOUND = 10_000
"""Counts of waiting work end here."""
CACHE_KEY = "engine-levels"
KEPT_SECONDS = 24 * 60 * 60
COUNT_SECONDS = 30
"""The longest a count may take; then the last one stays."""
REST_FACTOR = 50
"""A count rests so many times as long as it took."""

OLDEST_DUE = f"{OLDEST_BY_ACCOUNT} SELECT min(due_at) FROM account WHERE due_at <= %(now)s"  # noqa: S608 - of constants

OLDEST_READY = """
WITH RECURSIVE circuit (lane, account_id, host, due_at) AS (
    (
        SELECT lane, account_id, host, due_at FROM workflow_dispatches
        WHERE status = 'ready' ORDER BY lane, account_id, host, due_at LIMIT 1
    )
    UNION ALL
    SELECT following.* FROM circuit CROSS JOIN LATERAL (
        SELECT dispatch.lane, dispatch.account_id, dispatch.host, dispatch.due_at FROM workflow_dispatches dispatch
        WHERE dispatch.status = 'ready'
              AND (dispatch.lane, dispatch.account_id, dispatch.host)
                  > (circuit.lane, circuit.account_id, circuit.host)
        ORDER BY dispatch.lane, dispatch.account_id, dispatch.host, dispatch.due_at LIMIT 1
    ) following
)
SELECT lane, min(due_at) FROM circuit WHERE due_at <= %(now)s GROUP BY lane
"""

DEPTHS = """
SELECT lane, (
    SELECT count(*) FROM (
        SELECT FROM workflow_dispatches ready WHERE ready.lane = lane.lane AND ready.status = 'ready' LIMIT %(bound)s
    ) waiting
)
FROM unnest(%(lanes)s::text[]) AS lane
"""

OTHERS = """
SELECT
    (SELECT count(*) FROM (SELECT FROM crm_event WHERE dispatched_at IS NULL LIMIT %(bound)s) waiting),
    (SELECT created_at FROM crm_event WHERE dispatched_at IS NULL ORDER BY sequence LIMIT 1),
    (SELECT count(*) FROM workflow_worker_heartbeats WHERE seen_at > clock_timestamp() - interval '30 seconds'),
    (SELECT extract(epoch FROM clock_timestamp() - max(seen_at)) FROM workflow_worker_heartbeats),
    (
        SELECT count(*) FROM (
            SELECT FROM workflow_executions WHERE lease_id IS NOT NULL AND lease_until < clock_timestamp()
            LIMIT %(bound)s
        ) expired
    ) + (
        SELECT count(*) FROM (
            SELECT FROM workflow_dispatches WHERE lease_id IS NOT NULL AND lease_until < clock_timestamp()
            LIMIT %(bound)s
        ) expired
    )
"""


@dataclass(frozen=True, slots=True)
class Levels:
    """What waits now. Ages are in seconds, 0 where nothing waits; counts end at BOUND."""

    oldest_due_seconds: float
    lane_depths: Mapping[str, int]
    lane_oldest_seconds: Mapping[str, float]
    events_waiting: int
    oldest_event_seconds: float
    workers: int
    """Processes that reported within 30 s."""
    worker_age_seconds: float | None
    """Since the last report of any; None: there was none."""
    expired_leases: int


@dataclass(frozen=True, slots=True)
class Counted:
    """The last full count, made by a tick."""

    at: datetime
    seconds: float
    executions: Mapping[str, int]
    dispatches: Mapping[tuple[str, str], int]


@system_scope("what waits is counted over all accounts, and told by no account")
def levels(*, now: datetime) -> Levels:
    """Ask what waits now; four statements, all of them bounded."""
    lanes = [str(lane) for lane in Lane]
    with connection.cursor() as cursor:
        cursor.execute(OLDEST_DUE, {"now": now})
        oldest_due = cursor.fetchone()[0]
        cursor.execute(OLDEST_READY, {"now": now})
        oldest_ready: dict[str, datetime] = dict(cursor.fetchall())
        cursor.execute(DEPTHS, {"lanes": lanes, "bound": BOUND})
        depths: dict[str, int] = dict(cursor.fetchall())
        cursor.execute(OTHERS, {"bound": BOUND})
        events, oldest_event, workers, worker_age, expired = cursor.fetchone()
    return Levels(
        oldest_due_seconds=age(oldest_due, now),
        lane_depths=depths,
        lane_oldest_seconds={lane: age(oldest_ready.get(lane), now) for lane in lanes},
        events_waiting=events,
        oldest_event_seconds=age(oldest_event, now),
        workers=workers,
        worker_age_seconds=None if worker_age is None else max(0.0, float(worker_age)),
        expired_leases=expired,
    )


def age(moment: datetime | None, now: datetime) -> float:
    return 0.0 if moment is None else max(0.0, (now - moment).total_seconds())


def count_levels(*, now: datetime) -> Counted | None:
    """Count executions by status and dispatches by lane and status, and keep the result for those who ask.

    Reads both tables whole. A count that took long rests as much longer before the next; None: it rests.
    """
    last = counted()
    if last is not None and now < last.at + timedelta(seconds=last.seconds * REST_FACTOR):
        return None
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{COUNT_SECONDS}s"])
            cursor.execute("SELECT status, count(*) FROM workflow_executions GROUP BY status")
            executions: dict[str, int] = dict(cursor.fetchall())
            cursor.execute("SELECT lane, status, count(*) FROM workflow_dispatches GROUP BY lane, status")
            dispatches = {(lane, status): number for lane, status, number in cursor.fetchall()}
            cursor.execute("SELECT extract(epoch FROM clock_timestamp() - transaction_timestamp())")
            seconds = float(cursor.fetchone()[0])
    except OperationalError as error:
        logger.warning("executions were not counted", error=type(error).__name__)
        return None
    found = Counted(at=now, seconds=seconds, executions=executions, dispatches=dispatches)
    cache.set(CACHE_KEY, found, KEPT_SECONDS)
    return found


def counted() -> Counted | None:
    """Return the last count, if there is one of the last day."""
    found: Any = cache.get(CACHE_KEY)
    return found if isinstance(found, Counted) else None
