"""Opening a workflow in the editor: every view of it begins here."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Self, TypeVar
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from accounts.admin.staff import Acting, staff_of
from accounts.models import Role
from accounts.problems import Forbidden, Missing
from workflows.admin.editor.inputs import seen_revision
from workflows.authoring.editing import EDITABLE_STATUSES
from workflows.models import Action, Trigger, Workflow

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Editing:
    """One request of a staff member who looks at one workflow or changes it."""

    request: HttpRequest
    workflow: Workflow
    acting: Acting

    @property
    def is_htmx(self) -> bool:
        """Whether a part of the page is asked for, not a page."""
        return self.request.headers.get("HX-Request") == "true"

    @property
    def is_change(self) -> bool:
        return self.request.method == "POST"

    @property
    def is_checked(self) -> bool:
        """Whether the board shows what keeps the workflow from being activated: asked for once, it stays."""
        return self.request.POST.get("checked", self.request.GET.get("checked")) == "1"

    @property
    def may_edit(self) -> bool:
        return self.acting.role.includes(Role.EDITOR)

    @property
    def is_open(self) -> bool:
        """Whether this person could change steps and triggers now."""
        return self.may_edit and self.workflow.status in EDITABLE_STATUSES

    def on_behalf(self) -> dict[str, Any]:
        """Return what every changing function wants, with the revision that the sender has seen, or raise Invalid."""
        return {
            **self.acting.on_behalf(),
            "workflow_id": self.workflow.id,
            "expected_revision": seen_revision(self.request),
        }

    def action(self, action_id: UUID) -> Action:
        actions = Action.objects.for_account(self.workflow.account_id).filter(workflow=self.workflow)
        return _only(actions.filter(id=action_id).first())

    def trigger(self, trigger_id: UUID) -> Trigger:
        triggers = Trigger.objects.for_account(self.workflow.account_id).filter(workflow=self.workflow)
        return _only(triggers.filter(id=trigger_id).first())

    def reread(self) -> Self:
        """Return the same with the workflow as it is by now."""
        return type(self)(self.request, find(self.workflow.account_id, self.workflow.id), self.acting)


def find(account_id: UUID, workflow_id: UUID) -> Workflow:
    workflows = Workflow.objects.for_account(account_id).present().select_related("account", "owner", "updated_by")
    return _only(workflows.filter(id=workflow_id).first())


def open_editor(request: HttpRequest, workflow_id: UUID, *, is_for_editors: bool) -> Editing:
    """Open a workflow of one of the person's accounts, else 404; who may not edit is let in to look alone (403)."""
    staff = staff_of(request)
    workflows = staff.narrowed(Workflow.objects.present().select_related("account", "owner", "updated_by"))
    workflow = _only(workflows.filter(id=workflow_id).first())
    editing = Editing(request, workflow, staff.acting_in(workflow.account_id))
    if (editing.is_change or is_for_editors) and not editing.may_edit:
        raise PermissionDenied
    return editing


def editor_view(
    *methods: str, is_for_editors: bool = False
) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Turn `view(editing, **ids)` into a view of the request, the workflow's id and further ids.

    Looking takes a viewer, changing an editor; with `is_for_editors` looking does too.
    """

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @require_http_methods([*methods, "HEAD"] if "GET" in methods else methods)
        @wraps(view)
        def opened(request: HttpRequest, workflow_id: UUID, **ids: Any) -> HttpResponse:
            editing = open_editor(request, workflow_id, is_for_editors=is_for_editors)
            try:
                return view(editing, **ids)
            except Missing:
                raise Http404 from None
            except Forbidden:
                raise PermissionDenied from None

        return opened

    return decorate


def _only(row: Row | None) -> Row:
    if row is None:
        raise Http404
    return row
