"""The form of one step: what all types share, the type's own config, and the retry rule of calls outside."""

from collections.abc import Sequence
from uuid import UUID

from django import forms
from django.http import QueryDict
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from accounts.problems import Conflict, Invalid, Problem, Stale
from workflows.actions.base import ActionType
from workflows.actions.outside import OutsideType
from workflows.admin.config_forms import ConfigForm, EarlierStep
from workflows.admin.editor.answers import Refusal
from workflows.admin.editor.refusals import STALE
from workflows.admin.editor.trying import offered_contacts
from workflows.authoring.action_fields import KEY_LENGTH, ActionChanges
from workflows.authoring.retry_rules import RetryRule
from workflows.models import Action, OnError

NAME_LENGTH = 120


class CommonForm(forms.Form):
    """What may be set of a step of any type."""

    name = forms.CharField(required=False, max_length=NAME_LENGTH, help_text="Label on the card, ≤ 120 characters.")
    key = forms.CharField(
        required=False,
        max_length=KEY_LENGTH,
        widget=UnfoldAdminTextInputWidget(attrs={"spellcheck": "false", "autocomplete": "off"}),
        help_text="Templates of later steps read this step's results as steps.<key>. Lower-case letters, digits and _.",
    )
    on_error = forms.ChoiceField(
        label="When it fails",
        choices=OnError.choices,
        widget=UnfoldAdminSelectWidget(),
    )
    is_enabled = forms.BooleanField(
        label="Enabled",
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
        help_text="Contacts pass straight through a step that is off.",
    )

    def __init__(self, kind: ActionType, action: Action | None, data: QueryDict | None) -> None:
        initial = {"on_error": OnError.STOP, "is_enabled": True}
        if action is not None:
            initial = {name: getattr(action, name) for name in ("name", "key", "on_error", "is_enabled")}
        super().__init__(data, initial=initial)
        self.fields["name"].widget = UnfoldAdminTextInputWidget(
            attrs={"dir": "auto", "placeholder": kind.label, "maxlength": NAME_LENGTH, "autocomplete": "off"}
        )
        self.fields["key"].required = action is not None
        if action is None:
            self.fields["key"].widget.attrs["placeholder"] = "Made from the type"


class StepForm:
    """All fields of one step, new or stored; says what to save and takes what was refused."""

    def __init__(
        self,
        kind: ActionType,
        *,
        action: Action | None,
        account_id: UUID,
        data: QueryDict | None,
        is_readonly: bool,
        earlier_steps: Sequence[EarlierStep] = (),
        event_types: Sequence[str] = (),
    ) -> None:
        self.kind = kind
        self.is_bound = data is not None
        self.common = CommonForm(kind, action, data)
        self.config = ConfigForm(
            kind,
            account_id=account_id,
            config=action.action_config if action else None,
            data=data,
            earlier_steps=earlier_steps,
            event_types=event_types,
            is_readonly=is_readonly,
        )
        self.retry = None
        if isinstance(kind, OutsideType):
            rule = action.retry if action else None
            self.retry = ConfigForm(
                RetryRule, account_id=account_id, config=rule, data=data, prefix="retry", is_readonly=is_readonly
            )
        self.errors: list[str] = []

    def is_valid(self) -> bool:
        """Read everything, so that every mistake is shown at once."""
        parts = [self.common.is_valid(), self.config.is_valid(), self.retry is None or self.retry.is_valid()]
        return all(parts)

    def values(self) -> ActionChanges:
        """Return what to save."""
        cleaned = self.common.cleaned_data
        values: ActionChanges = {
            "action_config": self.config.config,
            "name": cleaned["name"],
            "on_error": cleaned["on_error"],
            "is_enabled": cleaned["is_enabled"],
        }
        if cleaned["key"]:
            values["key"] = cleaned["key"]
        if self.retry is not None:
            values["retry"] = self.retry.config or None
        return values

    def refuse(self, refusal: Refusal) -> None:
        """Show why it was not saved."""
        if isinstance(refusal, Stale):
            self.errors.append(STALE)
        elif isinstance(refusal, Conflict):
            self.add_problems([refusal.problem])
        elif isinstance(refusal, Invalid):
            self.add_problems(refusal.problems)

    def add_problems(self, problems: Sequence[Problem]) -> None:
        """Show each problem at the field that its path names, else above the form."""
        for problem in self.config.add_problems(problems):
            first, _, rest = (problem.attr or "").partition(".")
            if first == "retry" and self.retry is not None:
                self.retry.add_problems([Problem(problem.code, problem.detail, f"config.{rest}")])
            elif first in self.common.fields and self.is_bound:
                self.common.add_error(first, problem.detail)
            else:
                self.errors.append(problem.detail)

    @property
    def is_tried(self) -> bool:
        """Whether people may run what the form holds before they save it."""
        return isinstance(self.kind, OutsideType) and self.kind.is_pure

    def trial_contacts(self) -> list[tuple[str, str]]:
        """Return the contacts to run it for: what names each, and its name."""
        return offered_contacts(self.config.account_id)

    @property
    def has_errors_apart(self) -> bool:
        """Whether a field is wrong that is folded away until it is asked for."""
        folded = any(name in self.common.errors for name in ("key", "on_error", "is_enabled"))
        return folded or (self.retry is not None and self.retry.has_errors)
