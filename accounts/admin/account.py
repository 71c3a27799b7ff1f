"""Accounts: their settings and limits."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Model

from accounts.admin.base import AccountScopedAdmin
from accounts.admin.forms import StaffForm
from accounts.admin.staff import Acting
from accounts.models import Account, Role
from accounts.services.accounts import CHANGEABLE, SENDING_LIMITS, update_account


class AccountForm(StaffForm):
    """Settings of the account."""

    class Meta:
        model = Account
        fields = CHANGEABLE


@admin.register(Account)
class AccountAdmin(AccountScopedAdmin):
    """Admins and owners change settings; accounts are made by `manage.py create_account`."""

    account_field = "pk"
    write_role = Role.ADMIN
    form = AccountForm
    list_display = ("name", "timezone", "currency", "request_limit", "created_at")
    search_fields = ("name",)
    readonly_fields = ("id", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("id", "name", "timezone", "currency", "default_country")}),
        (
            "Limits",
            {
                "fields": (
                    "request_limit",
                    "workflow_creation_limit",
                    "workflow_limit",
                    "frequency_cap",
                    "log_retention_days",
                )
            },
        ),
        ("Sending limits", {"fields": SENDING_LIMITS}),
        ("Times", {"fields": ("created_at", "updated_at")}),
    )

    def account_of(self, row: Model) -> UUID:
        return row.pk

    def perform_change(self, acting: Acting, row: Account, data: dict[str, Any]) -> Account:
        return update_account(**acting.on_behalf(), changes=data)
