"""The door to a workflow's name, description and settings."""

import zoneinfo
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpResponse
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from accounts.models import Membership
from workflows.admin.editor.answers import REFUSALS, show_board, show_panel
from workflows.admin.editor.opening import Editing, editor_view
from workflows.admin.editor.refusals import add_refusal
from workflows.authoring.workflows import NAME_LENGTH, SETTINGS, WorkflowChanges, update_workflow
from workflows.models import Reentry, Workflow

OF_A_VERSION = "Part of a version: can be changed in a draft or paused workflow only."


class MultilineField(forms.CharField):
    """A text of several lines; browsers send line ends of their own."""

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).replace("\r\n", "\n")


class SettingsForm(forms.Form):
    """What may be set of a workflow besides its steps and triggers."""

    name = forms.CharField(
        max_length=NAME_LENGTH,
        widget=UnfoldAdminTextInputWidget(attrs={"dir": "auto"}),
        help_text="3–100 letters, digits, spaces, - and _; unique in the account.",
    )
    description = MultilineField(
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"dir": "auto", "rows": 3}),
        help_text="For people; ≤ 2000 characters.",
    )
    reentry = forms.ChoiceField(
        label="Re-entry",
        choices=Reentry.choices,
        widget=UnfoldAdminSelectWidget(),
        help_text="How often one contact may enter.",
    )
    timezone = forms.ChoiceField(
        label="Time zone",
        required=False,
        widget=UnfoldAdminSelectWidget(),
        help_text="For windows of time and dates.",
    )
    owner = forms.ChoiceField(
        required=False,
        widget=UnfoldAdminSelectWidget(),
        help_text="The member who is told about failures.",
    )
    notify_on_failure = forms.BooleanField(
        label="Tell the owner when a run fails or pauses",
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
    )

    def __init__(self, workflow: Workflow, *, is_open: bool, data: Any = None) -> None:
        initial = {name: getattr(workflow, name) for name in ("name", "description", *SETTINGS)}
        super().__init__(data, initial=initial | {"owner": str(workflow.owner_id or "")})
        zone = self.fields["timezone"]
        assert isinstance(zone, forms.ChoiceField)
        zone.choices = [
            ("", f"The account's ({workflow.account.timezone})"),
            *((name, name.replace("_", " ")) for name in sorted(zoneinfo.available_timezones())),
        ]
        owner = self.fields["owner"]
        assert isinstance(owner, forms.ChoiceField)
        owner.choices = _owners(workflow)
        if not is_open:
            for name in ("reentry", "timezone"):
                self.fields[name].disabled = True
                self.fields[name].help_text = OF_A_VERSION

    def changes(self) -> WorkflowChanges:
        """Return what differs from what the form was filled with."""
        values = {name: self.cleaned_data[name] for name in self.changed_data}
        changes: WorkflowChanges = {}
        if "name" in values:
            changes["name"] = values["name"]
        if "description" in values:
            changes["description"] = values["description"]
        if values.get("owner"):
            changes["owner_id"] = UUID(values["owner"])
        if settings := {name: value for name, value in values.items() if name in SETTINGS}:
            changes["settings"] = settings
        return changes


@editor_view("GET", "POST")
def settings(editing: Editing) -> HttpResponse:
    """Show the settings; whoever may edit saves them here."""
    form = SettingsForm(
        editing.workflow, is_open=editing.is_open, data=editing.request.POST if editing.is_change else None
    )
    refusal = None
    if editing.is_change and form.is_valid():
        try:
            update_workflow(**editing.on_behalf(), changes=form.changes())
        except REFUSALS as raised:
            refusal = raised
            add_refusal(form, raised)
        else:
            return show_board(editing, notice="The settings were saved.", focus="state")
    return show_panel(editing, "settings", {"form": form}, title="Settings", refusal=refusal)


def _owners(workflow: Workflow) -> list[tuple[str, str]]:
    """Return the active members; also the present owner if they left, and nobody where there is none."""
    members = (
        Membership.objects.for_account(workflow.account_id)
        .filter(is_active=True, user__is_active=True)
        .select_related("user")
        .order_by("user__email")
    )
    owners = [(str(member.user_id), str(member.user)) for member in members]
    if workflow.owner is None:
        return [("", "Nobody"), *owners]
    if str(workflow.owner_id) not in dict(owners):
        owners.insert(0, (str(workflow.owner_id), f"{workflow.owner} (no longer a member)"))
    return owners
