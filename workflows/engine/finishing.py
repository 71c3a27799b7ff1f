"""Writing a batch back: one statement moves all its executions on and gives their leases back."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection

from workflows.crm import arrays
from workflows.engine.ledger import as_json
from workflows.engine.runs import Run
from workflows.engine.troubles import note_troubles


def write_runs(runs: Sequence[Run], now: datetime) -> None:
    """Write every run's new place, results and due time; their rows are locked by this transaction.

    Those that failed or paused are noted for their workflow's owner.
    """
    if not runs:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE workflow_executions execution
            SET status = run.status, pause_reason = run.pause_reason, paused_status = '', paused_due_at = NULL,
                completion_reason = run.completion_reason, error_message = run.error_message,
                current_action_id = run.action_id, visits = run.visits,
                visit_window_started_at = run.window_started_at, window_visits = run.window_visits,
                jumps = run.jumps, due_at = run.due_at, lease_id = NULL, lease_until = NULL,
                lost_leases = run.lost_leases, waiting_log_id = run.waiting_log_id, steps = run.results,
                reentry_key = run.reentry_key, started_at = run.started_at, completed_at = run.completed_at,
                updated_at = %s
            FROM ROWS FROM (
                unnest(
                    %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::uuid[], %s::integer[],
                    %s::timestamptz[], %s::integer[], %s::smallint[], %s::timestamptz[], %s::smallint[], %s::uuid[],
                    %s::text[], %s::timestamptz[], %s::timestamptz[]
                ),
                jsonb_array_elements(%s::jsonb)
            ) AS run (
                id, status, pause_reason, completion_reason, error_message, action_id, visits, window_started_at,
                window_visits, jumps, due_at, lost_leases, waiting_log_id, reentry_key, started_at, completed_at,
                results
            )
            WHERE execution.id = run.id
            """,
            [
                now,
                arrays.ids([run.id for run in runs]),
                arrays.texts([run.status for run in runs]),
                arrays.texts([run.pause_reason for run in runs]),
                arrays.texts([run.completion_reason for run in runs]),
                arrays.texts([run.error_message for run in runs]),
                arrays.ids([run.step.action_id if run.step else None for run in runs]),
                arrays.numbers([run.visits for run in runs]),
                arrays.times([run.window_started_at for run in runs]),
                arrays.numbers([run.window_visits for run in runs]),
                arrays.numbers([run.jumps for run in runs]),
                arrays.times([run.due_at for run in runs]),
                arrays.numbers([run.lost_leases for run in runs]),
                arrays.ids([run.waiting_log_id for run in runs]),
                arrays.texts([run.reentry_key for run in runs]),
                arrays.times([run.started_at for run in runs]),
                arrays.times([run.completed_at for run in runs]),
                "[" + ",".join([as_json(run.results) for run in runs]) + "]",
            ],
        )
    note_troubles(runs, now)
