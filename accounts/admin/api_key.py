"""Credentials of programs; the digest is never shown."""

from django.contrib import admin

from accounts.admin.base import AccountScopedAdmin
from accounts.models import ApiKey


@admin.register(ApiKey)
class ApiKeyAdmin(AccountScopedAdmin):
    """Keys, recognised by their first characters."""

    list_display = ("prefix", "name", "account", "user", "role", "last_used_at", "expires_at", "revoked_at")
    list_filter = ("role",)
    list_select_related = ("account", "user")
    search_fields = ("prefix", "name")
    fields = (
        "id",
        "account",
        "user",
        "name",
        "role",
        "prefix",
        "expires_at",
        "revoked_at",
        "last_used_at",
        "created_at",
    )
