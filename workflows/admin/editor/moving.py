"""Doors to the order of steps, and to what a step's menu does: move, duplicate, switch on and off, delete."""

from uuid import UUID

from django.http import HttpResponse

from workflows.admin.editor.answers import REFUSALS, locked, refused, show_board, show_panel
from workflows.admin.editor.board import place_of_step, title_of
from workflows.admin.editor.inputs import number, optional_id
from workflows.admin.editor.opening import Editing, editor_view
from workflows.authoring import chain


@editor_view("POST")
def move(editing: Editing, *, action_id: UUID) -> HttpResponse:
    """Put a step at `position` of the list of `branch_id`."""
    action = editing.action(action_id)
    try:
        moved = chain.move_action(
            **editing.on_behalf(),
            action_id=action_id,
            position=number(editing.request, "position"),
            branch_id=optional_id(editing.request, "branch_id"),
        )
    except REFUSALS as refusal:
        return refused(editing, refusal)
    return show_board(
        editing,
        notice=f"“{title_of(action)}” is step {moved.position + 1} now.",
        focus=place_of_step(action_id),
    )


@editor_view("POST")
def duplicate(editing: Editing, *, action_id: UUID) -> HttpResponse:
    """Put a copy right behind the step."""
    action = editing.action(action_id)
    try:
        copy = chain.duplicate_action(**editing.on_behalf(), action_id=action_id)
    except REFUSALS as refusal:
        return refused(editing, refusal)
    return show_board(
        editing,
        notice=f"A copy of “{title_of(action)}” is step {copy.position + 1} now.",
        focus=place_of_step(copy.action.id),
    )


@editor_view("POST")
def switch(editing: Editing, *, action_id: UUID) -> HttpResponse:
    """Enable a step that is off, disable one that is on, as `is_enabled` says."""
    action = editing.action(action_id)
    is_enabled = editing.request.POST.get("is_enabled") == "1"
    try:
        chain.update_action(**editing.on_behalf(), action_id=action_id, changes={"is_enabled": is_enabled})
    except REFUSALS as refusal:
        return refused(editing, refusal)
    meaning = "is on" if is_enabled else "is off: contacts pass straight through it"
    return show_board(editing, notice=f"“{title_of(action)}” {meaning}.", focus=place_of_step(action_id))


@editor_view("GET", "POST", is_for_editors=True)
def remove(editing: Editing, *, action_id: UUID) -> HttpResponse:
    """Ask, then remove a step; its neighbours are linked to each other."""
    action = editing.action(action_id)
    if editing.is_change:
        neighbour = _neighbour(editing, action_id)
        try:
            chain.remove_action(**editing.on_behalf(), action_id=action_id)
        except REFUSALS as refusal:
            return refused(editing, refusal)
        return show_board(editing, notice=f"“{title_of(action)}” was deleted.", focus=neighbour)
    if not editing.is_open:
        return locked(editing)
    context = {
        "question": f"Delete the step “{title_of(action)}”?",
        "consequences": ["What it was configured with is lost. The steps around it are joined."],
        "verb": "Delete step",
        "is_danger": True,
    }
    return show_panel(editing, "confirm", context, title="Delete step")


def _neighbour(editing: Editing, action_id: UUID) -> str:
    """Return the id of the element that stands where a step stood once it is gone."""
    items = chain.list_actions(account_id=editing.workflow.account_id, workflow_id=editing.workflow.id)
    gone = next(item for item in items if item.action.id == action_id)
    other = gone.next_action_id or gone.action.previous_action_id
    return place_of_step(other) if other else "steps"
