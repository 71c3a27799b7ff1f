"""Removing the step logs of executions that ended longer ago than their account keeps them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Min

from accounts.models import Account
from workflows.crm import arrays

PAGE_SIZE = 5000
LOWEST_ID = UUID(int=0)


def prune_logs(*, now: datetime, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Remove, page by page, the logs of executions that ended before their account's retention; return how many.

    Live executions keep all their logs. Logs are read in the order of their time-ordered ids, up to the youngest that
    may go.
    """
    retention = Account.objects.aggregate(days=Min("log_retention_days"))["days"]
    if retention is None:
        return 0
    last, end = LOWEST_ID, first_id_of(now - timedelta(days=retention) + timedelta(hours=1))
    removed = 0
    while not is_stopping():
        with transaction.atomic():
            ids = page_of(last, end, now)
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM workflow_action_executions WHERE id = ANY(%s::uuid[])", [arrays.ids(ids)])
        removed += len(ids)
        if len(ids) < PAGE_SIZE:
            break
        last = ids[-1]
    return removed


def page_of(last: UUID, end: UUID, now: datetime) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT log.id
            FROM workflow_action_executions log
            JOIN workflow_executions execution ON execution.id = log.workflow_execution_id
            JOIN accounts_account account ON account.id = log.account_id
            WHERE log.id > %s AND log.id < %s
                  AND execution.completed_at < %s - make_interval(days => account.log_retention_days)
            ORDER BY log.id LIMIT %s
            """,
            [last, end, now, PAGE_SIZE],
        )
        return [row[0] for row in cursor.fetchall()]


def first_id_of(moment: datetime) -> UUID:
    """Return the smallest UUIDv7 of that millisecond."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def prune_jobs() -> None:
    """Remove ticks that failed more than a week ago."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM procrastinate_jobs
            WHERE status IN ('failed', 'aborted', 'cancelled')
                  AND id NOT IN (SELECT job_id FROM procrastinate_events WHERE at > now() - interval '7 days')
            """
        )
