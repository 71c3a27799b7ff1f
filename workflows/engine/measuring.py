"""What the engine counts while it works, for `/metrics`: by type, status, class and lane, never by account or contact.

With PROMETHEUS_MULTIPROC_DIR in the environment the processes of a machine share their counts through files there.
"""

import os
from collections import Counter as Tally
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if directory := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
    Path(directory).mkdir(parents=True, exist_ok=True)  # before the first metric, which opens a file there

from prometheus_client import Counter, Histogram

from workflows.models import ENDED_STATUSES, ActionExecutionStatus

if TYPE_CHECKING:
    from workflows.engine.perform.turns import LaneLedger
    from workflows.engine.runs import Run

CLAIM_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
BATCH_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
CALL_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)

STEPS = Counter("followthrough_steps", "Log rows written or changed, by what became of the step.", ["type", "status"])
ERRORS = Counter("followthrough_step_errors", "Failed tries of steps by class; retries included.", ["error_class"])
RETRIES = Counter("followthrough_step_retries", "Tries that are repeated later.")
ENROLLED = Counter("followthrough_enrollments", "Contacts that entered workflows.")
ENDED = Counter("followthrough_executions_ended", "Executions that ended in a worker's hands.", ["status", "reason"])
CLAIM_SECONDS = Histogram("followthrough_claim_seconds", "Claiming what is due.", ["lane"], buckets=CLAIM_BUCKETS)
BATCH_SECONDS = Histogram(
    "followthrough_batch_seconds", "One transaction of steps, database time included.", buckets=BATCH_BUCKETS
)
CALL_SECONDS = Histogram("followthrough_call_seconds", "One call outside.", ["lane"], buckets=CALL_BUCKETS)
STEPS_LANE = "steps"
"""Claims of executions, among the lanes of calls."""
GONE = "gone"
"""The type of a step whose execution went elsewhere meanwhile."""


def count_work(runs: "Sequence[Run]", ledger: "LaneLedger") -> None:
    """Count what a transaction wrote; to be called once it has committed."""
    errors: Tally[str] = Tally()
    for page, entries in ledger.pages.items():
        STEPS.labels(page.step.action_type, str(page.status)).inc(len(entries))
        errors.update(entry.error_class for entry in entries if entry.error_class)
    changes = Tally((change.action_type, str(change.status)) for change in ledger.changes)
    changes.update((action_type, str(ActionExecutionStatus.COMPLETED)) for action_type in ledger.ended_waits.values())
    for (action_type, status), number in changes.items():
        STEPS.labels(action_type or GONE, status).inc(number)
    for change in ledger.changes:
        errors.update(str(attempt["error_class"]) for attempt in change.attempts)
        RETRIES.inc(change.retries)
    for error_class, number in errors.items():
        ERRORS.labels(str(error_class)).inc(number)
    ended = Tally((run.status, run.completion_reason) for run in runs if run.status in ENDED_STATUSES)
    for (status, reason), number in ended.items():
        ENDED.labels(str(status), str(reason)).inc(number)
