"""Workflows, to look at."""

from django.contrib import admin

from workflows.admin.base import MemberScopedAdmin, link_to_executions
from workflows.models import Workflow


@admin.register(Workflow)
class WorkflowAdmin(MemberScopedAdmin):
    """Workflows that have not been deleted, newest first."""

    list_display = ("name", "account", "status", "version", "revision", "owner", "updated_at", "executions")
    list_filter = ("status", "reentry")
    list_select_related = ("account", "owner")
    search_fields = ("name", "description")
    fields = (
        "id",
        "account",
        "name",
        "description",
        "status",
        "version",
        "revision",
        "reentry",
        "timezone",
        "notify_on_failure",
        "owner",
        "created_at",
        "updated_at",
        "executions",
    )
    readonly_fields = ("executions",)

    @admin.display(description="executions")
    def executions(self, workflow: Workflow) -> str:
        return link_to_executions(workflow=workflow)
