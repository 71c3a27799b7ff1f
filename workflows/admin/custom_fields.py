"""The fields that an account adds to its contacts."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts.admin.base import AccountScopedAdmin
from accounts.admin.forms import StaffForm
from accounts.admin.staff import Acting
from workflows.authoring import removing
from workflows.crm.models import CustomField
from workflows.crm.services.custom_fields import change_custom_field, define_custom_field
from workflows.engine import clock


class CustomFieldForm(StaffForm):
    """A field's key, label and type, and the values that may be chosen."""

    options = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget,
        help_text="Values of “One of a list” and “Several of a list”, one a line, 1–200; empty for other types.",
    )

    class Meta:
        model = CustomField
        fields = ("key", "label", "field_type", "options")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        field: CustomField | None = kwargs.get("instance")
        if field is not None:
            kwargs["initial"] = {"options": "\n".join(field.options)} | (kwargs.get("initial") or {})
        super().__init__(*args, **kwargs)

    def clean_options(self) -> list[str]:
        return [option for line in self.cleaned_data["options"].splitlines() if (option := line.strip())]


@admin.register(CustomField)
class CustomFieldAdmin(AccountScopedAdmin):
    """Fields of contacts; key and type cannot change, and deleting one empties it on every contact."""

    form = CustomFieldForm
    list_display = ("label", "key", "field_type", "account", "updated_at")
    list_filter = ("field_type",)
    list_select_related = ("account",)
    search_fields = ("key", "label")
    fields = ("key", "label", "field_type", "options")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else ("key", "field_type")

    def perform_create(self, acting: Acting, data: dict[str, Any]) -> CustomField:
        return define_custom_field(**acting.on_behalf(), **data)

    def perform_change(self, acting: Acting, row: CustomField, data: dict[str, Any]) -> CustomField:
        return change_custom_field(**acting.on_behalf(), field_id=row.id, now=clock.now(), **data)

    def perform_delete(self, acting: Acting, row: CustomField) -> None:
        removing.delete_custom_field(**acting.on_behalf(), field_id=row.id, now=clock.now())
