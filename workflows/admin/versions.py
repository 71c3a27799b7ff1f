"""What contacts run: snapshots of workflows, to read."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from accounts.admin.base import AccountScopedAdmin
from accounts.admin.panels import Panel, as_code, cells, link_to, list_of
from workflows.models import WorkflowExecution, WorkflowVersion


@admin.register(WorkflowVersion)
class WorkflowVersionAdmin(AccountScopedAdmin):
    """Versions, newest first; they never change."""

    list_display = ("workflow_name", "number", "steps", "created_by", "account", "created_at")
    list_select_related = ("workflow", "account", "created_by")
    search_fields = ("workflow__name",)
    search_ids = ("id", "workflow_id")
    linked_by = ("workflow",)
    ordering = ("-id",)
    fields = ("workflow_link", "number", "settings", "created_by", "account", "created_at", "executions")
    readonly_fields = ("workflow_link", "settings", "created_at", "executions")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("workflow")

    @admin.display(description="workflow", ordering="workflow__name")
    def workflow_name(self, row: WorkflowVersion) -> str:
        return row.workflow.name

    @admin.display(description="workflow")
    def workflow_link(self, row: WorkflowVersion) -> str:
        return row.workflow.name if row.workflow.deleted_at else link_to(row.workflow, row.workflow.name)

    @admin.display(description="steps")
    def steps(self, row: WorkflowVersion) -> int:
        return len(row.definition["actions"])

    @admin.display(description="settings")
    def settings(self, row: WorkflowVersion) -> str:
        return as_code(row.definition.get("settings", {}))

    @admin.display(description="executions")
    def executions(self, row: WorkflowVersion) -> str:
        address = list_of(WorkflowExecution, workflow=row.workflow)
        return format_html('<a class="text-link" href="{}">Executions of this workflow</a>', address)

    def get_panels(self, request: HttpRequest, row: WorkflowVersion) -> Sequence[Panel]:
        return [
            Panel(
                title="Steps",
                headings=("", "Key", "Type", "Name", "Settings", "On error"),
                rows=cells(
                    (
                        number,
                        step["key"] if step["is_enabled"] else f"{step['key']} (off)",
                        step["action_type"].replace("_", " "),
                        step["name"],
                        as_code(step["config"]),
                        step["on_error"],
                    )
                    for number, step in enumerate(row.definition["actions"], start=1)
                ),
            ),
            Panel(
                title="Triggers",
                headings=("Type", "Filters", "Settings", "In force"),
                rows=cells(
                    (
                        trigger["trigger_type"],
                        as_code(trigger["filters"]),
                        as_code(trigger["settings"]),
                        "yes" if trigger["is_active"] else "no",
                    )
                    for trigger in row.definition["triggers"]
                ),
                empty="None: contacts are enrolled by hand, by the API or by another workflow.",
            ),
        ]
