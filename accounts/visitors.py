"""A limit for addresses that need no login, by the client's IP address: exact, counted by one statement."""

import math
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from accounts.models import VisitWindow

WINDOW_SECONDS = 60

COUNT = """
    INSERT INTO accounts_visitwindow AS present (address, started_at, count) VALUES (%(address)s, now(), 1)
    ON CONFLICT (address) DO UPDATE SET (started_at, count) = (
        SELECT CASE WHEN is_over THEN now() ELSE present.started_at END,
               CASE WHEN is_over THEN 1 ELSE LEAST(present.count + 1, 2000000000) END
        FROM (SELECT now() - present.started_at >= make_interval(secs => %(seconds)s) AS is_over) AS present_end
    )
    RETURNING count, extract(epoch FROM started_at - now())::float + %(seconds)s
"""


def seconds_to_wait(address: str) -> int:
    """Count one request; return the whole seconds until the next may come, 0: this one may be answered."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, {"address": address, "seconds": WINDOW_SECONDS})
        count, left = cursor.fetchone()
    if count <= settings.PUBLIC_REQUESTS_PER_MINUTE:
        return 0
    return min(max(math.ceil(left), 1), WINDOW_SECONDS)


def forget_visitors(*, now: datetime) -> int:
    """Remove the windows of the day before and older; returns how many."""
    deleted, _ = VisitWindow.objects.filter(started_at__lt=now - timedelta(days=1)).delete()
    return deleted
