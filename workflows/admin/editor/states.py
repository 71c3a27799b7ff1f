"""Doors to a workflow's state: activate (or resume), pause, archive, restore, clone, validate."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.http import HttpResponse
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.problems import Invalid
from workflows.admin.editor.answers import REFUSALS, leave_for, page_of, refused, show_board, show_panel
from workflows.admin.editor.opening import Editing, editor_view
from workflows.admin.editor.refusals import add_refusal
from workflows.admin.editor.wording import counted
from workflows.analytics.enrollments import NOBODY, enrollment_counts
from workflows.authoring import publishing, workflows
from workflows.authoring.chain import list_actions
from workflows.models import Trigger

ASKED = {"revision", "contacts_inside"}
"""What activating is sent; other problems are those of the workflow."""


@editor_view("GET", "POST", is_for_editors=True)
def activate(editing: Editing) -> HttpResponse:
    """Activate or resume; asks what contacts inside shall do where that makes a difference."""
    if not editing.is_change:
        context = {
            "contacts": contacts_inside(editing),
            "is_changed": _is_changed(editing),
            "next_version": editing.workflow.version + 1,
        }
        return show_panel(editing, "activate", context, title="Activate")
    try:
        activation = publishing.activate_workflow(
            **editing.on_behalf(), contacts_inside=editing.request.POST.get("contacts_inside", "keep")
        )
    except REFUSALS as refusal:
        if isinstance(refusal, Invalid) and not {problem.attr for problem in refusal.problems} & ASKED:
            return show_board(editing, focus="problems", is_checked=True)
        return refused(editing, refusal)
    counts = activation.contacts_inside
    told = [
        f"“{editing.workflow.name}” is active on version {activation.workflow.version}.",
        counts.kept and f"{counted(counts.kept, 'contact stays', 'contacts stay')} on the version they were on.",
        counts.moved and f"{counted(counts.moved, 'contact was', 'contacts were')} moved to the new version.",
        counts.completed and f"{counted(counts.completed, 'contact', 'contacts')} ended: no step of theirs is left.",
    ]
    return show_board(editing, notice=" ".join(sentence for sentence in told if sentence), focus="state")


@editor_view("POST")
def pause(editing: Editing) -> HttpResponse:
    """Pause an active workflow, which unlocks it."""
    return _changed(editing, publishing.pause_workflow, "is paused: nobody enters it and no step starts")


@editor_view("POST")
def restore(editing: Editing) -> HttpResponse:
    """Make an archived workflow a draft again."""
    return _changed(editing, publishing.restore_workflow, "is a draft again")


@editor_view("GET", "POST", is_for_editors=True)
def archive(editing: Editing) -> HttpResponse:
    """Ask, then archive; contacts inside are cancelled."""
    if editing.is_change:
        return _changed(editing, publishing.archive_workflow, "is archived")
    inside = contacts_inside(editing)
    context = {
        "question": f"Archive “{editing.workflow.name}”?",
        "consequences": [
            "Nobody enters it any more. It can be restored as a draft or cloned.",
            f"{counted(inside, 'contact', 'contacts')} inside will be cancelled." if inside else "Nobody is inside.",
        ],
        "verb": "Archive",
        "is_danger": bool(inside),
    }
    return show_panel(editing, "confirm", context, title="Archive workflow")


@editor_view("POST")
def validate(editing: Editing) -> HttpResponse:
    """Show what keeps the workflow from being activated, without changing anything."""
    return show_board(editing, focus="problems", is_checked=True)


class CloneForm(forms.Form):
    """Asks how a copy shall be called."""

    name = forms.CharField(
        required=False,
        max_length=workflows.NAME_LENGTH,
        widget=UnfoldAdminTextInputWidget(attrs={"dir": "auto"}),
        help_text="3–100 letters, digits, spaces, - and _. Left empty, the copy is named after the original.",
    )


@editor_view("GET", "POST", is_for_editors=True)
def clone(editing: Editing) -> HttpResponse:
    """Ask for a name, then copy the workflow into a new draft and go there."""
    form = CloneForm(editing.request.POST if editing.is_change else None)
    refusal = None
    if editing.is_change and form.is_valid():
        try:
            copy = workflows.clone_workflow(**editing.on_behalf(), name=form.cleaned_data["name"] or None)
        except REFUSALS as raised:
            refusal = raised
            add_refusal(form, raised)
        else:
            return leave_for(editing, page_of(copy))
    return show_panel(editing, "clone", {"form": form}, title="Clone workflow", refusal=refusal)


def contacts_inside(editing: Editing) -> int:
    """Return how many executions of the workflow have not ended."""
    workflow = editing.workflow
    counts = enrollment_counts(account_id=workflow.account_id, workflow_ids=[workflow.id])
    return counts.get(workflow.id, NOBODY).currently_active


def _is_changed(editing: Editing) -> bool:
    workflow = editing.workflow
    return publishing.has_unpublished_changes(
        workflow,
        list_actions(account_id=workflow.account_id, workflow_id=workflow.id),
        list(Trigger.objects.for_account(workflow.account_id).filter(workflow=workflow)),
    )


def _changed(editing: Editing, change: Callable[..., Any], outcome: str) -> HttpResponse:
    try:
        change(**editing.on_behalf())
    except REFUSALS as refusal:
        return refused(editing, refusal)
    return show_board(editing, notice=f"“{editing.workflow.name}” {outcome}.", focus="state")
