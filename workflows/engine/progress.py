"""How far executions have come through the steps of their version."""

from dataclasses import dataclass

from workflows.engine.plans import Plan, plans_of
from workflows.models import ExecutionStatus, WorkflowExecution


@dataclass(frozen=True, slots=True)
class Progress:
    """Where an execution stands: `percent` (0–100) is the share of steps that lie behind it."""

    version: int
    total_steps: int
    percent: int


def with_progress(executions: list[WorkflowExecution]) -> list[WorkflowExecution]:
    """Give each execution its `progress`; at most one query, for versions that this process has not met yet."""
    plans = plans_of([execution.version_id for execution in executions])
    for execution in executions:
        plan = plans[execution.version_id]
        execution.progress = Progress(plan.number, len(plan.steps), percent(plan, execution))  # type: ignore[attr-defined]
    return executions


def percent(plan: Plan, execution: WorkflowExecution) -> int:
    if execution.status == ExecutionStatus.COMPLETED:
        return 100
    step = execution.current_action_id and plan.by_action.get(execution.current_action_id)
    return 100 * step.index // len(plan.steps) if step else 0
