"""`/metrics`: what web and worker processes counted, and what the database says waits, in Prometheus' words."""

import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from functools import lru_cache

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.http.response import HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import REGISTRY, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from workflows.engine import clock, measuring
from workflows.engine.levels import counted, levels

logger = structlog.get_logger(__name__)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED = "unmatched"
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
REQUESTS = Counter(
    "followthrough_http_requests", "Requests answered, by the route's template.", ["method", "route", "status"]
)
REQUEST_SECONDS = Histogram(
    "followthrough_http_request_seconds", "Time to answer, by the route's template.", ["route"], buckets=BUCKETS
)
SHARED = measuring.__name__
"""Importing it comes first: it makes the folder that processes share counts in."""


class MetricsMiddleware:
    """Counts and times requests by the template of their route: never by a path, which holds ids."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started_at = time.perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        route = template_of(match.route) if match is not None else UNMATCHED
        method = request.method if request.method in METHODS else "other"
        REQUESTS.labels(method, route, str(response.status_code)).inc()
        REQUEST_SECONDS.labels(route).observe(time.perf_counter() - started_at)
        return response


@lru_cache(maxsize=1024)
def template_of(route: str) -> str:
    """Return `api/v1/workflows/{workflow_id}` of Django's notations for it."""
    plain = re.sub(r"\(\?P<(\w+)>(?:\[[^\]]*\]|[^()\[\]])*\)", r"{\1}", route)
    plain = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", plain)
    return "/" + re.sub(r"[\^$?\\]", "", plain).replace("Z", "")


class DatabaseCollector(Collector):
    """What waits, asked at each scrape; the database away is told by `followthrough_database_up`."""

    def collect(self) -> Iterator[Metric]:
        try:
            metrics = [*waiting(), *counts()]
        except (DatabaseError, InterfaceError) as error:
            logger.warning("the database cannot be asked for metrics", error=type(error).__name__)
            metrics = []
        yield gauge("database_up", "Whether the database answered this scrape.", float(bool(metrics)))
        yield from metrics


def gauge(name: str, help_text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"followthrough_{name}", help_text, value=value)


def labelled(name: str, help_text: str, labels: list[str]) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"followthrough_{name}", help_text, labels=labels)


def waiting() -> Iterator[Metric]:
    found = levels(now=clock.now())
    yield gauge("oldest_due_seconds", "How long the oldest due execution waits for a worker.", found.oldest_due_seconds)
    depth = labelled("lane_depth", "Calls ready in a lane; counted up to 10 000.", ["lane"])
    oldest = labelled("lane_oldest_seconds", "How long the oldest ready call of a lane waits.", ["lane"])
    for lane, number in found.lane_depths.items():
        depth.add_metric([lane], number)
        oldest.add_metric([lane], found.lane_oldest_seconds[lane])
    yield depth
    yield oldest
    yield gauge("events_waiting", "Events nobody was told of yet; counted up to 10 000.", found.events_waiting)
    yield gauge("oldest_event_seconds", "How long the oldest of these waits.", found.oldest_event_seconds)
    yield gauge("workers", "Worker processes that reported within 30 s.", found.workers)
    yield gauge("expired_leases", "Work of dead workers that nobody took over yet.", found.expired_leases)


def counts() -> Iterator[Metric]:
    last = counted()
    if last is None:
        return
    executions = labelled("executions", "Executions by status, counted about once a minute.", ["status"])
    for status, number in last.executions.items():
        executions.add_metric([status], number)
    dispatches = labelled("dispatches", "Calls on their way outside, counted about once a minute.", ["lane", "status"])
    for (lane, status), number in last.dispatches.items():
        dispatches.add_metric([lane, status], number)
    yield executions
    yield dispatches
    age_seconds = (clock.now() - last.at).total_seconds()
    yield gauge("count_age_seconds", "Age of the counts by status.", age_seconds)
    yield gauge("count_seconds", "How long counting by status took.", last.seconds)


def exposition() -> bytes:
    """Return everything as text: this machine's processes where they share their counts, else this process's."""
    registry = CollectorRegistry()
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(registry)
        registry.register(DatabaseCollector())
        return generate_latest(registry)
    registry.register(DatabaseCollector())
    return generate_latest(REGISTRY) + generate_latest(registry)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer who shows METRICS_TOKEN; without one set the address does not exist, except in development."""
    if settings.METRICS_TOKEN:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secrets.compare_digest(
            given.strip().encode(), settings.METRICS_TOKEN.encode()
        ):
            return HttpResponse("Send METRICS_TOKEN as a bearer token.\n", status=401, content_type="text/plain")
    elif not settings.METRICS_OPEN:
        return HttpResponseNotFound("Set METRICS_TOKEN to serve metrics here.\n", content_type="text/plain")
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)
