"""What members have to do about contacts."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from accounts.admin.base import AccountScopedAdmin
from accounts.admin.forms import StaffForm
from accounts.admin.operations import Operation
from accounts.admin.panels import link_to
from accounts.admin.staff import Acting
from workflows.admin.cells import LABELS
from workflows.crm.models import Task, TaskStatus
from workflows.crm.services import by_hand
from workflows.crm.services.tasks import delete_task
from workflows.engine import clock


class TaskForm(StaffForm):
    """A task; whom it is about cannot change."""

    attrs = {"assignee_id": "assignee"}

    class Meta:
        model = Task
        fields = ("contact", "title", "description", "due_at", "assignee", "priority", "status")


def complete(acting: Acting, row: Task, data: dict[str, Any]) -> None:
    by_hand.change_task(**acting.on_behalf(), task_id=row.id, values={"status": TaskStatus.COMPLETED}, now=clock.now())


@admin.register(Task)
class TaskAdmin(AccountScopedAdmin):
    """Tasks about present contacts, newest first."""

    form = TaskForm
    list_display = ("title", "contact_link", "assignee", "due_at", "priority", "state", "account")
    list_filter = ("status", "priority", "assignee")
    list_select_related = ("account", "assignee", "contact")
    search_fields = ("title", "description")
    search_ids = ("id", "contact_id")
    linked_by = ("contact", "assignee")
    autocomplete_fields = ("contact",)
    operations = (
        Operation(
            name="complete",
            label="Complete",
            icon="check",
            carry_out=complete,
            done="Completed",
            is_offered=lambda row: row.status == TaskStatus.OPEN,
            is_bulk=True,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(contact__deleted_at=None).select_related("contact")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        own = ("title", "description", "due_at", "assignee", "priority")
        return ("contact", *own) if obj is None else ("contact_link", *own, "status", "completed_at", "created_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else ("contact_link", "completed_at", "created_at")

    @admin.display(description="contact", ordering="contact__first_name")
    def contact_link(self, task: Task) -> str:
        return link_to(task.contact)

    @display(description="status", ordering="status", label=LABELS)
    def state(self, task: Task) -> str:
        return task.status

    def perform_create(self, acting: Acting, data: dict[str, Any]) -> Task:
        contact = data.pop("contact")
        return by_hand.create_task(
            **acting.on_behalf(), contact_id=contact.id, now=clock.now(), **with_assignee_id(data)
        )

    def perform_change(self, acting: Acting, row: Task, data: dict[str, Any]) -> Task:
        return by_hand.change_task(**acting.on_behalf(), task_id=row.id, values=with_assignee_id(data), now=clock.now())

    def perform_delete(self, acting: Acting, row: Task) -> None:
        with transaction.atomic():
            delete_task(**acting.on_behalf(), task_id=row.id)


def with_assignee_id(data: dict[str, Any]) -> dict[str, Any]:
    if "assignee" not in data:
        return data
    assignee = data.pop("assignee")
    return data | {"assignee_id": assignee.id if assignee else None}
