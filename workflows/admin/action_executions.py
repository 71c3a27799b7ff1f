"""The log of steps, and settling those whose outcome nobody knows."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display
from unfold.widgets import UnfoldAdminRadioSelectWidget

from accounts.admin.base import AccountScopedAdmin
from accounts.admin.forms import OperationForm
from accounts.admin.lists import NameFilter
from accounts.admin.operations import Operation
from accounts.admin.panels import Panel, as_code, cells, cut, link_to
from accounts.admin.staff import Acting
from accounts.problems import Conflict
from workflows.actions.registry import registry
from workflows.admin.cells import LABELS
from workflows.admin.related import whose
from workflows.engine import clock
from workflows.engine.perform.settling import Settlement, settle_many
from workflows.models import ActionExecution, ExecutionStatus, PauseReason


class SettleForm(OperationForm):
    """What somebody knows of the effect."""

    outcome = forms.ChoiceField(
        choices=[
            (Settlement.SENT, "It happened: the contact goes on"),
            (Settlement.NOT_SENT, "It did not: it is sent again by the same key"),
        ],
        widget=UnfoldAdminRadioSelectWidget,
    )


def settle(acting: Acting, row: ActionExecution, data: dict[str, Any]) -> None:
    settled = settle_many(**acting.on_behalf(), log_ids=[row.id], outcome=data["outcome"], now=clock.now())
    if not settled.settled:
        raise Conflict("invalid_transition", "Only a step whose outcome is unknown can be settled, and only once.")


def is_unknown(row: ActionExecution) -> bool:
    execution = row.workflow_execution
    return (
        execution.status == ExecutionStatus.PAUSED
        and execution.pause_reason == PauseReason.OUTCOME_UNKNOWN
        and execution.waiting_log_id in {row.id, None}
    )


class ActionTypeFilter(NameFilter):
    title = "step type"
    parameter_name = "action_type"
    names = staticmethod(lambda: [kind.slug for kind in registry])


@admin.register(ActionExecution)
class ActionExecutionAdmin(AccountScopedAdmin):
    """Log rows of all executions, newest first."""

    is_log = True
    list_display = ("action_key", "action_type", "state", "error", "started_at", "execution_link", "account")
    list_filter = ("status", ActionTypeFilter)
    list_select_related = (
        "account",
        "workflow_execution",
        "workflow_execution__contact",
        "workflow_execution__workflow",
    )
    search_fields = ("=action_key",)
    search_ids = ("id", "contact_id", "workflow_id", "action_id", "workflow_execution_id")
    linked_by = ("workflow_execution", "workflow_id", "action_id", "contact_id", "status")
    sortable_by = ()
    ordering = ("-id",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "execution_link",
                    "contact",
                    "action_key",
                    "action_type",
                    "visit",
                    "status",
                    "error_class",
                    "error_message",
                    "failed_with_fallback",
                    "account",
                )
            },
        ),
        ("When", {"fields": ("scheduled_at", "started_at", "completed_at", "duration_ms", "retry_count")}),
        ("What", {"fields": ("input", "result")}),
    )
    readonly_fields = ("execution_link", "contact", "input", "result")
    operations = (
        Operation(
            name="settle",
            label="Settle",
            icon="gavel",
            carry_out=settle,
            done="Settled",
            form_class=SettleForm,
            is_offered=is_unknown,
            is_atomic=False,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        return rows.select_related("workflow_execution__contact", "workflow_execution__workflow")

    def title_of(self, row: ActionExecution) -> str:
        return f"{row.action_key}: {row.status}"

    @display(description="status", ordering="status", label=LABELS)
    def state(self, row: ActionExecution) -> str:
        return row.status

    @admin.display(description="error")
    def error(self, row: ActionExecution) -> str:
        return cut(row.error_message, 80)

    @admin.display(description="execution")
    def execution_link(self, row: ActionExecution) -> str:
        return link_to(row.workflow_execution, whose(row.workflow_execution))

    @admin.display(description="contact")
    def contact(self, row: ActionExecution) -> str:
        contact = row.workflow_execution.contact
        return f"{contact} (deleted)" if contact.deleted_at else link_to(contact)

    @admin.display(description="input")
    def input(self, row: ActionExecution) -> str:
        return as_code(row.execution_data)

    @admin.display(description="result")
    def result(self, row: ActionExecution) -> str:
        return as_code(row.result_data)

    def get_panels(self, request: HttpRequest, row: ActionExecution) -> list[Panel]:
        return [
            Panel(
                title="Failed tries",
                headings=("When", "Class", "What went wrong"),
                rows=cells((each.get("at"), each.get("error_class"), each.get("message")) for each in row.attempts),
                empty="None.",
            )
        ]
