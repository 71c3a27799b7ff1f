"""What the engine has in hand: calls on their way, troubles to tell, workers alive."""

from django.contrib import admin
from unfold.decorators import display

from accounts.admin.base import AccountScopedAdmin, SystemAdmin
from accounts.models import Role
from workflows.admin.cells import LABELS
from workflows.admin.related import row_link
from workflows.models import (
    ActionExecution,
    FailureMail,
    Trouble,
    WorkerHeartbeat,
    Workflow,
    WorkflowDispatch,
    WorkflowExecution,
)


@admin.register(WorkflowDispatch)
class WorkflowDispatchAdmin(AccountScopedAdmin):
    """Calls on their way outside, the oldest first; a row is gone once its outcome is known."""

    is_log = True
    list_display = ("lane", "host", "state", "due_at", "attempts", "failures", "is_ambiguous", "account")
    list_filter = ("lane", "status", "is_ambiguous")
    list_select_related = ("account",)
    search_fields = ("=host",)
    search_ids = ("id", "execution_id", "workflow_id", "log_id")
    linked_by = ("execution", "workflow_id")
    sortable_by = ()
    ordering = ("id",)
    fields = (
        "id",
        "lane",
        "host",
        "status",
        "due_at",
        "execution_link",
        "step",
        "workflow",
        "visit",
        "attempts",
        "failures",
        "rate_limits",
        "rate_limited_since",
        "is_ambiguous",
        "lease_until",
        "lost_leases",
        "account",
        "created_at",
    )
    readonly_fields = ("id", "execution_link", "step", "workflow", "created_at")

    @display(description="status", ordering="status", label=LABELS)
    def state(self, row: WorkflowDispatch) -> str:
        return row.status

    @admin.display(description="execution")
    def execution_link(self, row: WorkflowDispatch) -> str:
        return row_link(WorkflowExecution, row.account_id, row.execution_id)

    @admin.display(description="step")
    def step(self, row: WorkflowDispatch) -> str:
        return row_link(ActionExecution, row.account_id, row.log_id)

    @admin.display(description="workflow")
    def workflow(self, row: WorkflowDispatch) -> str:
        return row_link(Workflow, row.account_id, row.workflow_id)


@admin.register(Trouble)
class TroubleAdmin(AccountScopedAdmin):
    """What went wrong and owners are about to be told."""

    list_display = ("kind", "count", "message", "account", "created_at")
    list_filter = ("kind",)
    list_select_related = ("account",)
    search_ids = ("id", "workflow_id", "execution_id")
    fields = ("kind", "count", "message", "workflow", "execution", "account", "created_at")
    readonly_fields = ("workflow", "execution", "created_at")

    @admin.display(description="workflow")
    def workflow(self, row: Trouble) -> str:
        return row_link(Workflow, row.account_id, row.workflow_id)

    @admin.display(description="one of them")
    def execution(self, row: Trouble) -> str:
        return row_link(WorkflowExecution, row.account_id, row.execution_id)


@admin.register(FailureMail)
class FailureMailAdmin(AccountScopedAdmin):
    """What the next mail to a workflow's owner will tell."""

    read_role = Role.ADMIN
    list_display = ("workflow_name", "counts", "due_at", "sent_at", "account")
    list_select_related = ("account", "workflow")
    fields = ("workflow_name", "counts", "message", "due_at", "sent_at", "account")
    readonly_fields = ("workflow_name",)

    @admin.display(description="workflow")
    def workflow_name(self, row: FailureMail) -> str:
        return row.workflow.name


@admin.register(WorkerHeartbeat)
class WorkerHeartbeatAdmin(SystemAdmin):
    """Worker processes, the latest seen first."""

    list_display = ("hostname", "pid", "started_at", "seen_at")
    search_fields = ("hostname",)
    ordering = ("-seen_at",)
    fields = ("id", "hostname", "pid", "started_at", "seen_at")
