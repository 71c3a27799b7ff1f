"""Workflows: a list that says how each is doing, and the editor on the page of each."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, reverse
from django.utils.html import format_html
from unfold.decorators import display

from accounts.admin.base import AccountScopedAdmin
from accounts.admin.lists import OwnRelatedFilter
from accounts.admin.staff import Acting
from accounts.api.identifiers import parse_uuid
from workflows.admin.editor.answers import page_of
from workflows.admin.editor.page import editor_page
from workflows.admin.editor.settings import settings
from workflows.admin.editor.urls import editor_urls
from workflows.analytics.enrollments import with_counts
from workflows.authoring.workflows import create_workflow, delete_workflow
from workflows.models import Workflow, WorkflowStatus

CHIPS = {
    WorkflowStatus.DRAFT: "info",
    WorkflowStatus.ACTIVE: "success",
    WorkflowStatus.PAUSED: "warning",
    WorkflowStatus.ARCHIVED: "default",
}


@admin.register(Workflow)
class WorkflowAdmin(AccountScopedAdmin):
    """Workflows that have not been deleted, newest first; the page of one is its editor."""

    list_display = ("name", "state", "steps", "inside", "failed", "latest_version", "account", "owner", "updated_at")
    list_filter = ("status", "reentry", ("owner", OwnRelatedFilter))
    list_select_related = ("account", "owner")
    search_fields = ("name", "description")
    linked_by = ("owner",)
    fields = ("name", "description")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return with_counts(super().get_queryset(request).filter(deleted_at=None))

    def get_urls(self) -> list[URLPattern]:
        return [*editor_urls(self.admin_site.admin_view), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the editor; what is sent here are the workflow's settings."""
        workflow_id = parse_uuid(unquote(object_id))
        if workflow_id is None:
            raise Http404
        return (settings if request.method == "POST" else editor_page)(request, workflow_id)

    def response_add(self, request: HttpRequest, obj: Model, post_url_continue: str | None = None) -> HttpResponse:
        """Go on in the editor of the new workflow."""
        assert isinstance(obj, Workflow)
        return HttpResponseRedirect(page_of(obj))

    def perform_create(self, acting: Acting, data: dict[str, Any]) -> Workflow:
        return create_workflow(**acting.on_behalf(), **data)

    def perform_change(self, acting: Acting, row: Workflow, data: dict[str, Any]) -> None:
        raise AssertionError("the editor changes workflows")

    def perform_delete(self, acting: Acting, row: Workflow) -> None:
        delete_workflow(**acting.on_behalf(), workflow_id=row.id)

    @display(description="status", ordering="status", label=CHIPS)
    def state(self, workflow: Workflow) -> tuple[str, str]:
        return workflow.status, workflow.get_status_display()

    @admin.display(description="version", ordering="version")
    def latest_version(self, workflow: Workflow) -> int | None:
        return workflow.version or None

    @admin.display(ordering="actions_count")
    def steps(self, workflow: Any) -> int:
        return workflow.actions_count

    @admin.display(ordering="contacts_inside")
    def inside(self, workflow: Any) -> str:
        return _runs(workflow, workflow.contacts_inside)

    @admin.display(ordering="runs_failed")
    def failed(self, workflow: Any) -> str:
        return _runs(workflow, workflow.runs_failed, status__exact="failed")


def _runs(workflow: Workflow, number: int, **filters: str) -> str:
    """Return a number of executions, linked to their list."""
    if not number:
        return "0"
    address = reverse("admin:workflows_workflowexecution_changelist")
    query = urlencode({"workflow__id__exact": workflow.id, **filters})
    return format_html('<a href="{}?{}">{}</a>', address, query, number)
