"""One log line for each request, and the ids that all lines of it carry."""

import re
import time
from collections.abc import Callable
from http import HTTPStatus

import structlog
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from uuid_utils.compat import uuid7

from config.metrics import UNMATCHED, template_of

logger = structlog.get_logger(__name__)

SANE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{7,63}")
HEADER = "X-Request-ID"


class RequestLogMiddleware:
    """Gives each request an id – the caller's own, if sane – and answers with it; logs what became of the request.

    The line names the route's template, never the path or the query.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get(HEADER, "")
        request_id = given if SANE_ID.fullmatch(given) else str(uuid7())
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started_at = time.perf_counter()
        try:
            response = self.get_response(request)
            response.headers[HEADER] = request_id
            match = request.resolver_match
            log = logger.error if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR else logger.info
            log(
                "request",
                method=request.method,
                route=template_of(match.route) if match is not None else UNMATCHED,
                status=response.status_code,
                duration_ms=round((time.perf_counter() - started_at) * 1000, 1),
            )
            return response
        finally:
            structlog.contextvars.clear_contextvars()


class SessionLogMiddleware:
    """Adds the person's id to the lines of requests with a session."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.pk is not None:
            structlog.contextvars.bind_contextvars(user_id=str(request.user.pk))
        return self.get_response(request)
