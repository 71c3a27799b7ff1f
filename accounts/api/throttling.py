"""Rate limits per account: exact, counted by one statement that commits apart from what the request does."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import F
from rest_framework.exceptions import Throttled
from uuid_utils.compat import uuid7

from accounts.models import Account, LimitKind, RateWindow

WINDOW_SECONDS = {LimitKind.REQUESTS: 10, LimitKind.WORKFLOW_CREATION: 3600}

COUNT = """
    INSERT INTO accounts_ratewindow AS present (id, created_at, account_id, kind, started_at, count)
    VALUES (%(id)s, now(), %(account_id)s, %(kind)s, now(), 1)
    ON CONFLICT (account_id, kind) DO UPDATE SET (started_at, count) = (
        SELECT CASE WHEN is_over THEN EXCLUDED.started_at ELSE present.started_at END,
               CASE WHEN is_over THEN 1 ELSE present.count + 1 END
        FROM (
            SELECT EXCLUDED.started_at - present.started_at >= make_interval(secs => %(seconds)s) AS is_over
        ) AS present_end
    )
    RETURNING count, started_at, extract(epoch FROM started_at - now())::float + %(seconds)s
"""
"""The row lock makes counters wait for each other, so no two see the same count; a window starts with its first."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a limit after a request was counted."""

    limit: int
    count: int
    started_at: datetime
    reset: int
    """Whole seconds until the window ends, at least 1."""

    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(max(self.limit - self.count, 0)),
            "RateLimit-Reset": str(self.reset),
        }

    def require(self) -> None:
        """Raise Throttled (HTTP 429 with `Retry-After`) when there were more than the limit allows."""
        if self.count > self.limit:
            raise Throttled(self.reset)


def count_request(account: Account) -> Allowance:
    """Count one request of the account."""
    return _count(account.id, LimitKind.REQUESTS, account.request_limit)


@contextmanager
def workflow_creation(account: Account) -> Iterator[None]:
    """Count the creation of a workflow, refused above the account's limit; one that fails is not counted."""
    allowance = _count(account.id, LimitKind.WORKFLOW_CREATION, account.workflow_creation_limit)
    allowance.require()
    try:
        yield
    except Exception:
        windows = RateWindow.objects.for_account(account.id).filter(kind=LimitKind.WORKFLOW_CREATION)
        windows.filter(started_at=allowance.started_at).update(count=F("count") - 1)
        raise


def _count(account_id: UUID, kind: LimitKind, limit: int) -> Allowance:
    with connection.cursor() as cursor:
        cursor.execute(
            COUNT,
            {"id": uuid7(), "account_id": account_id, "kind": kind.value, "seconds": WINDOW_SECONDS[kind]},
        )
        count, started_at, left = cursor.fetchone()
    return Allowance(limit, count, started_at, min(max(math.ceil(left), 1), WINDOW_SECONDS[kind]))
