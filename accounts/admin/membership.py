"""Who is in which account."""

from django.contrib import admin

from accounts.admin.base import AccountScopedAdmin
from accounts.models import Membership


@admin.register(Membership)
class MembershipAdmin(AccountScopedAdmin):
    """Members and their roles."""

    list_display = ("user", "account", "role", "is_active", "created_at")
    list_filter = ("role", "is_active")
    list_select_related = ("user", "account")
    search_fields = ("user__email", "user__name")
    fields = ("id", "account", "user", "role", "is_active", "created_at", "updated_at")
