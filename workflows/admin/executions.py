"""Runs of contacts through workflows, each with its log and what people can do about it."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from accounts.admin.base import AccountScopedAdmin
from accounts.admin.forms import OperationForm
from accounts.admin.operations import Operation
from accounts.admin.panels import Panel, as_code, cells, cut, link_to, list_of
from accounts.admin.staff import Acting
from workflows.admin.cells import LABELS, chip, when
from workflows.admin.related import whose
from workflows.engine import clock, operations, steering
from workflows.engine.plans import plan_of
from workflows.messaging.models import Message
from workflows.models import (
    ENDED_STATUSES,
    ActionExecution,
    ExecutionStatus,
    PauseReason,
    WorkflowDispatch,
    WorkflowExecution,
)

SHOWN = 100
LEFT_FOR_GOOD = (ExecutionStatus.COMPLETED, ExecutionStatus.CANCELLED)


class MoveForm(OperationForm):
    """The step to go on at."""

    attrs = {"action_id": "step"}

    step = forms.ChoiceField(widget=UnfoldAdminSelectWidget, help_text="A step of the version that the contact runs.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        steps = plan_of(self.row.version_id).steps
        field: Any = self.fields["step"]
        field.choices = [(str(step.action_id), f"{step.index + 1}. {step.key} ({step.action_type})") for step in steps]


def operate(operation: Callable[..., Any]) -> Callable[[Acting, WorkflowExecution, dict[str, Any]], None]:
    """Return what carries an operation of the engine out on an execution."""

    def carry_out(acting: Acting, row: WorkflowExecution, data: dict[str, Any]) -> None:
        operation(**acting.on_behalf(), execution_id=row.id, now=clock.now())

    return carry_out


def move(acting: Acting, row: WorkflowExecution, data: dict[str, Any]) -> None:
    steering.move(**acting.on_behalf(), execution_id=row.id, action_id=UUID(data["step"]), now=clock.now())


def can_be_retried(row: WorkflowExecution) -> bool:
    return row.status == ExecutionStatus.FAILED or row.pause_reason == PauseReason.AUTHENTICATION


@admin.register(WorkflowExecution)
class WorkflowExecutionAdmin(AccountScopedAdmin):
    """Runs, newest first."""

    is_log = True
    list_display = ("title", "workflow_link", "state", "reason", "due_at", "account", "created_at")
    list_filter = ("status", "completion_reason", "pause_reason", "workflow")
    list_select_related = ("workflow", "contact", "account")
    search_fields = ("contact__email", "contact__first_name", "contact__last_name")
    search_ids = ("id", "contact_id", "workflow_id")
    linked_by = ("workflow", "contact", "status")
    sortable_by = ()
    ordering = ("-id",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "workflow_link",
                    "contact_link",
                    "version_link",
                    "status",
                    "pause_reason",
                    "completion_reason",
                    "error_message",
                    "current_step",
                    "due_at",
                    "account",
                )
            },
        ),
        ("How it came about", {"fields": ("enrollment_source", "trigger_shown", "created_at", "started_at")}),
        ("What it has done", {"fields": ("steps_shown", "visits", "completed_at")}),
    )
    readonly_fields = (
        "workflow_link",
        "contact_link",
        "version_link",
        "current_step",
        "trigger_shown",
        "steps_shown",
        "created_at",
    )
    operations = (
        Operation(
            name="retry",
            label="Retry",
            icon="replay",
            carry_out=operate(operations.retry),
            done="Goes on",
            is_offered=can_be_retried,
            is_bulk=True,
        ),
        Operation(
            name="skip-step",
            label="Skip step",
            icon="skip_next",
            carry_out=operate(steering.skip_step),
            done="Skipped the step",
            is_offered=lambda row: row.status not in LEFT_FOR_GOOD,
            is_bulk=True,
        ),
        Operation(
            name="move",
            label="Move to step",
            icon="moving",
            carry_out=move,
            done="Moved",
            form_class=MoveForm,
            is_offered=lambda row: row.status not in LEFT_FOR_GOOD,
        ),
        Operation(
            name="cancel",
            label="Cancel",
            icon="block",
            carry_out=operate(operations.cancel),
            done="Cancelled",
            question="The contact leaves the workflow. A call that is being made is not called back.",
            is_offered=lambda row: row.status not in ENDED_STATUSES,
            is_bulk=True,
            is_dangerous=True,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("workflow", "contact", "version", "account")

    def title_of(self, row: WorkflowExecution) -> str:
        return whose(row)

    @admin.display(description="contact")
    def title(self, row: WorkflowExecution) -> str:
        return str(row.contact)

    @admin.display(description="workflow")
    def workflow_link(self, row: WorkflowExecution) -> str:
        return row.workflow.name if row.workflow.deleted_at else link_to(row.workflow, row.workflow.name)

    @admin.display(description="contact")
    def contact_link(self, row: WorkflowExecution) -> str:
        return f"{row.contact} (deleted)" if row.contact.deleted_at else link_to(row.contact)

    @admin.display(description="version")
    def version_link(self, row: WorkflowExecution) -> str:
        return link_to(row.version, str(row.version.number))

    @display(description="status", ordering="status", label=LABELS)
    def state(self, row: WorkflowExecution) -> str:
        return row.status

    @admin.display(description="why")
    def reason(self, row: WorkflowExecution) -> str:
        return cut(row.error_message or row.get_completion_reason_display() or row.get_pause_reason_display(), 60)

    @admin.display(description="stands at")
    def current_step(self, row: WorkflowExecution) -> str:
        step = plan_of(row.version_id).by_action.get(row.current_action_id) if row.current_action_id else None
        return f"{step.index + 1}. {step.key} ({step.action_type})" if step else ""

    @admin.display(description="trigger data")
    def trigger_shown(self, row: WorkflowExecution) -> str:
        return as_code(row.trigger_data)

    @admin.display(description="results of steps")
    def steps_shown(self, row: WorkflowExecution) -> str:
        return as_code(row.steps)

    def get_panels(self, request: HttpRequest, row: WorkflowExecution) -> Sequence[Panel]:
        return [log_of(row), calls_of(row), messages_of(row)]


def log_of(execution: WorkflowExecution) -> Panel:
    rows = ActionExecution.objects.for_account(execution.account_id).filter(workflow_execution=execution)
    return Panel(
        title="Log",
        headings=("Step", "Status", "When", "Took", "What it did", "Why", "Tries"),
        rows=cells(
            (
                link_to(row, f"{row.visit + 1}. {row.action_key}"),
                chip(row.status),
                when(row.started_at or row.scheduled_at),
                "" if row.duration_ms is None else f"{row.duration_ms / 1000:.1f} s",
                cut(", ".join(f"{name}: {value}" for name, value in row.result_data.items()), 200),
                cut(row.error_message, 200),
                row.retry_count + 1 if row.attempts else 1,
            )
            for row in rows.order_by("visit", "id")[:SHOWN]
        ),
        link=list_of(ActionExecution, workflow_execution=execution),
        empty="It has come to no step yet.",
    )


def calls_of(execution: WorkflowExecution) -> Panel:
    rows = WorkflowDispatch.objects.for_account(execution.account_id).filter(execution=execution)
    return Panel(
        title="On its way outside",
        headings=("Call", "Status", "To", "Since", "Begun"),
        rows=cells(
            (link_to(row, row.lane), chip(row.status), row.host, when(row.due_at), row.attempts)
            for row in rows.order_by("id")[:SHOWN]
        ),
        empty="Nothing.",
    )


def messages_of(execution: WorkflowExecution) -> Panel:
    rows = Message.objects.for_account(execution.account_id).filter(execution_id=execution.id)
    return Panel(
        title="Messages",
        headings=("When", "Channel", "To", "Subject", "Status"),
        rows=cells(
            (link_to(row, when(row.created_at)), row.channel, row.recipient, cut(row.subject), chip(row.status))
            for row in rows.order_by("-created_at", "-id")[:SHOWN]
        ),
        link=list_of(Message, execution_id=execution.id),
        empty="None.",
    )
