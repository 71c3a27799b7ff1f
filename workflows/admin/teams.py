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
from accounts.services.teams import create_team, update_team
from workflows.authoring.removing import delete_team


class TeamForm(StaffForm):
    """A team's name and who is in it."""

    people = forms.ModelMultipleChoiceField(
        queryset=Membership.objects.none(),
        required=False,
        widget=UnfoldAdminSelect2MultipleWidget,
        help_text="Active members of the account.",
    )
    attrs = {"member_ids": "people"}

    class Meta:
        model = Team
        fields = ("name", "people")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        team: Team | None = kwargs.get("instance")
        if team is not None:
            kwargs["initial"] = {"people": team.members.all()} | (kwargs.get("initial") or {})
        super().__init__(*args, **kwargs)
        if "people" in self.fields:
            own = Membership.objects.for_account(self.account_id).filter(is_active=True)
            field: Any = self.fields["people"]
            field.queryset = own.select_related("user")


@admin.register(Team)
class TeamAdmin(AccountScopedAdmin):
    """Teams and who is in them."""

    write_role = Role.ADMIN
    form = TeamForm
    list_display = ("name", "member_names", "account", "created_at")
    list_select_related = ("account",)
    search_fields = ("name",)
    fields = ("name", "people")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("members__user")

    @admin.display(description="members")
    def member_names(self, team: Team) -> str:
        return ", ".join(str(member.user) for member in team.members.all())

    def perform_create(self, acting: Acting, data: dict[str, Any]) -> Team:
        return create_team(**acting.on_behalf(), name=data["name"], member_ids=ids_of(data["people"]))

    def perform_change(self, acting: Acting, row: Team, data: dict[str, Any]) -> Team:
        members = ids_of(data["people"]) if "people" in data else None
        return update_team(**acting.on_behalf(), team_id=row.id, name=data.get("name"), member_ids=members)

    def perform_delete(self, acting: Acting, row: Team) -> None:
        delete_team(**acting.on_behalf(), team_id=row.id)


def ids_of(members: Any) -> list[Any]:
    return [member.id for member in members]
