"""What the editor answers: the board, a panel in the drawer, or a whole page to whoever has no JavaScript."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.contrib import admin, messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from accounts.problems import Conflict, Invalid, Stale
from workflows.admin.config_forms import ConfigForm
from workflows.admin.editor.board import read_board
from workflows.admin.editor.opening import Editing
from workflows.authoring.editing import require_editable
from workflows.models import Workflow

FOLDER = "admin/workflows/editor/"

STALE = (
    "Somebody else changed this workflow meanwhile. The steps below are as they are now; nothing of yours was saved."
    " Look at them, then repeat your change."
)

Refusal = Invalid | Conflict | Stale
REFUSALS = (Invalid, Conflict, Stale)


def show_board(
    editing: Editing,
    *,
    status: HTTPStatus = HTTPStatus.OK,
    notice: str = "",
    errors: Sequence[str] = (),
    focus: str = "",
    is_checked: bool | None = None,
) -> HttpResponse:
    """Answer with the board as it is now; `focus` is the id of the element that gets the keyboard's focus.

    A change that succeeded without JavaScript leads back to the page.
    """
    if editing.is_change and not editing.is_htmx and not errors and is_checked is None:
        messages.success(editing.request, notice)
        return redirect(page_of(editing.workflow))
    context = board_context(editing, is_checked=is_checked)
    context |= {"notice": notice, "errors": errors, "focus": focus}
    return _render(editing, "board" if editing.is_htmx else "page", context, status)


def show_panel(
    editing: Editing,
    panel: str,
    context: Mapping[str, Any],
    *,
    title: str,
    refusal: Refusal | None = None,
) -> HttpResponse:
    """Answer with a panel of the drawer; after a refusal with what was typed, and with the board as it is by now."""
    status = status_of(refusal) if refusal else HTTPStatus.OK
    if status is HTTPStatus.BAD_REQUEST:
        status = HTTPStatus.OK  # a form with errors at its fields is an answer like any other
    context = {**context, "panel": f"{FOLDER}{panel}.html", "panel_title": title}
    if editing.is_htmx and isinstance(refusal, Conflict | Stale):
        context |= board_context(editing) | {"is_aside": True}
    else:
        context |= base_context(editing.reread() if editing.is_change else editing)
    response = _render(editing, "panel" if editing.is_htmx else "panel_page", context, status)
    if editing.is_change:
        response["HX-Retarget"] = "#drawer-body"
        response["HX-Reswap"] = "innerHTML"
    return response


def refused(editing: Editing, refusal: Refusal) -> HttpResponse:
    """Answer a command that was not carried out: the board as it is, and why."""
    response = show_board(editing, status=status_of(refusal), errors=sentences(refusal))
    response["HX-Retarget"] = "#editor"
    response["HX-Reswap"] = "outerHTML"
    return response


def locked(editing: Editing) -> HttpResponse:
    """Answer whoever asks for the form of a change that the workflow's state does not allow."""
    try:
        require_editable(editing.workflow)
    except Conflict as refusal:
        return refused(editing, refusal)
    raise AssertionError("asked only while the workflow is locked")


def status_of(refusal: Refusal) -> HTTPStatus:
    if isinstance(refusal, Stale):
        return HTTPStatus.PRECONDITION_FAILED
    return HTTPStatus.CONFLICT if isinstance(refusal, Conflict) else HTTPStatus.BAD_REQUEST


def sentences(refusal: Refusal) -> list[str]:
    """Return what a person is told about a refusal."""
    if isinstance(refusal, Stale):
        return [STALE]
    if isinstance(refusal, Conflict):
        return [refusal.problem.detail]
    return [problem.detail for problem in refusal.problems]


def leave_for(editing: Editing, address: str) -> HttpResponse:
    """Send the browser to another page."""
    if not editing.is_htmx:
        return redirect(address)
    response = HttpResponse()
    response["HX-Redirect"] = address
    return response


def page_of(workflow: Workflow) -> str:
    return reverse("admin:workflows_workflow_change", args=[workflow.pk])


def board_context(editing: Editing, *, is_checked: bool | None = None) -> dict[str, Any]:
    """Return what the board's template wants, read anew after a change."""
    if editing.is_change:
        editing = editing.reread()
    checked = editing.is_checked if is_checked is None else is_checked
    return {**base_context(editing), "board": read_board(editing, is_checked=checked)}


def base_context(editing: Editing) -> dict[str, Any]:
    return {"editing": editing, "workflow": editing.workflow}


def _render(editing: Editing, template: str, context: Mapping[str, Any], status: HTTPStatus) -> HttpResponse:
    if not editing.is_htmx:
        around = admin.site.each_context(editing.request)
        context = {
            **around,
            "opts": Workflow._meta,  # noqa: SLF001 - Django's name for it
            "original": editing.workflow,
            "title": editing.workflow.name,
            "config_form_media": ConfigForm.media,
            **context,
        }
    return render(editing.request, f"{FOLDER}{template}.html", dict(context), status=status)
