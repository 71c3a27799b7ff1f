"""What the refusals of mail services mean for us."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from workflows.messaging.mailboxes import one_line
from workflows.messaging.outbound import NotSent
from workflows.messaging.retry_after import parse_retry_after

TEXT_LENGTH = 300


class Refused(NotSent):
    """The service answered and did not take the mail."""

    def __init__(
        self, error_class: str, message: str, *, code: str = "", status: int = 0, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(error_class, message)
        self.code = code
        """The service's own name or number of the error; empty: it gave none."""
        self.status = status
        self.retry_after = retry_after


def refusal(
    label: str, status: int, *, code: str = "", text: str = "", error_class: str = "", retry_after: str | None = None
) -> Refused:
    """Return what an answer of 400 or above means: the class given, else that of the status."""
    error = f", error {code}" if code else ""
    shown = f"{label} answered {status}{error}" + (f": {one_line(text)}" if text else ".")
    return Refused(
        error_class or class_of(status),
        shown[:TEXT_LENGTH],
        code=code,
        status=status,
        retry_after=parse_retry_after(retry_after, now=datetime.now(tz=UTC)),
    )


def class_of(status: int) -> str:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return "authentication"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "rate_limited"
    return "unavailable" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "rejected"
