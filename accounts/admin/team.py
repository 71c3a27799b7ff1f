"""Teams of members."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import TabularInline

from accounts.admin.base import AccountScopedAdmin
from accounts.models import Team, TeamMember


class TeamMemberInline(TabularInline):
    """The team's members."""

    model = TeamMember
    fields = ("membership", "created_at")
    readonly_fields = fields
    extra = 0

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return True  # whoever sees the team sees who is in it

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Team)
class TeamAdmin(AccountScopedAdmin):
    """Teams and who is in them."""

    list_display = ("name", "account", "created_at")
    list_select_related = ("account",)
    search_fields = ("name",)
    fields = ("id", "account", "name", "created_at", "updated_at")
    inlines = (TeamMemberInline,)
