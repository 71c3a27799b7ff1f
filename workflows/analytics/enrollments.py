"""How many contacts went through workflows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from workflows.models import ENDED_STATUSES, Action, ExecutionStatus, Workflow, WorkflowExecution


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


def with_counts(workflows: QuerySet[Workflow]) -> QuerySet[Workflow]:
    """Annotate workflows with `actions_count`, `contacts_inside` and `runs_failed`, counted for rows that are read."""
    runs = WorkflowExecution.objects.filter(account_id=OuterRef("account_id"))
    return workflows.annotate(
        actions_count=_number(Action.objects.filter(account_id=OuterRef("account_id"))),
        contacts_inside=_number(runs.exclude(status__in=ENDED_STATUSES)),
        runs_failed=_number(runs.filter(status=ExecutionStatus.FAILED)),
    )


def _number(rows: QuerySet[Any]) -> Coalesce:
    """Return the number of those rows that belong to the workflow at hand, as a part of its query."""
    own = rows.filter(workflow_id=OuterRef("pk")).order_by().values("workflow_id")
    return Coalesce(Subquery(own.annotate(number=Count("id")).values("number"), output_field=IntegerField()), 0)
