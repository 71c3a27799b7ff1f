"""Teams of members."""

from django.contrib import admin

from accounts.admin.base import AccountScopedAdmin, ReadOnlyInline
from accounts.models import Team, TeamMember


class TeamMemberInline(ReadOnlyInline):
    """The team's members."""

    model = TeamMember
    fields = ("membership", "created_at")
    readonly_fields = fields


@admin.register(Team)
class TeamAdmin(AccountScopedAdmin):
    """Teams and who is in them."""

    list_display = ("name", "account", "created_at")
    list_select_related = ("account",)
    search_fields = ("name",)
    fields = ("id", "account", "name", "created_at", "updated_at")
    inlines = (TeamMemberInline,)
