"""Workflows, to look at."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join

from workflows.admin.base import MemberScopedAdmin, link_to_executions
from workflows.authoring.chain import list_actions
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
        "chain",
        "versions",
        "executions",
    )
    readonly_fields = ("chain", "versions", "executions")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(deleted_at=None)

    @admin.display(description="actions")
    def chain(self, workflow: Workflow) -> str:
        items = list_actions(account_id=workflow.account_id, workflow_id=workflow.id)
        return format_html_join(
            "",
            "<div>{}. {} <code>{}</code>{}</div>",
            (
                (
                    item.position + 1,
                    item.action.action_type,
                    item.action.key,
                    "" if item.action.is_enabled else " – off",
                )
                for item in items
            ),
        )

    @admin.display(description="versions")
    def versions(self, workflow: Workflow) -> str:
        return format_html_join(
            "",
            "<div>{}: {} actions, {}</div>",
            (
                (version.number, len(version.definition["actions"]), f"{version.created_at:%Y-%m-%d %H:%M} UTC")
                for version in workflow.versions.order_by("-number")[:20]
            ),
        )

    @admin.display(description="executions")
    def executions(self, workflow: Workflow) -> str:
        return link_to_executions(workflow=workflow)
