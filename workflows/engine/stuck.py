"""What should not be: work that nothing will ever take up by itself, or that takes far too long.

Each question looks into an index made for it, or walks the live executions of one workflow at a time.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from workflows.engine.plans import plans_of
from workflows.models import ENDED_STATUSES, PauseReason, Workflow, WorkflowStatus

SAMPLES = 5
"""Ids named with a finding."""
BOUND = 10_000
"""Findings of a kind are counted up to here."""
LATE = timedelta(minutes=10)
"""Overdue by so long with workers alive: somebody should look."""
EXPIRED = timedelta(minutes=1)
"""Leases are taken over within seconds of their end."""
UNTOLD = timedelta(minutes=5)
IMPORT_BEGUN = timedelta(minutes=15)
IMPORT_DONE = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Finding:
    """Rows of one kind that are stuck. `number` ends at BOUND; `samples` are ids of some."""

    kind: str
    number: int
    samples: Sequence[str]
    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Question:
    """A statement that returns ids of stuck rows, and what to make of them. Its rows are read up to BOUND."""

    kind: str
    statement: str
    what: str
    remedy: str


RECOVER = "Is a worker running? Every worker takes over by itself; if workers run, see their log."
RETRY = "Cancel or retry them: POST /api/v1/executions/{id}/cancel or /retry, or the execution's page in the admin."

QUESTIONS = (
    Question(
        "no_worker",
        """
        SELECT 'none' WHERE NOT EXISTS (
            SELECT FROM workflow_worker_heartbeats WHERE seen_at > clock_timestamp() - interval '30 seconds'
        )
        """,
        "no worker reported within 30 s",
        "Start one: manage.py worker.",
    ),
    Question(
        "execution_adrift",
        """
        SELECT execution.id FROM workflow_executions execution
        WHERE execution.due_at IS NULL AND execution.lease_id IS NULL
              AND execution.status IN ('queued', 'active', 'waiting')
              AND execution.updated_at < %(now)s - %(late)s
              AND NOT EXISTS (
                  SELECT FROM workflow_dispatches dispatch
                  WHERE dispatch.execution_id = execution.id AND dispatch.status IN ('ready', 'claimed', 'sending')
              )
        ORDER BY execution.id LIMIT %(bound)s
        """,
        "executions are under way, but neither due, nor held by a worker, nor with a lane",
        RETRY,
    ),
    Question(
        "execution_lease_expired",
        """
        SELECT id FROM workflow_executions
        WHERE lease_id IS NOT NULL AND lease_until < clock_timestamp() - %(expired)s
        ORDER BY lease_until LIMIT %(bound)s
        """,
        "executions are held by workers that are gone, and nobody took them over",
        RECOVER,
    ),
    Question(
        "dispatch_lease_expired",
        """
        SELECT id FROM workflow_dispatches
        WHERE lease_id IS NOT NULL AND lease_until < clock_timestamp() - %(expired)s
        ORDER BY lease_until LIMIT %(bound)s
        """,
        "calls are held by workers that are gone, and nobody took them over",
        RECOVER,
    ),
    Question(
        "execution_overdue",
        """
        SELECT late.id FROM workflows_workflow workflow CROSS JOIN LATERAL (
            SELECT execution.id FROM workflow_executions execution
            WHERE execution.account_id = workflow.account_id AND execution.workflow_id = workflow.id
                  AND execution.due_at < %(now)s - %(late)s AND execution.lease_id IS NULL
            ORDER BY execution.account_id, execution.due_at LIMIT 1000
        ) late
        WHERE workflow.status = 'active' AND workflow.deleted_at IS NULL LIMIT %(bound)s
        """,
        "executions are due since more than 10 minutes",
        "Add workers, or see in their log why they do not get on.",
    ),
    Question(
        "dispatch_overdue",
        """
        SELECT dispatch.id FROM workflow_dispatches dispatch
        JOIN workflows_workflow workflow ON workflow.id = dispatch.workflow_id
        WHERE dispatch.status = 'ready' AND dispatch.due_at < %(now)s - %(late)s
              AND workflow.status = 'active' AND workflow.deleted_at IS NULL
        LIMIT %(bound)s
        """,
        "calls are ready since more than 10 minutes",
        "Add workers, or look whether the provider is slow: followthrough_call_seconds of /metrics.",
    ),
    Question(
        "dispatch_sending_long",
        """
        SELECT id FROM workflow_dispatches
        WHERE lease_id IS NOT NULL AND status = 'sending' AND due_at < %(now)s - %(late)s
              AND lease_until >= clock_timestamp() - %(expired)s
        LIMIT %(bound)s
        """,
        "calls are being made since more than 10 minutes, longer than any time-out",
        "Restart that worker; what it held is taken over, or shown as `outcome_unknown`.",
    ),
    Question(
        "event_untold",
        """
        SELECT id FROM (
            SELECT id, created_at FROM crm_event WHERE dispatched_at IS NULL ORDER BY sequence LIMIT %(bound)s
        ) waiting WHERE created_at < clock_timestamp() - %(untold)s
        """,
        "events wait to be told to triggers since more than 5 minutes",
        "Is a worker running? If so, see its log for `a consumer could not take an event`.",
    ),
    Question(
        "import_resting",
        """
        SELECT id FROM crm_import
        WHERE status IN ('queued', 'running')
              AND created_at < clock_timestamp() - CASE WHEN total = 0 THEN %(import_begun)s ELSE %(import_done)s END
        ORDER BY id LIMIT %(bound)s
        """,
        "imports have not begun after 15 minutes, or not ended after 6 hours",
        "Workers queue sent files again by themselves: see their log. Repeat one of manage.py import_contacts.",
    ),
    Question(
        "message_without_call",
        """
        SELECT message.id FROM messaging_message message
        WHERE message.status = 'queued' AND message.direction = 'outbound' AND message.execution_id IS NOT NULL
              AND message.created_at < %(now)s - %(late)s
              AND NOT EXISTS (SELECT FROM workflow_dispatches dispatch WHERE dispatch.id = message.id)
        ORDER BY message.created_at LIMIT %(bound)s
        """,
        "messages are queued, but the call that would send them is gone",
        "They will not be sent. Retry their execution if they should be.",
    ),
    Question(
        "job_of_dead_worker",
        """
        SELECT job.id FROM procrastinate_jobs job LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id
        WHERE job.status = 'doing' AND (worker.id IS NULL OR worker.last_heartbeat < clock_timestamp() - %(late)s)
        LIMIT %(bound)s
        """,
        "queue jobs are with workers that are gone",
        RECOVER,
    ),
)


def find_stuck(*, now: datetime) -> Iterator[Finding]:
    """Yield what is stuck; nothing is changed. `now` is the engine's time."""
    for question in QUESTIONS:
        ids = asked(question, now)
        if ids:
            yield Finding(question.kind, len(ids), ids[:SAMPLES], question.what, question.remedy)
    yield from misplaced()


def asked(question: Question, now: datetime) -> list[str]:
    parameters: dict[str, Any] = {
        "now": now,
        "late": LATE,
        "expired": EXPIRED,
        "untold": UNTOLD,
        "import_begun": IMPORT_BEGUN,
        "import_done": IMPORT_DONE,
        "bound": BOUND,
    }
    with connection.cursor() as cursor:
        cursor.execute(question.statement, parameters if "%(" in question.statement else None)
        return [str(row[0]) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Place:
    """Live executions of one workflow that stand at the same step of the same version."""

    version_id: UUID
    action_id: UUID | None
    status: str
    pause_reason: str
    number: int
    sample: str


def misplaced() -> Iterator[Finding]:
    """Yield executions at steps that their version does not have, and those paused although their workflow is not."""
    lost: list[Place] = []
    left: list[Place] = []
    for workflow_id, status in workflows():
        places = places_of(workflow_id)
        plans = plans_of([place.version_id for place in places])
        lost += [place for place in places if place.action_id not in plans[place.version_id].by_action]
        if status == WorkflowStatus.ACTIVE:
            left += [place for place in places if place.pause_reason == PauseReason.WORKFLOW_PAUSED]
    yield from finding(
        "execution_at_missing_step", lost, "executions stand at a step that their version does not have", RETRY
    )
    yield from finding(
        "execution_left_paused",
        left,
        "executions are paused with their workflow, which is active again",
        "Pause the workflow and activate it once more: that resumes them.",
    )


def finding(kind: str, places: Sequence[Place], what: str, remedy: str) -> Iterator[Finding]:
    if places:
        samples = [place.sample for place in places[:SAMPLES]]
        yield Finding(kind, sum(place.number for place in places), samples, what, remedy)


def workflows() -> Iterator[tuple[UUID, str]]:
    """Yield every workflow's id and status, a page at a time."""
    rows: Callable[[], Any] = Workflow.objects.order_by("id").values_list("id", "status").iterator
    yield from rows()


def places_of(workflow_id: UUID) -> list[Place]:
    """Return where a workflow's live executions stand, over the index of those."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT version_id, current_action_id, status, pause_reason, count(*), min(id::text)
            FROM workflow_executions WHERE workflow_id = %s AND status NOT IN (%s, %s, %s)
            GROUP BY version_id, current_action_id, status, pause_reason
            """,
            [workflow_id, *ENDED_STATUSES],
        )
        return [Place(*row) for row in cursor.fetchall()]
