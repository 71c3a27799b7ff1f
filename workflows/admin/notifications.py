"""What members are told."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin.base import AccountScopedAdmin
from accounts.admin.operations import Operation
from accounts.admin.staff import Acting
from accounts.models import Role
from workflows.admin.related import row_link
from workflows.crm.models import Notification
from workflows.crm.services.notifications import mark_read
from workflows.engine import clock
from workflows.models import Workflow, WorkflowExecution


def read(acting: Acting, row: Notification, data: dict[str, Any]) -> None:
    mark_read(account_id=acting.account_id, user_id=acting.user.id, notification_id=row.id, now=clock.now())


@admin.register(Notification)
class NotificationAdmin(AccountScopedAdmin):
    """The latest first: everybody sees and marks their own, superusers see all."""

    list_display = ("title", "count", "recipient", "account", "occurred_at", "read_at")
    list_filter = (("read_at", admin.EmptyFieldListFilter), "kind")
    list_select_related = ("recipient", "account")
    search_fields = ("title", "message")
    search_ids = ("id", "workflow_id", "execution_id")
    fields = (
        "title",
        "message",
        "count",
        "kind",
        "recipient",
        "account",
        "workflow",
        "execution",
        "occurred_at",
        "read_at",
    )
    readonly_fields = ("workflow", "execution")
    operations = (
        Operation(
            name="read",
            label="Mark as read",
            icon="mark_email_read",
            role=Role.VIEWER,
            carry_out=read,
            done="Marked as read",
            is_offered=lambda row: row.read_at is None,
            is_bulk=True,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        return rows if request.user.is_superuser else rows.filter(recipient_id=request.user.pk)

    def offered_operations(self, request: HttpRequest, row: Notification) -> list[dict[str, Any]]:
        """Nobody reads for somebody else."""
        return super().offered_operations(request, row) if row.recipient_id == request.user.pk else []

    @admin.display(description="workflow")
    def workflow(self, row: Notification) -> str:
        return row_link(Workflow, row.account_id, row.workflow_id)

    @admin.display(description="execution")
    def execution(self, row: Notification) -> str:
        return row_link(WorkflowExecution, row.account_id, row.execution_id)
