"""`/teams`: named groups of members."""

from typing import Any
from uuid import UUID

from rest_framework import serializers

from accounts.api.serializers import StrictModelSerializer, StrictSerializer
from accounts.api.views import AccountViewSet, CreateMixin, DestroyMixin, ListMixin, RetrieveMixin, UpdateMixin
from accounts.models import Role, Team
from accounts.services import teams

MAXIMUM_MEMBERS = 500


class TeamSerializer(StrictModelSerializer):
    """A named group of members."""

    member_ids = serializers.SerializerMethodField(help_text="Ids of its members, as in `/members`.")

    class Meta:
        model = Team
        fields = ("id", "name", "member_ids", "created_at", "updated_at")
        read_only_fields = fields

    def get_member_ids(self, team: Team) -> list[UUID]:
        return sorted(member.membership_id for member in team.teammember_set.all())


class TeamInput(StrictSerializer):
    """What can be set of a team."""

    example = {"name": "Sales", "member_ids": ["019c2f6e-8f00-7a10-8b11-5d0c1c9e4a21"]}

    name = serializers.CharField(max_length=80, help_text="Unique in the account, 1–80 characters.")
    member_ids = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        max_length=MAXIMUM_MEMBERS,
        help_text=f"Ids of active members, as in `/members`; ≤ {MAXIMUM_MEMBERS}. Replaces the list.",
    )


class TeamViewSet(ListMixin, RetrieveMixin, CreateMixin, UpdateMixin, DestroyMixin, AccountViewSet):
    """Teams of the account."""

    queryset = Team.objects.prefetch_related("teammember_set")
    serializer_class = TeamSerializer
    input_serializer_class = TeamInput
    write_role = Role.ADMIN
    search_fields = ("name",)
    ordering_fields = ("name", "created_at", "updated_at")

    def lock(self, instance: Team) -> None:
        """Lock the account first, as every change of a team does."""
        super().lock(self.caller.account)
        super().lock(instance)

    def perform_create(self, data: dict[str, Any]) -> Team:
        return teams.create_team(**self.on_behalf(), **data)

    def perform_update(self, team: Team, data: dict[str, Any]) -> Team:
        return teams.update_team(**self.on_behalf(), team_id=team.id, **data)

    def perform_destroy(self, team: Team) -> None:
        teams.delete_team(**self.on_behalf(), team_id=team.id)
