"""The API's own exceptions. Apart from the handler, because DRF loads parsers and filters before its views."""

from collections.abc import Sequence
from http import HTTPStatus

from rest_framework import exceptions

from accounts.problems import Problem

RETRY_AFTER_SECONDS = 2


class Refused(exceptions.APIException):
    """A refusal with several problems, each with a code, a sentence and the path of its field."""

    def __init__(self, status_code: int, problems: Sequence[Problem], wait: int | None = None) -> None:
        super().__init__(problems[0].detail, problems[0].code)
        self.status_code = status_code
        self.problems = problems
        self.wait = wait


class InvalidJSON(exceptions.ParseError):
    """The body cannot be read (HTTP 400)."""

    default_code = "invalid_json"


class InvalidFilter(Refused):
    """A query parameter is unknown or has a value that cannot be used (HTTP 400)."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(HTTPStatus.BAD_REQUEST, problems)


class TooLarge(exceptions.APIException):
    """The body is larger than the route takes (HTTP 413)."""

    status_code = 413
    default_code = "too_large"


class LengthRequired(exceptions.APIException):
    """A body in chunks where its length must be known (HTTP 411)."""

    status_code = 411
    default_detail = "Send the body with a Content-Length header."
    default_code = "length_required"


class DatabaseUnavailable(exceptions.APIException):
    """The database is away or overloaded; the same request may succeed later (HTTP 503)."""

    status_code = 503
    default_detail = "The database cannot be reached right now. Nothing is lost; send the request again."
    default_code = "database_unavailable"
    wait = RETRY_AFTER_SECONDS
