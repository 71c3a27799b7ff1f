"""Doors to steps: the palette, adding, showing, changing."""

from collections.abc import Sequence
from uuid import UUID

from django.http import Http404, HttpResponse

from accounts.problems import Invalid, Problem
from workflows.actions.registry import registry as action_types
from workflows.admin.config_forms import EarlierStep
from workflows.admin.editor.answers import REFUSALS, Refusal, locked, refused, show_board, show_panel
from workflows.admin.editor.board import UNKNOWN_TYPE, place_of_step, title_of
from workflows.admin.editor.inputs import optional_id
from workflows.admin.editor.opening import Editing, editor_view
from workflows.admin.editor.palette import first_sentence, shelves
from workflows.admin.editor.step_form import StepForm
from workflows.authoring import chain
from workflows.authoring.ordering import PlacedAction
from workflows.authoring.validation import Severity, findings
from workflows.models import Trigger
from workflows.triggers.registry import registry as trigger_types


@editor_view("GET", is_for_editors=True)
def palette(editing: Editing) -> HttpResponse:
    """Offer every type for one place: behind `previous_action_id`, or at the head of the list of `branch_id`."""
    if not editing.is_open:
        return locked(editing)
    return show_panel(editing, "palette", {"shelves": shelves(), **_place(editing)}, title="Add a step")


@editor_view("GET", "POST", is_for_editors=True)
def add(editing: Editing, *, slug: str) -> HttpResponse:
    """Show the form of a new step of one type; save it at its place."""
    if slug not in action_types:
        raise Http404
    if not (editing.is_open or editing.is_change):
        return locked(editing)
    kind, place = action_types.get(slug), _place(editing)
    previous_id, branch_id = place["previous_action_id"], place["branch_id"]
    form = StepForm(
        kind,
        action=None,
        account_id=editing.workflow.account_id,
        data=editing.request.POST if editing.is_change else None,
        is_readonly=not editing.is_open,
        earlier_steps=_earlier(_items(editing), behind=previous_id),
        event_types=_event_types(editing),
    )
    refusal: Refusal | None = None
    if editing.is_change and form.is_valid():
        where = {"previous_action_id": previous_id} if previous_id else {"position": 0}
        try:
            added = chain.add_action(
                **editing.on_behalf(), action_type=slug, **form.values(), **where, branch_id=branch_id
            )
        except REFUSALS as raised:
            refusal = raised
            form.refuse(raised)
        else:
            return show_board(
                editing,
                notice=f"“{title_of(added.action)}” was added as step {added.position + 1}.",
                focus=place_of_step(added.action.id),
            )
    context = {"form": form, "kind": kind, "sentence": first_sentence(kind.description()), "is_new": True, **place}
    return show_panel(editing, "step", context, title="New step", refusal=refusal)


@editor_view("GET", "POST")
def step(editing: Editing, *, action_id: UUID) -> HttpResponse:
    """Show the form of a step; save it. Whoever cannot change it now sees the same form without controls."""
    action = editing.action(action_id)
    if action.action_type not in action_types:
        if editing.is_change:
            return refused(editing, Invalid(Problem("invalid_action_type", UNKNOWN_TYPE)))
        return show_panel(editing, "unknown_step", {"action": action}, title=title_of(action))
    kind, items = action_types.get(action.action_type), _items(editing)
    form = StepForm(
        kind,
        action=action,
        account_id=editing.workflow.account_id,
        data=editing.request.POST if editing.is_change else None,
        is_readonly=not editing.is_open,
        earlier_steps=_earlier(items, before=action_id),
        event_types=_event_types(editing),
    )
    refusal: Refusal | None = None
    if editing.is_change and form.is_valid():
        try:
            chain.update_action(**editing.on_behalf(), action_id=action_id, changes=form.values())
        except REFUSALS as raised:
            refusal = raised
            form.refuse(raised)
        else:
            action = editing.action(action_id)
            return show_board(editing, notice=f"“{title_of(action)}” was saved.", focus=place_of_step(action_id))
    elif editing.is_checked:
        form.add_problems(_problems(items, action_id))
    context = {"form": form, "kind": kind, "action": action, "sentence": first_sentence(kind.description())}
    return show_panel(editing, "step", context, title=title_of(action), refusal=refusal)


def _items(editing: Editing) -> list[PlacedAction]:
    return chain.list_actions(account_id=editing.workflow.account_id, workflow_id=editing.workflow.id)


def _place(editing: Editing) -> dict[str, UUID | None]:
    """Return where a new step is to go; an address or form that was tampered with leads nowhere."""
    try:
        return {name: optional_id(editing.request, name) for name in ("previous_action_id", "branch_id")}
    except Invalid:
        raise Http404 from None


def _earlier(
    items: Sequence[PlacedAction], *, before: UUID | None = None, behind: UUID | None = None
) -> list[EarlierStep]:
    """Return the steps whose results templates of a step may use: those before it, or up to the one it goes behind."""
    earlier: list[EarlierStep] = []
    for action in (item.action for item in items):
        if action.id == before or (before is None and behind is None):
            break
        if action.action_type in action_types:
            kind = action_types.get(action.action_type)
            earlier.append(EarlierStep(key=action.key, label=title_of(action), results=kind.results))
        if action.id == behind:
            break
    return earlier


def _event_types(editing: Editing) -> list[str]:
    """Return the events that enroll contacts: what `trigger.*` of templates can be."""
    triggers = Trigger.objects.for_account(editing.workflow.account_id).filter(workflow=editing.workflow)
    slugs = set(triggers.values_list("trigger_type", flat=True))
    return sorted({kind.event_type for kind in trigger_types if kind.slug in slugs and kind.event_type})


def _problems(items: Sequence[PlacedAction], action_id: UUID) -> list[Problem]:
    """Return the errors that keep the workflow from being activated, of one step, by paths inside it."""
    start = f"actions.{action_id}."
    return [
        Problem(finding.code, finding.detail, finding.attr.removeprefix(start))
        for finding in findings(items, [])
        if finding.action_id == action_id and finding.severity == Severity.ERROR
    ]
