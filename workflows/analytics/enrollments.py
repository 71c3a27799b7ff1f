"""How many contacts went through workflows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Q

from workflows.models import ENDED_STATUSES, ExecutionStatus, WorkflowExecution


@dataclass(frozen=True, slots=True)
class EnrollmentCounts:
    """Executions of one workflow, each contact counted once for every run."""

    total_enrolled: int = 0
    currently_active: int = 0
    completed: int = 0
    failed: int = 0


NOBODY = EnrollmentCounts()


def enrollment_counts(*, account_id: UUID, workflow_ids: Iterable[UUID]) -> Mapping[UUID, EnrollmentCounts]:
    """Count the executions of several workflows in one query; a workflow that nobody entered is left out."""
    rows = (
        WorkflowExecution.objects.for_account(account_id)
        .filter(workflow_id__in=list(workflow_ids))
        .order_by()
        .values_list("workflow_id")
        .annotate(
            total_enrolled=Count("id"),
            currently_active=Count("id", filter=~Q(status__in=ENDED_STATUSES)),
            completed=Count("id", filter=Q(status=ExecutionStatus.COMPLETED)),
            failed=Count("id", filter=Q(status=ExecutionStatus.FAILED)),
        )
    )
    return {workflow_id: EnrollmentCounts(*counts) for workflow_id, *counts in rows}


def contacts_at_steps(*, account_id: UUID, workflow_id: UUID) -> Mapping[UUID, int]:
    """Count the executions of a workflow that have not ended by the action they stand at, in one query."""
    rows = (
        WorkflowExecution.objects.for_account(account_id)
        .filter(workflow_id=workflow_id, current_action_id__isnull=False)
        .exclude(status__in=ENDED_STATUSES)
        .order_by()
        .values_list("current_action_id")
        .annotate(number=Count("id"))
    )
    return dict(rows)
