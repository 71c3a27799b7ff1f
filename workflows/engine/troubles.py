"""What the engine notes of executions that fail or pause, in the transaction that ends them; `alerts` tells owners.

Only new rows are written, one a workflow, kind and batch: nobody waits for anybody, and a flood stays a trickle.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import connection
from uuid_utils.compat import uuid7

from workflows.crm import arrays
from workflows.engine.runs import Run
from workflows.models import ExecutionStatus, PauseReason, TroubleKind

OF_PAUSES = {
    PauseReason.OUTCOME_UNKNOWN: TroubleKind.UNKNOWN,
    PauseReason.AUTHENTICATION: TroubleKind.AUTHENTICATION,
}


def note_troubles(runs: Iterable[Run], now: datetime) -> None:
    """Note those of the runs that failed or paused for their owner to act."""
    troubled: dict[tuple[UUID, TroubleKind], list[Run]] = {}
    for run in runs:
        kind = kind_of(run)
        if kind is not None:
            troubled.setdefault((run.workflow_id, kind), []).append(run)
    if troubled:
        write(troubled, now)


def kind_of(run: Run) -> TroubleKind | None:
    if run.status == ExecutionStatus.FAILED:
        return TroubleKind.FAILED
    return OF_PAUSES.get(PauseReason(run.pause_reason)) if run.status == ExecutionStatus.PAUSED else None


def write(troubled: dict[tuple[UUID, TroubleKind], list[Run]], now: datetime) -> None:
    latest = [runs[-1] for runs in troubled.values()]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO workflow_troubles (
                id, created_at, account_id, workflow_id, kind, execution_id, message, count
            )
            SELECT id, %s, account_id, workflow_id, kind, execution_id, message, count
            FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::uuid[], %s::text[], %s::integer[])
                 AS trouble (id, account_id, workflow_id, kind, execution_id, message, count)
            """,
            [
                now,
                arrays.ids([uuid7() for _ in latest]),
                arrays.ids([run.account_id for run in latest]),
                arrays.ids([workflow_id for workflow_id, _ in troubled]),
                arrays.texts([kind.value for _, kind in troubled]),
                arrays.ids([run.id for run in latest]),
                arrays.texts([run.error_message for run in latest]),
                arrays.numbers([len(runs) for runs in troubled.values()]),
            ],
        )
