"""What a load balancer asks: is this process alive, and is everything it needs up."""

import datetime
from collections.abc import Callable
from typing import ClassVar

import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.models.functions import Now
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from config.database.checks import role_problem
from config.database.walls import open_tables
from config.metrics import metrics
from workflows.engine import clock
from workflows.engine.levels import levels
from workflows.models import WorkerHeartbeat

DEGRADED_SECONDS = 60
"""Work overdue by more than this is told; the answer stays 200, since other web servers would not be faster."""
FAILING_SECONDS = 3600
"""Overdue by more than this, nothing moves any more: 503."""
HEARTBEAT_AGE = datetime.timedelta(seconds=30)

logger = structlog.get_logger(__name__)
_are_migrations_applied = False
_is_wall_standing = False


@never_cache
@require_safe
def livez(request: HttpRequest) -> JsonResponse:
    """Answer 200 whenever this process can answer at all."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when every check passes, else 503; each check's result is "ok" or what is wrong.

    `ages` are in seconds: since a worker's last report, and of the oldest work that waits. Work overdue for longer than
    DEGRADED_SECONDS makes the status "degraded", still with 200; for longer than FAILING_SECONDS it fails a check.
    """
    checks = {"database": _result(database_problem)}
    is_up = checks["database"] == "ok"
    others = (("migrations", migrations_problem), ("row_security", row_security_problem), ("worker", worker_problem))
    for name, problem in others:
        checks[name] = _result(problem) if is_up else "database is down"
    ages = _ages() if is_up and checks["migrations"] == "ok" else {}
    overdue = max((value for name, value in ages.items() if value is not None and name != "worker"), default=0.0)
    if overdue > FAILING_SECONDS:
        checks["work"] = f"the oldest waits for {overdue:.0f} s"
    is_ready = all(result == "ok" for result in checks.values())
    status = ("degraded" if overdue > DEGRADED_SECONDS else "ok") if is_ready else "unavailable"
    return JsonResponse({"status": status, "checks": checks, "ages": ages}, status=200 if is_ready else 503)


def _ages() -> dict[str, float | None]:
    """Return the ages in seconds, 0 where nothing waits; nothing when the database does not answer."""
    try:
        found = levels(now=clock.now())
    except DatabaseError as error:
        logger.warning("readiness check failed", check="ages", error=type(error).__name__)
        return {}
    return {
        "worker": None if found.worker_age_seconds is None else round(found.worker_age_seconds, 1),
        "execution": round(found.oldest_due_seconds, 1),
        "dispatch": round(max(found.lane_oldest_seconds.values(), default=0.0), 1),
        "event": round(found.oldest_event_seconds, 1),
    }


class HealthMiddleware:
    """Answers `/livez`, `/readyz` and `/metrics` before anything else looks at the request.

    A load balancer asks by IP address and without HTTPS, which the host check and the redirect would refuse;
    and a question every second is not worth a line in the log.
    """

    VIEWS: ClassVar = {"/livez": livez, "/readyz": readyz, "/metrics": metrics}

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.VIEWS.get(request.path_info, self.get_response)(request)


def _result(problem: Callable[[], str | None]) -> str:
    """Run one check; a database error is a result, and its text stays in the log."""
    try:
        return problem() or "ok"
    except DatabaseError as error:
        logger.warning("readiness check failed", check=problem.__name__, error=str(error))
        return "database error"


def database_problem() -> str | None:
    """Return None when the database answers a query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return None


def migrations_problem() -> str | None:
    """Return None when every migration is applied; looked up until that is so, then remembered by this process."""
    global _are_migrations_applied  # noqa: PLW0603 - applied migrations stay applied
    if not _are_migrations_applied:
        executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
        if plan := executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return f"{len(plan)} not applied"
        _are_migrations_applied = True
    return None


def row_security_problem() -> str | None:
    """Return None when row level security holds; looked up until that is so, then remembered by this process."""
    global _is_wall_standing  # noqa: PLW0603 - what stands is not taken down while we run
    if not _is_wall_standing:
        if tables := open_tables():
            return f"{len(tables)} tables without a policy"
        if settings.ROW_SECURITY_REQUIRED and role_problem(connection):
            return "does not bind the database role; see `manage.py check --database default`"
        _is_wall_standing = True
    return None


def worker_problem() -> str | None:
    """Return None when a worker reported within the last 30 s."""
    if WorkerHeartbeat.objects.filter(seen_at__gte=Now() - HEARTBEAT_AGE).exists():
        return None
    return f"none seen for {HEARTBEAT_AGE.seconds} s"
