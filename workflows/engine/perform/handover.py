"""Between steps and lanes: whoever holds executions hands their effects over, takes them back, parks or drops them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID, uuid5

from django.db import connection

from workflows.crm import arrays
from workflows.engine.wake import Tick, wake
from workflows.messaging.services.messages import record_errors
from workflows.models import DispatchStatus

if TYPE_CHECKING:
    from workflows.engine.runs import Run

CANCELLED = "Cancelled before it was sent."
NOT_KNOWN = "Cancelled while nobody knew whether it had been sent."


class Handover(NamedTuple):
    """One visit of a step whose effect is outside."""

    execution_id: UUID
    account_id: UUID
    workflow_id: UUID
    action_id: UUID
    visit: int
    log_id: UUID
    lane: str

    @property
    def key(self) -> UUID:
        """The effect's idempotency key: the same on every attempt, after every crash."""
        return uuid5(self.execution_id, f"{self.visit}/{self.action_id}")


def hand_over(handovers: Sequence[Handover], now: datetime) -> None:
    """Write the dispatch rows and wake their lanes once this transaction has committed."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO workflow_dispatches (
                id, created_at, execution_id, account_id, workflow_id, action_id, visit, log_id, lane, host, status,
                due_at, lost_leases, attempts, failures, rate_limits, is_ambiguous
            )
            SELECT id, %s, execution_id, account_id, workflow_id, action_id, visit, log_id, lane, '', 'ready', %s, 0, 0,
                   0, 0, false
            FROM unnest(
                %s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[], %s::integer[], %s::uuid[], %s::text[]
            ) AS handover (id, execution_id, account_id, workflow_id, action_id, visit, log_id, lane)
            """,
            [
                now,
                now,
                arrays.ids([handover.key for handover in handovers]),
                arrays.ids([handover.execution_id for handover in handovers]),
                arrays.ids([handover.account_id for handover in handovers]),
                arrays.ids([handover.workflow_id for handover in handovers]),
                arrays.ids([handover.action_id for handover in handovers]),
                arrays.numbers([handover.visit for handover in handovers]),
                arrays.ids([handover.log_id for handover in handovers]),
                arrays.texts([handover.lane for handover in handovers]),
            ],
        )
    wake_lanes(handover.lane for handover in handovers)


def return_to_lanes(runs: Sequence["Run"], now: datetime) -> None:
    """Give due executions whose effect was held back or is to be tried again to their lanes, and mark their runs."""
    waiting = {run.id: run for run in runs if run.waiting_log_id}
    if not waiting:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH returned AS (
                UPDATE workflow_dispatches SET status = 'ready', due_at = %s
                WHERE execution_id = ANY(%s::uuid[]) AND status = 'scheduled'
                RETURNING execution_id, log_id, lane
            ), logged AS (
                UPDATE workflow_action_executions log SET status = 'pending', scheduled_at = NULL
                FROM returned WHERE log.id = returned.log_id
            )
            SELECT execution_id, lane FROM returned
            """,
            [now, arrays.ids(waiting)],
        )
        returned = cursor.fetchall()
    for execution_id, _ in returned:
        waiting[execution_id].is_in_lane = True
    wake_lanes(lane for _, lane in returned)


def park_dispatches(execution_ids: Iterable[UUID]) -> None:
    """Take the rows of locked executions out of what is to be claimed; calls in flight end."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE workflow_dispatches
            SET status = 'parked', lease_id = NULL, lease_until = NULL, request = NULL
            WHERE execution_id = ANY(%s::uuid[]) AND status IN ('ready', 'claimed')
            """,
            [arrays.ids(execution_ids)],
        )


def resume_dispatches(execution_ids: Iterable[UUID]) -> None:
    """Let the rows of locked executions be claimed again."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE workflow_dispatches SET status = 'ready'
            WHERE execution_id = ANY(%s::uuid[]) AND status = 'parked' RETURNING lane
            """,
            [arrays.ids(execution_ids)],
        )
        wake_lanes(row[0] for row in cursor.fetchall())


def drop_dispatches(execution_ids: Iterable[UUID], now: datetime) -> None:
    """Remove the rows of locked executions that end or go elsewhere, and give up the messages that they would send.

    The row of a call in flight stays: its outcome will be logged, and then it goes. Called before the log rows are
    changed, whose `running` ones are left to their calls.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM workflow_dispatches WHERE execution_id = ANY(%s::uuid[]) AND status <> 'sending'
            RETURNING account_id, id, status
            """,
            [arrays.ids(execution_ids)],
        )
        dropped = sorted(cursor.fetchall())
    for account_id, rows in groupby(dropped, key=lambda row: row[0]):
        errors = {key: NOT_KNOWN if status == DispatchStatus.UNKNOWN else CANCELLED for _, key, status in rows}
        record_errors(account_id=account_id, errors=errors, are_final=True, now=now)


def wake_lanes(lanes: Iterable[str]) -> None:
    for lane in sorted(set(lanes)):
        wake(Tick.PERFORM, lane=lane)
