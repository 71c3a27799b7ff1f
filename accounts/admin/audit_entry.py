"""Who changed what, when."""

from django.contrib import admin

from accounts.admin.base import AccountScopedAdmin
from accounts.admin.panels import as_code
from accounts.models import AuditEntry, Role


@admin.register(AuditEntry)
class AuditEntryAdmin(AccountScopedAdmin):
    """Changes, newest first; never altered."""

    read_role = Role.ADMIN
    is_log = True
    search_ids = ("id", "object_id", "actor_user_id", "actor_api_key_id")
    linked_by = ("object_id", "actor_user", "verb")
    list_display = ("created_at", "actor_label", "verb", "object_type", "object_id", "account")
    list_select_related = ("account",)
    search_fields = ("verb", "object_type", "actor_label")
    sortable_by = ()
    ordering = ("-id",)
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
        "changed_from",
        "changed_to",
    )
    readonly_fields = ("changed_from", "changed_to")

    @admin.display(description="before")
    def changed_from(self, entry: AuditEntry) -> str:
        return as_code(entry.before)

    @admin.display(description="after")
    def changed_to(self, entry: AuditEntry) -> str:
        return as_code(entry.after)
