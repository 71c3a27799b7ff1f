"""Forms about contacts: the account's custom fields among the own ones, and what is done to one contact."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminSelect2MultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.admin.forms import OperationForm, StaffForm, members_of
from accounts.models import User
from accounts.problems import Problem
from workflows.crm.models import Channel, ConsentState, Contact, CustomField, FieldType, NoteType, Tag, TaskPriority
from workflows.models import Workflow, WorkflowStatus

PREFIX = "custom_"
UNKNOWN = [("", "–")]


def custom_form_field(field: CustomField) -> forms.Field:
    """Return what a custom field is edited with; the service reads the value and says what is wrong with it."""
    common: dict[str, Any] = {"required": False, "label": field.label, "help_text": f"custom_fields.{field.key}"}
    options = [(option, option) for option in field.options]
    match field.field_type:
        case FieldType.BOOLEAN:
            choices = [*UNKNOWN, ("true", "Yes"), ("false", "No")]
            return forms.ChoiceField(choices=choices, widget=UnfoldAdminSelectWidget, **common)
        case FieldType.SELECT:
            return forms.ChoiceField(choices=[*UNKNOWN, *options], widget=UnfoldAdminSelectWidget, **common)
        case FieldType.MULTI_SELECT:
            return forms.MultipleChoiceField(choices=options, widget=UnfoldAdminSelect2MultipleWidget, **common)
        case FieldType.DATE:
            return forms.DateField(widget=UnfoldAdminSingleDateWidget, **common)
        case FieldType.DATETIME:
            return forms.SplitDateTimeField(widget=UnfoldAdminSplitDateTimeWidget, **common)
        case _:
            return forms.CharField(widget=UnfoldAdminTextInputWidget, max_length=5000, **common)


class ContactForm(StaffForm):
    """A contact: its own fields, its tags and the account's custom fields."""

    attrs = {"owner_id": "owner"}

    phone = forms.CharField(
        max_length=100,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Kept as E.164; without a prefix it is read as one of the account's country.",
    )
    tags = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Names, one a line; made when missing.",
    )

    class Meta:
        model = Contact
        fields = ("first_name", "last_name", "email", "phone", "timezone", "owner", "source", "tags")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        contact: Contact | None = kwargs.get("instance")
        if contact is not None:
            names = Tag.objects.for_account(contact.account_id).filter(contact_tags__contact=contact)
            initial = {"tags": "\n".join(names.order_by("contact_tags__id").values_list("name", flat=True))}
            initial |= {f"{PREFIX}{key}": as_typed(value) for key, value in contact.custom_fields.items()}
            kwargs["initial"] = initial | (kwargs.get("initial") or {})
        super().__init__(*args, **kwargs)

    def clean_tags(self) -> list[str]:
        return [name for line in self.cleaned_data["tags"].splitlines() if (name := line.strip())]

    def field_of(self, problem: Problem) -> str | None:
        attr = problem.attr or ""
        if attr.startswith("custom_fields.") and (name := PREFIX + attr.removeprefix("custom_fields.")) in self.fields:
            return name
        return super().field_of(problem)

    @classmethod
    def with_custom_fields(cls, fields: Iterable[CustomField]) -> type["ContactForm"]:
        """Return the form of an account whose contacts have these fields."""
        return type("ContactForm", (cls,), {f"{PREFIX}{field.key}": custom_form_field(field) for field in fields})


def as_typed(value: Any) -> Any:
    """Return a stored value of a custom field as its form field shows it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.endswith("Z") and "T" in value:
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            return value
    return value


class MemberChoice(forms.ModelChoiceField):
    """An active member of the account."""

    def __init__(self, **options: Any) -> None:
        super().__init__(queryset=User.objects.none(), widget=UnfoldAdminSelectWidget, empty_label="–", **options)


class NoteForm(OperationForm):
    """A remark about the contact."""

    content = forms.CharField(max_length=5000, widget=UnfoldAdminTextareaWidget, help_text="1–5000 characters.")
    note_type = forms.ChoiceField(choices=NoteType.choices, widget=UnfoldAdminSelectWidget, label="Filed as")


class TaskForm(OperationForm):
    """Something to do about the contact."""

    attrs = {"assignee_id": "assignee"}

    title = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget)
    description = forms.CharField(max_length=5000, required=False, widget=UnfoldAdminTextareaWidget)
    due_at = forms.SplitDateTimeField(required=False, widget=UnfoldAdminSplitDateTimeWidget, label="Due")
    assignee = MemberChoice(required=False)
    priority = forms.ChoiceField(
        choices=TaskPriority.choices, initial=TaskPriority.MEDIUM, widget=UnfoldAdminSelectWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["assignee"].queryset = members_of(self.account_id)  # type: ignore[attr-defined]


class ConsentForm(OperationForm):
    """What the contact allowed or forbade."""

    channel = forms.ChoiceField(choices=Channel.choices, widget=UnfoldAdminSelectWidget)
    state = forms.ChoiceField(choices=ConsentState.choices, widget=UnfoldAdminSelectWidget)
    evidence = forms.CharField(
        max_length=2000,
        required=False,
        widget=UnfoldAdminTextareaWidget,
        help_text="How it is known: form, reply, document. Needed to opt in.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("state") == ConsentState.OPT_IN and not (cleaned.get("evidence") or "").strip():
            self.add_error("evidence", forms.ValidationError("Say how the opt-in is known.", "required"))
        return cleaned


class EnrollForm(OperationForm):
    """The workflow that the contact is to enter."""

    workflow = forms.ModelChoiceField(
        queryset=Workflow.objects.none(), widget=UnfoldAdminSelectWidget, help_text="An active workflow."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = Workflow.objects.for_account(self.account_id).filter(deleted_at=None, status=WorkflowStatus.ACTIVE)
        self.fields["workflow"].queryset = own.order_by("name")  # type: ignore[attr-defined]
