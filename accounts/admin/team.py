"""Teams of members."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelect2MultipleWidget

from accounts.admin.base import AccountScopedAdmin
from accounts.admin.forms import StaffForm
from accounts.admin.staff import Acting
from accounts.models import Membership, Role, Team
from accounts.services.teams import create_team, delete_team, update_team


class TeamForm(StaffForm):
    """A team's name and who is in it."""

    members = forms.ModelMultipleChoiceField(
        queryset=Membership.objects.none(),
        required=False,
        widget=UnfoldAdminSelect2MultipleWidget,
        help_text="Active members of the account.",
    )
    attrs = {"member_ids": "members"}

    class Meta:
        model = Team
        fields = ("name", "members")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "members" in self.fields:
            own = Membership.objects.for_account(self.account_id).filter(is_active=True)
            self.fields["members"].queryset = own.select_related("user")


@admin.register(Team)
class TeamAdmin(AccountScopedAdmin):
    """Teams and who is in them."""

    write_role = Role.ADMIN
    form = TeamForm
    list_display = ("name", "member_names", "account", "created_at")
    list_select_related = ("account",)
    search_fields = ("name",)
    fields = ("name", "members")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("members__user")

    @admin.display(description="members")
    def member_names(self, team: Team) -> str:
        return ", ".join(str(member.user) for member in team.members.all())

    def perform_create(self, acting: Acting, data: dict[str, Any]) -> Team:
        return create_team(**acting.on_behalf(), name=data["name"], member_ids=ids_of(data["members"]))

    def perform_change(self, acting: Acting, row: Team, data: dict[str, Any]) -> Team:
        members = ids_of(data["members"]) if "members" in data else None
        return update_team(**acting.on_behalf(), team_id=row.id, name=data.get("name"), member_ids=members)

    def perform_delete(self, acting: Acting, row: Team) -> None:
        delete_team(**acting.on_behalf(), team_id=row.id)


def ids_of(members: Any) -> list[Any]:
    return [member.id for member in members]
