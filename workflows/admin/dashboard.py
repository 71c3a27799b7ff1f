"""The first page: what failed lately, what waits for somebody, what one has been told."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin.panels import Panel, cells, cut, link_to, list_of
from accounts.admin.staff import Staff, staff_of
from accounts.models import Role
from workflows.admin.cells import chip, when
from workflows.admin.related import whose
from workflows.crm.models import Import, ImportStatus, Notification, Task, TaskStatus
from workflows.engine import clock
from workflows.messaging.models import CircuitBreaker
from workflows.models import (
    ActionExecution,
    ActionExecutionStatus,
    DispatchStatus,
    WorkerHeartbeat,
    Workflow,
    WorkflowDispatch,
    WorkflowStatus,
)

SHOWN = 8


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the panels; a fixed number of queries, each by an index and of a few rows."""
    staff = staff_of(request)
    context["dashboard"] = panels(staff)
    context["title"] = "Dashboard"
    return context


def panels(staff: Staff) -> Sequence[Panel]:
    if not staff.may(Role.VIEWER):
        return []
    found = [failures(staff), unsettled(staff), notifications(staff), own_tasks(staff), workflows(staff)]
    if staff.may(Role.ADMIN):
        found.append(hosts(staff))
    found.append(unfinished_imports(staff))
    if staff.is_superuser:
        found.append(workers())
    return found


def shown(staff: Staff, rows: QuerySet[Any], least: Role = Role.VIEWER) -> QuerySet[Any]:
    """Return the rows of the account at work, or of all accounts of the person."""
    own = staff.narrowed(rows, least=least)
    return own if staff.chosen is None else own.filter(account_id=staff.chosen)


def failures(staff: Staff) -> Panel:
    rows = shown(staff, ActionExecution.objects.filter(status=ActionExecutionStatus.FAILED))
    rows = rows.select_related("workflow_execution__contact", "workflow_execution__workflow").order_by("-id")
    return Panel(
        title="Failed lately",
        headings=("When", "Step", "Contact and workflow", "Why"),
        rows=cells(
            (
                when(row.completed_at or row.created_at),
                link_to(row, row.action_key),
                link_to(row.workflow_execution, whose(row.workflow_execution)),
                cut(row.error_message, 90),
            )
            for row in rows[:SHOWN]
        ),
        link=list_of(ActionExecution, status__exact=ActionExecutionStatus.FAILED),
        empty="No step failed. All is well.",
    )


def unsettled(staff: Staff) -> Panel:
    rows = shown(staff, WorkflowDispatch.objects.filter(status=DispatchStatus.UNKNOWN))
    rows = rows.select_related("execution__contact", "execution__workflow").order_by("due_at")
    return Panel(
        title="Waits for your word",
        headings=("Since", "Sent to", "Contact and workflow"),
        rows=cells(
            (
                when(row.due_at),
                row.host or row.lane,
                link_to(row.execution, whose(row.execution)),
            )
            for row in rows[:SHOWN]
        ),
        link=list_of(WorkflowDispatch, status__exact=DispatchStatus.UNKNOWN),
        empty="Every outcome is known.",
    )


def notifications(staff: Staff) -> Panel:
    rows = shown(staff, Notification.objects.filter(recipient_id=staff.user.pk, read_at=None))
    return Panel(
        title="Unread notifications",
        headings=("When", "What", "Times"),
        rows=cells(
            (when(row.occurred_at), link_to(row), row.count) for row in rows.order_by("-occurred_at", "-id")[:SHOWN]
        ),
        link=list_of(Notification),
        empty="You have read everything.",
    )


def own_tasks(staff: Staff) -> Panel:
    rows = shown(staff, Task.objects.filter(assignee_id=staff.user.pk, status=TaskStatus.OPEN))
    rows = rows.filter(contact__deleted_at=None).select_related("contact").order_by("due_at", "id")
    return Panel(
        title="Your open tasks",
        headings=("Due", "Task", "Contact", "Priority"),
        rows=cells(
            (when(row.due_at), link_to(row, cut(row.title, 60)), link_to(row.contact), chip(row.priority))
            for row in rows[:SHOWN]
        ),
        link=list_of(Task, status__exact=TaskStatus.OPEN, assignee__id__exact=staff.user.pk),
        empty="Nothing to do.",
    )


def workflows(staff: Staff) -> Panel:
    rows = shown(staff, Workflow.objects.filter(deleted_at=None, status=WorkflowStatus.ACTIVE))
    return Panel(
        title="Active workflows",
        headings=("Workflow", "Version", "Changed"),
        rows=cells(
            (link_to(row, row.name), row.version, when(row.updated_at)) for row in rows.order_by("-updated_at")[:SHOWN]
        ),
        link=list_of(Workflow),
        empty="No workflow is active.",
    )


def hosts(staff: Staff) -> Panel:
    rows = shown(staff, CircuitBreaker.objects.all(), Role.ADMIN).order_by("-failed_at")
    return Panel(
        title="Hosts that are down or had enough",
        headings=("Host", "Failed calls", "Last", "No calls until"),
        rows=cells(
            (link_to(row, row.host), row.failures, when(row.failed_at), when(row.paused_until)) for row in rows[:SHOWN]
        ),
        link=list_of(CircuitBreaker),
        empty="Every host answers.",
    )


def unfinished_imports(staff: Staff) -> Panel:
    rows = shown(staff, Import.objects.exclude(status=ImportStatus.COMPLETED)).order_by("-id")
    return Panel(
        title="Imports under way or failed",
        headings=("File", "Status", "Rows", "Since"),
        rows=cells((link_to(row), chip(row.status), row.total, when(row.created_at)) for row in rows[:SHOWN]),
        link=list_of(Import),
        empty="None.",
    )


def workers() -> Panel:
    now = clock.now()
    rows = WorkerHeartbeat.objects.order_by("-seen_at")[:SHOWN]
    return Panel(
        title="Workers",
        headings=("Process", "Started", "Seen"),
        rows=cells(
            (link_to(row), when(row.started_at), f"{max(0, (now - row.seen_at).total_seconds()):.0f} s ago")
            for row in rows
        ),
        link=list_of(WorkerHeartbeat),
        empty="No worker is running: nothing moves.",
    )
