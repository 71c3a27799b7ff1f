"""One shape for every error, whoever raised it: `{"type", "errors": [{"code", "detail", "attr"}]}`."""

import sys
from http import HTTPStatus
from typing import Any

import psycopg
import structlog
from django.core import exceptions as django_exceptions
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, UnreadablePostError
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler
from drf_standardized_errors.types import CLIENT_ERROR, VALIDATION_ERROR, Error, ErrorType, ExceptionHandlerContext
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.settings import api_settings

from accounts.api.refusals import DatabaseUnavailable, Refused, TooLarge
from accounts.problems import Conflict, Forbidden, Invalid, Missing, Problem, Stale

CONTENTION = frozenset({"40P01", "40001", "55P03"})
"""SQLSTATEs of deadlock, serialization failure and lock time-out: the same request may well succeed now."""

logger = structlog.get_logger(__name__)


def exception_handler(exception: Exception, context: ExceptionHandlerContext) -> Response | None:
    """Turn whatever a view raised into the one error shape."""
    return Handler(exception, context).run()


class Handler(ExceptionHandler):
    """Knows our own problems and what the database says."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        return translate(super().convert_known_exceptions(exc))

    def should_not_handle(self, exc: Exception) -> bool:
        return False  # one shape in debug mode too; the log has the traceback

    def report_exception(self, exc: exceptions.APIException, response: Response) -> None:
        """Report bugs; that the database was away is in the log already."""
        if not isinstance(exc, DatabaseUnavailable):
            super().report_exception(exc, response)

    def format_exception(self, exc: exceptions.APIException) -> dict[str, Any]:
        return Formatter(exc, self.context, self.exc).run()


class Formatter(ExceptionFormatter):
    """Spells out every problem of a `Refused`."""

    def get_error_type(self) -> ErrorType:
        if isinstance(self.exc, Refused):
            return VALIDATION_ERROR if self.exc.status_code == HTTPStatus.BAD_REQUEST else CLIENT_ERROR
        return super().get_error_type()

    def get_errors(self) -> list[Error]:
        if isinstance(self.exc, Refused):
            return [Error(problem.code, problem.detail, problem.attr) for problem in self.exc.problems]
        return super().get_errors()


def translate(exception: Exception) -> Exception:  # noqa: PLR0911 - a table
    """Return the API's exception for one of ours, of Django's or of the database; any other as it is."""
    match exception:
        case Invalid():
            return Refused(400, exception.problems)
        case Conflict():
            return Refused(409, [exception.problem])
        case Stale():
            return Refused(412, [Problem("stale_revision", str(exception))])
        case Forbidden():
            return exceptions.PermissionDenied(str(exception))
        case Missing() | django_exceptions.ObjectDoesNotExist():
            return exceptions.NotFound()
        case django_exceptions.ValidationError():
            return Refused(400, problems_of(exception))
        case django_exceptions.RequestDataTooBig():
            return TooLarge("The body is larger than this route takes.")
        case django_exceptions.SuspiciousOperation() | UnreadablePostError():
            return Refused(400, [Problem("invalid", "The request cannot be read.")])
        case OperationalError() | InterfaceError():
            logger.warning("database unavailable", sqlstate=sqlstate(exception), error=str(exception))
            return DatabaseUnavailable()
        case DataError():
            logger.warning("value refused by the database", sqlstate=sqlstate(exception), error=str(exception))
            return Refused(400, [Problem("invalid", "A value is out of range or cannot be stored.")])
        case IntegrityError() if isinstance(
            exception.__cause__, psycopg.errors.UniqueViolation | psycopg.errors.ForeignKeyViolation
        ):
            logger.warning("overtaken by another request", error=str(exception))
            detail = "Another request changed the same thing at the same time. Read it again, then repeat."
            return Refused(409, [Problem("conflict", detail)])
        case _:
            return exception


def problems_of(error: django_exceptions.ValidationError) -> list[Problem]:
    """Return a Django validation error as problems."""
    by_field: dict[str, list[Any]] = getattr(error, "error_dict", None) or {"__all__": error.error_list}
    return [
        Problem(
            item.code or "invalid",
            " ".join(item.messages),
            api_settings.NON_FIELD_ERRORS_KEY if field == "__all__" else field,
        )
        for field, items in by_field.items()
        for item in items
    ]


def sqlstate(exception: BaseException) -> str | None:
    """Return PostgreSQL's five-character code of a Django database error, if it came from there."""
    return getattr(exception.__cause__, "sqlstate", None)


def is_contention(exception: BaseException) -> bool:
    """Tell whether the database gave up because of a concurrent transaction."""
    return isinstance(exception, OperationalError) and sqlstate(exception) in CONTENTION


def error_body(error_type: str, code: str, detail: str) -> dict[str, Any]:
    """Return the shape for answers made outside of a view."""
    return {"type": error_type, "errors": [{"code": code, "detail": detail, "attr": None}]}


def is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer 400 where no view was reached (a bad host name, too many parameters)."""
    if is_api(request):
        return JsonResponse(error_body("client_error", "invalid", "The request cannot be read."), status=400)
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer 403 where no view was reached."""
    if is_api(request):
        error = exceptions.PermissionDenied()
        return JsonResponse(error_body("client_error", "permission_denied", str(error.detail)), status=403)
    return defaults.permission_denied(request, exception)


@csrf_exempt  # else every other method than GET would be told of a missing token instead
def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponseBase:
    """Answer 404 for an unknown path: the same body as for a missing object."""
    if is_api(request):
        return JsonResponse(error_body("client_error", "not_found", str(exceptions.NotFound().detail)), status=404)
    return defaults.page_not_found(request, exception or Exception())


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Answer 500, or 503 when the database was away before a view was reached."""
    if not is_api(request):
        return defaults.server_error(request)
    response: HttpResponse
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        away = DatabaseUnavailable()
        response = JsonResponse(error_body("server_error", away.default_code, str(away.detail)), status=503)
        response["Retry-After"] = str(away.wait)
        return response
    return JsonResponse(error_body("server_error", "error", "Something went wrong on our side."), status=500)
