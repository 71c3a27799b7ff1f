"""Reads the `Retry-After` header in every form that servers send."""

import math
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

LONGEST = timedelta(hours=24)
_SECONDS = re.compile(r"\d{1,400}(\.\d{1,40})?", re.ASCII)
_LONGEST_DIGITS = 9


def parse_retry_after(value: str | None, *, now: datetime) -> timedelta | None:
    """Return how long the server asks to wait, at most 24 hours; None when it says nothing that can be understood.

    Seconds (fractions rounded up) or an HTTP date in any of its three forms; a date in the past means at once. `now` is
    aware. Negative numbers and junk mean nothing.
    """
    text = (value or "").strip()
    if _SECONDS.fullmatch(text):
        whole = text.partition(".")[0].lstrip("0")
        return LONGEST if len(whole) > _LONGEST_DIGITS else min(timedelta(seconds=math.ceil(float(text))), LONGEST)
    at = _parse_date(text)
    return None if at is None else min(max(at - now, timedelta()), LONGEST)


def _parse_date(text: str) -> datetime | None:
    if not text[:1].isalpha():
        return None
    try:
        at = parsedate_to_datetime(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
