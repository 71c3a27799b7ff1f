"""Why a request is turned down: raised by services and authoring, translated by the API, the admin and commands."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: a stable code, a sentence that names the fix, and the dotted path of the field."""

    code: str
    detail: str
    attr: str | None = None


class Invalid(Exception):
    """What was sent cannot be accepted; nothing was changed (HTTP 400)."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(problem.detail for problem in problems))
        self.problems: Sequence[Problem] = problems


class Conflict(Exception):
    """The request is fine but not allowed in this state; nothing was changed (HTTP 409)."""

    def __init__(self, code: str, detail: str, attr: str | None = None) -> None:
        super().__init__(detail)
        self.problem = Problem(code, detail, attr)


class Stale(Exception):
    """The object is another by now than the caller has seen; nothing was changed (HTTP 412)."""

    def __init__(
        self, detail: str = "It was changed since you read it. Read it again, then repeat the change."
    ) -> None:
        super().__init__(detail)


class Missing(Exception):
    """The object does not exist in this account (HTTP 404)."""


class Forbidden(Exception):
    """The caller's role does not reach this far; nothing was changed (HTTP 403)."""
