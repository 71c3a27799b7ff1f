"""Accounts: their settings and limits."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from accounts.admin.base import AccountScopedAdmin, actor_of
from accounts.models import Account
from accounts.services.accounts import CHANGEABLE, account_problems, update_account


class AccountForm(forms.ModelForm):
    """Settings, checked like those that come through the API."""

    class Meta:
        model = Account
        fields = CHANGEABLE

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for problem in account_problems(cleaned):
            self.add_error(problem.attr, forms.ValidationError(problem.detail, problem.code))
        return cleaned


@admin.register(Account)
class AccountAdmin(AccountScopedAdmin):
    """Superusers change settings; accounts are made by `manage.py create_account`."""

    account_field = "pk"
    form = AccountForm
    list_display = ("name", "timezone", "currency", "request_limit", "created_at")
    search_fields = ("name",)
    readonly_fields = ("id", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("id", "name", "timezone", "currency", "default_country")}),
        ("Limits", {"fields": ("request_limit", "workflow_creation_limit", "workflow_limit", "log_retention_days")}),
        ("Times", {"fields": ("created_at", "updated_at")}),
    )

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_superuser

    def save_model(self, request: HttpRequest, obj: Account, form: forms.ModelForm, change: bool) -> None:
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        update_account(account_id=obj.pk, actor=actor_of(request), changes=changes)
