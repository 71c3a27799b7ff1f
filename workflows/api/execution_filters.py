"""What lists of executions and logs are narrowed by."""

import django_filters

from accounts.api.filters import MomentFilter
from workflows.models import ActionExecution, ActionExecutionStatus, ExecutionStatus, WorkflowExecution


class PeriodFilter(django_filters.FilterSet):
    """`from` and `to`, which Python does not let a class body name."""

    @classmethod
    def get_filters(cls) -> dict[str, django_filters.Filter]:
        return super().get_filters() | {
            "from": MomentFilter("created_at", "gte", label="Made then or later."),
            "to": MomentFilter("created_at", "lt", label="Made before then."),
        }


class ExecutionFilter(PeriodFilter):
    status = django_filters.ChoiceFilter(choices=ExecutionStatus.choices, label="Only those in this status.")
    contact_id = django_filters.UUIDFilter(label="Only those of this contact.")
    workflow_id = django_filters.UUIDFilter(label="Only those of this workflow.")
    action_id = django_filters.UUIDFilter("current_action_id", label="Only those that stand at this action now.")

    class Meta:
        model = WorkflowExecution
        fields: list[str] = []


class LogFilter(PeriodFilter):
    status = django_filters.ChoiceFilter(choices=ActionExecutionStatus.choices, label="Only steps in this status.")
    contact_id = django_filters.UUIDFilter(label="Only steps of this contact.")
    action_id = django_filters.UUIDFilter(label="Only visits of this action.")

    class Meta:
        model = ActionExecution
        fields: list[str] = []


class ActionExecutionFilter(LogFilter):
    contact_id = django_filters.UUIDFilter(
        "workflow_execution__contact_id", label="Only steps of this contact."
    )  # by way of its executions, for which there is an index
    workflow_id = django_filters.UUIDFilter(label="Only steps of this workflow.")
    error_class = django_filters.CharFilter(label="Only failures of this class, e.g. `outcome_unknown`.")
