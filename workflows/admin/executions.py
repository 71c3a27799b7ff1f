"""Runs of contacts through workflows, each with its log."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from workflows.admin.base import MemberScopedAdmin, link_to
from workflows.models import ActionExecution, WorkflowExecution


@admin.register(WorkflowExecution)
class WorkflowExecutionAdmin(MemberScopedAdmin):
    """Runs, newest first."""

    list_display = ("id", "workflow_link", "contact_link", "status", "completion_reason", "due_at", "created_at")
    list_filter = ("status", "completion_reason")
    list_select_related = ("workflow", "contact")
    linked_by = ("workflow", "contact")
    fields = (
        "id",
        "account",
        "workflow_link",
        "version_number",
        "contact_link",
        "status",
        "pause_reason",
        "completion_reason",
        "error_message",
        "enrollment_source",
        "current_action_id",
        "due_at",
        "trigger_data",
        "steps",
        "created_at",
        "started_at",
        "completed_at",
    )
    readonly_fields = ("workflow_link", "contact_link", "version_number")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("workflow", "contact", "version", "account")

    @admin.display(description="workflow")
    def workflow_link(self, execution: WorkflowExecution) -> str:
        return link_to(execution.workflow)

    @admin.display(description="contact")
    def contact_link(self, execution: WorkflowExecution) -> str:
        return link_to(execution.contact)

    @admin.display(description="version")
    def version_number(self, execution: WorkflowExecution) -> int:
        return execution.version.number


@admin.register(ActionExecution)
class ActionExecutionAdmin(MemberScopedAdmin):
    """Log rows of all executions, newest first."""

    list_display = ("id", "action_key", "action_type", "status", "error_class", "started_at", "execution_link")
    list_filter = ("status",)
    list_select_related = ("workflow_execution",)
    ordering = ("-id",)
    fields = (
        "id",
        "account",
        "execution_link",
        "visit",
        "action_key",
        "action_type",
        "action_id",
        "contact_id",
        "status",
        "error_class",
        "error_message",
        "failed_with_fallback",
        "retry_count",
        "attempts",
        "scheduled_at",
        "started_at",
        "completed_at",
        "duration_ms",
        "execution_data",
        "result_data",
    )
    readonly_fields = ("execution_link",)

    @admin.display(description="execution")
    def execution_link(self, row: ActionExecution) -> str:
        return link_to(row.workflow_execution, str(row.workflow_execution_id))
