"""Doors to what enrolls contacts: the types, adding, showing, changing, deleting triggers."""

from uuid import UUID

from django import forms
from django.http import Http404, HttpResponse, QueryDict
from unfold.widgets import UnfoldBooleanSwitchWidget

from accounts.problems import Conflict, Invalid, Problem, Stale
from workflows.admin.config_forms import ConfigForm
from workflows.admin.editor.answers import REFUSALS, Refusal, locked, refused, show_board, show_panel
from workflows.admin.editor.board import UNKNOWN_TYPE, place_of_trigger, title_of_trigger
from workflows.admin.editor.opening import Editing, editor_view
from workflows.admin.editor.palette import first_sentence
from workflows.admin.editor.refusals import STALE
from workflows.authoring import triggers as authoring
from workflows.authoring.triggers import TriggerChanges
from workflows.models import Trigger
from workflows.triggers.base import TriggerType
from workflows.triggers.registry import UnknownTriggerType
from workflows.triggers.registry import registry as trigger_types


class SwitchForm(forms.Form):
    """What may be set of a trigger of any type."""

    is_active = forms.BooleanField(
        label="Active",
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
        help_text="A trigger that is off enrolls nobody.",
    )


class TriggerForm:
    """All fields of one trigger, new or stored."""

    def __init__(
        self,
        kind: TriggerType,
        *,
        trigger: Trigger | None,
        account_id: UUID,
        data: QueryDict | None,
        is_readonly: bool = False,
    ) -> None:
        self.common = SwitchForm(data, initial={"is_active": trigger.is_active if trigger else True})
        self.config = ConfigForm(
            kind,
            account_id=account_id,
            config=trigger.settings if trigger else None,
            data=data,
            prefix="settings",
            is_readonly=is_readonly,
        )
        self.errors: list[str] = []

    def is_valid(self) -> bool:
        parts = [self.common.is_valid(), self.config.is_valid()]
        return all(parts)

    def values(self) -> TriggerChanges:
        return {"settings": self.config.config, "is_active": self.common.cleaned_data["is_active"]}

    def refuse(self, refusal: Refusal) -> None:
        """Show why it was not saved."""
        if isinstance(refusal, Stale):
            self.errors.append(STALE)
            return
        problems = [refusal.problem] if isinstance(refusal, Conflict) else refusal.problems
        self.errors += [problem.detail for problem in self.config.add_problems(problems)]


@editor_view("GET", is_for_editors=True)
def choices(editing: Editing) -> HttpResponse:
    """Offer every type of trigger."""
    if not editing.is_open:
        return locked(editing)
    kinds = [(kind, first_sentence(kind.description())) for kind in trigger_types]
    return show_panel(editing, "trigger_types", {"kinds": kinds}, title="Add a trigger")


@editor_view("GET", "POST", is_for_editors=True)
def add(editing: Editing, *, slug: str) -> HttpResponse:
    """Show the form of a new trigger of one type; save it."""
    kind = _kind(slug)
    if not (editing.is_open or editing.is_change):
        return locked(editing)
    form = TriggerForm(
        kind,
        trigger=None,
        account_id=editing.workflow.account_id,
        data=editing.request.POST if editing.is_change else None,
    )
    refusal: Refusal | None = None
    if editing.is_change and form.is_valid():
        try:
            added = authoring.add_trigger(**editing.on_behalf(), trigger_type=slug, **form.values())
        except REFUSALS as raised:
            refusal = raised
            form.refuse(raised)
        else:
            return show_board(
                editing, notice=f"The trigger “{kind.label}” was added.", focus=place_of_trigger(added.id)
            )
    context = {"form": form, "kind": kind, "sentence": first_sentence(kind.description()), "is_new": True}
    return show_panel(editing, "trigger", context, title="New trigger", refusal=refusal)


@editor_view("GET", "POST")
def trigger(editing: Editing, *, trigger_id: UUID) -> HttpResponse:
    """Show the form of a trigger; save it."""
    row = editing.trigger(trigger_id)
    try:
        kind = trigger_types.get(row.trigger_type)
    except UnknownTriggerType:
        return refused(editing, Invalid(Problem("invalid_trigger_type", f"{row.trigger_type}: {UNKNOWN_TYPE}")))
    form = TriggerForm(
        kind,
        trigger=row,
        account_id=editing.workflow.account_id,
        data=editing.request.POST if editing.is_change else None,
        is_readonly=not editing.is_open,
    )
    refusal: Refusal | None = None
    if editing.is_change and form.is_valid():
        try:
            authoring.update_trigger(**editing.on_behalf(), trigger_id=trigger_id, changes=form.values())
        except REFUSALS as raised:
            refusal = raised
            form.refuse(raised)
        else:
            return show_board(
                editing, notice=f"The trigger “{kind.label}” was saved.", focus=place_of_trigger(trigger_id)
            )
    context = {"form": form, "kind": kind, "trigger": row, "sentence": first_sentence(kind.description())}
    return show_panel(editing, "trigger", context, title=kind.label, refusal=refusal)


@editor_view("GET", "POST", is_for_editors=True)
def remove(editing: Editing, *, trigger_id: UUID) -> HttpResponse:
    """Ask, then remove a trigger."""
    title = title_of_trigger(editing.trigger(trigger_id))
    if editing.is_change:
        try:
            authoring.remove_trigger(**editing.on_behalf(), trigger_id=trigger_id)
        except REFUSALS as refusal:
            return refused(editing, refusal)
        return show_board(editing, notice=f"The trigger “{title}” was deleted.", focus="triggers")
    if not editing.is_open:
        return locked(editing)
    context = {
        "question": f"Delete the trigger “{title}”?",
        "consequences": ["It enrolls nobody any more. Contacts that are inside stay."],
        "verb": "Delete trigger",
        "is_danger": True,
    }
    return show_panel(editing, "confirm", context, title="Delete trigger")


def _kind(slug: str) -> TriggerType:
    try:
        return trigger_types.get(slug)
    except UnknownTriggerType:
        raise Http404 from None
