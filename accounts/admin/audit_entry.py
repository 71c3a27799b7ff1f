"""Who changed what, when."""

from django.contrib import admin

from accounts.admin.base import AccountScopedAdmin
from accounts.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(AccountScopedAdmin):
    """Changes, newest first; never altered."""

    list_display = ("created_at", "actor_label", "verb", "object_type", "object_id", "account")
    list_filter = ("object_type",)
    list_select_related = ("account",)
    search_fields = ("object_id", "verb", "actor_label")
    show_full_result_count = False
    fields = (
        "id",
        "account",
        "created_at",
        "actor_label",
        "actor_user",
        "actor_api_key_id",
        "verb",
        "object_type",
        "object_id",
        "before",
        "after",
    )
