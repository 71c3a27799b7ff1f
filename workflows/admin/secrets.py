"""Passwords, tokens and keys by their names; values go in and never come out."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminPasswordWidget

from accounts.admin.base import AccountScopedAdmin
from accounts.admin.forms import StaffForm
from accounts.admin.staff import Acting
from accounts.models import Role
from workflows.authoring import removing
from workflows.messaging.models import Secret
from workflows.messaging.secrets import MAXIMUM_LENGTH, create_secret, replace_secret


class SecretForm(StaffForm):
    """A secret's name and its new value."""

    value = forms.CharField(
        max_length=MAXIMUM_LENGTH,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="1–8192 characters; never shown again. `webhook_signing` takes `whsec_<base64>`.",
    )

    class Meta:
        model = Secret
        fields = ("name", "value")


@admin.register(Secret)
class SecretAdmin(AccountScopedAdmin):
    """Secrets of the account, those of connections and webhooks among them."""

    read_role = write_role = Role.ADMIN
    form = SecretForm
    list_display = ("name", "account", "updated_at", "created_at")
    list_select_related = ("account",)
    search_fields = ("name",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("name", "value") if obj is None else ("name", "value", "created_at", "updated_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else ("name", "created_at", "updated_at")

    def perform_create(self, acting: Acting, data: dict[str, Any]) -> Secret:
        return create_secret(**acting.on_behalf(), **data)

    def perform_change(self, acting: Acting, row: Secret, data: dict[str, Any]) -> Secret:
        return replace_secret(**acting.on_behalf(), secret_id=row.id, value=data["value"])

    def perform_delete(self, acting: Acting, row: Secret) -> None:
        removing.delete_secret(**acting.on_behalf(), secret_id=row.id)
