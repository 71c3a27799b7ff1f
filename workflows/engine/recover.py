"""Work of workers that died: taken over by the living, in ever smaller groups, until the step at fault is alone.

A worker's death says nothing about which of its rows was the cause. The first time its rows are taken over in small
groups, the second time one by one; the third death over the same row quarantines it.
"""

from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from uuid_utils.compat import uuid7

from workflows.actions.outcomes import Failed
from workflows.engine import clock
from workflows.engine.advance import take_claim
from workflows.engine.claim import Claim
from workflows.engine.finishing import write_runs
from workflows.engine.ledger import Ledger
from workflows.engine.outcomes import Turn
from workflows.engine.runs import Run, load_survivors
from workflows.engine.wake import TASK_NAMESPACE, Tick
from workflows.models import CompletionReason, ExecutionStatus

GROUP_SIZE = 32
STALLED_SECONDS = 30  # six heartbeats of a procrastinate worker
QUARANTINED = "quarantined"


def recover(*, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Take over every expired lease, advance what it held, and return the number of executions taken over."""
    recovered = 0
    deaths_before = settings.ENGINE["maximum_worker_deaths"] - 1
    while not is_stopping():
        claim = take_over(lost=deaths_before, size=GROUP_SIZE, is_at_least=True)
        if len(claim):
            quarantine(claim)
        else:
            claim = next_group(deaths_before)
            if not len(claim):
                return recovered
            take_claim(claim)
        recovered += len(claim)
    return recovered


def next_group(deaths_before: int) -> Claim:
    """Take over a group of rows lost for the first time, else a single one that was lost more often."""
    claim = take_over(lost=0, size=GROUP_SIZE)
    for lost in range(1, deaths_before):
        if len(claim):
            break
        claim = take_over(lost=lost, size=1)
    return claim


def take_over(*, lost: int, size: int, is_at_least: bool = False) -> Claim:
    """Lease executions whose lease ran out with `lost` deaths before, counting this one."""
    lease_id = uuid7()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE workflow_executions execution
            SET lease_id = %s, lease_until = clock_timestamp() + make_interval(secs => %s),
                lost_leases = LEAST(execution.lost_leases + 1, 32767)
            FROM (
                SELECT id FROM workflow_executions
                WHERE lease_id IS NOT NULL AND lease_until < clock_timestamp()
                      AND lost_leases {">=" if is_at_least else "="} %s
                ORDER BY lease_until, id LIMIT %s
                FOR NO KEY UPDATE SKIP LOCKED
            ) expired
            WHERE execution.id = expired.id
            RETURNING execution.id, execution.workflow_id
            """,  # noqa: S608 - one of two constants
            [lease_id, settings.ENGINE["lease_seconds"], lost, size],
        )
        rows = cursor.fetchall()
    return Claim(lease_id, [row[0] for row in rows], frozenset(row[1] for row in rows), is_full=len(rows) == size)


def quarantine(claim: Claim) -> None:
    """Fail executions whose step outlived too many workers: first the log row, then the end, in one transaction."""
    with transaction.atomic():
        now = clock.now()
        runs = load_survivors(lease_id=claim.lease_id, execution_ids=claim.execution_ids)
        ledger = Ledger()
        for run in runs:
            give_up(run, ledger, now)
        ledger.write(now)
        write_runs(runs, now)


def give_up(run: Run, ledger: Ledger, now: datetime) -> None:
    message = f"The step stopped its worker {settings.ENGINE['maximum_worker_deaths']} times."
    step = run.step
    if step is not None:
        Turn(step, ledger, now).fail(run, uuid7(), Failed(QUARANTINED, message))
        run.step = step
    run.end(ExecutionStatus.FAILED, CompletionReason.QUARANTINED, now, message)


def revive_jobs() -> None:
    """Queue again what a dead worker had begun; ticks that the pulse queues by itself are removed instead."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH stuck AS MATERIALIZED (
                SELECT job.id, job.queueing_lock, job.args, job.task_name,
                       row_number() OVER (
                           PARTITION BY COALESCE(job.queueing_lock, job.id::text) ORDER BY job.id
                       ) AS number
                FROM procrastinate_jobs job LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id
                WHERE job.status = 'doing'
                      AND (worker.id IS NULL OR worker.last_heartbeat < now() - make_interval(secs => %s))
            ), needless AS (
                DELETE FROM procrastinate_jobs job USING stuck
                WHERE job.id = stuck.id AND (
                    stuck.args = '{}' OR stuck.task_name = %s OR stuck.number > 1 OR EXISTS (
                        SELECT FROM procrastinate_jobs other
                        WHERE other.queueing_lock = stuck.queueing_lock AND other.status = 'todo'
                    )
                )
                RETURNING job.id
            )
            SELECT procrastinate_retry_job_v2(stuck.id, now(), NULL, NULL, NULL)
            FROM stuck WHERE stuck.id NOT IN (SELECT id FROM needless)
            """,
            [STALLED_SECONDS, f"{TASK_NAMESPACE}.{Tick.PERFORM}"],
        )
