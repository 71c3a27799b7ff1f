"""Contacts, to look at."""

from django.contrib import admin

from workflows.admin.base import MemberScopedAdmin, link_to_executions
from workflows.crm.models import Contact


@admin.register(Contact)
class ContactAdmin(MemberScopedAdmin):
    """Contacts, newest first."""

    list_display = ("__str__", "email", "phone", "timezone", "owner", "account", "created_at", "executions")
    list_select_related = ("account", "owner")
    search_fields = ("first_name", "last_name", "email", "phone")
    fields = (
        "id",
        "account",
        "first_name",
        "last_name",
        "email",
        "phone",
        "timezone",
        "owner",
        "source",
        "custom_fields",
        "created_at",
        "updated_at",
        "deleted_at",
        "executions",
    )
    readonly_fields = ("executions",)

    @admin.display(description="executions")
    def executions(self, contact: Contact) -> str:
        return link_to_executions(contact=contact)
