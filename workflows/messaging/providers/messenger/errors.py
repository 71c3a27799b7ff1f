"""What the Graph API's refusals mean: https://developers.facebook.com/docs/messenger-platform/error-codes."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from workflows.messaging.outbound import Answer, NotSent
from workflows.messaging.retry_after import LONGEST, parse_retry_after

USAGE_HEADER = "x-business-use-case-usage"
OUTSIDE_WINDOW = frozenset({2018065, 2018278})
"""Subcodes of 10: the window is closed, and no tag opens it."""
UNREACHABLE = frozenset({1545041, 2018108})
"""Subcodes of 10 and 200: the person blocked the page, left, or takes no messages from it."""
UNAVAILABLE_PERSON = 551
CLASSES = {
    **dict.fromkeys((3, 10, 102, 190, 200, 230, 298, 2500), "authentication"),  # token or permission
    **dict.fromkeys((4, 9, 17, 32, 341, 613, 80001, 80002, 80004, 80006), "rate_limited"),
    **dict.fromkeys((1, 2, 1200), "unavailable"),  # passing, says Meta
    **dict.fromkeys((33, 100, 368, 803, 10303, UNAVAILABLE_PERSON), "rejected"),
}
TEXT_LENGTH = 300
SHORTEST_BLOCK_MINUTES = 1


class Refused(NotSent):
    """Meta answered and did not take the message."""

    def __init__(
        self,
        error_class: str,
        message: str,
        *,
        code: int = 0,
        subcode: int = 0,
        status: int = 0,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(error_class, message)
        self.code = code
        """Meta's number of the error; 0: it gave none."""
        self.subcode = subcode
        self.status = status
        self.retry_after = retry_after

    @property
    def is_outside_window(self) -> bool:
        """Whether the person wrote too long ago, by Meta's own clock and books."""
        return self.code == 10 and self.subcode in OUTSIDE_WINDOW  # noqa: PLR2004 - of the table above

    @property
    def is_unreachable(self) -> bool:
        """Whether the person takes no messages from the page."""
        return self.code == UNAVAILABLE_PERSON or self.subcode in UNREACHABLE


def refusal(answer: Answer) -> Refused:
    """Return what an answer of 400 or above means, by Meta's code, else by the status."""
    error = error_in(answer.body)
    code, subcode = whole(error.get("code")), whole(error.get("error_subcode"))
    text = error.get("message") if isinstance(error.get("message"), str) else ""
    number = f", error {code}" + (f"/{subcode}" if subcode else "") if code else ""
    shown = f"Meta answered {answer.status_code}{number}" + (f": {text}" if text else ".")
    error_class = CLASSES.get(code) or class_of(answer.status_code)
    if error.get("is_transient") is True and error_class == "rejected":
        error_class = "unavailable"
    return Refused(
        error_class,
        shown[:TEXT_LENGTH],
        code=code,
        subcode=subcode,
        status=answer.status_code,
        retry_after=wait_of(answer.headers),
    )


def error_in(body: bytes) -> Mapping[str, Any]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    error = data.get("error") if isinstance(data, dict) else None
    return error if isinstance(error, dict) else {}


def whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def class_of(status: int) -> str:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return "authentication"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "rate_limited"
    return "unavailable" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "rejected"


def wait_of(headers: Mapping[str, str]) -> timedelta | None:
    """Return how long Meta asks to wait: `Retry-After`, or the longest of the usage header's estimates in minutes."""
    if wait := parse_retry_after(headers.get("retry-after"), now=datetime.now(tz=UTC)):
        return wait
    try:
        usage = json.loads(headers.get(USAGE_HEADER, ""))
    except (ValueError, RecursionError):
        return None
    uses = [use for each in usage.values() if isinstance(each, list) for use in each] if isinstance(usage, dict) else []
    minutes = [whole(use.get("estimated_time_to_regain_access")) for use in uses if isinstance(use, dict)]
    longest = max(minutes, default=0)
    return min(timedelta(minutes=min(longest, 1440)), LONGEST) if longest >= SHORTEST_BLOCK_MINUTES else None
