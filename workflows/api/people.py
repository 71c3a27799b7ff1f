"""`/members` and `/teams` as workflows refer to them: whom one names can neither be shut out nor be deleted."""

from typing import Any

from accounts.api.members import MemberViewSet as PlainMemberViewSet
from accounts.api.teams import TeamViewSet as PlainTeamViewSet
from accounts.models import Membership, Role, Team
from workflows.api.usages import UsagesMixin
from workflows.authoring import removing
from workflows.crm.services.usages import Target


class MemberViewSet(UsagesMixin, PlainMemberViewSet):
    """Members of the account. Deleting one shuts them out and keeps what they made.

    Shutting out a member whom a workflow names answers 409 `in_use`.
    """

    def usage_target(self, instance: Membership) -> Target:
        return Target("user", instance.user_id)

    def perform_update(self, membership: Membership, data: dict[str, Any]) -> Membership:
        return removing.change_member(
            **self.on_behalf(),
            actor_role=self.caller.role,
            membership_id=membership.id,
            role=Role(data["role"]) if "role" in data else None,
            is_active=data.get("is_active"),
            phone=data.get("phone"),
        )

    def perform_destroy(self, membership: Membership) -> None:
        removing.change_member(
            **self.on_behalf(), actor_role=self.caller.role, membership_id=membership.id, is_active=False
        )


class TeamViewSet(UsagesMixin, PlainTeamViewSet):
    """Teams of the account. Deleting one that a workflow names answers 409 `in_use`."""

    def usage_target(self, instance: Team) -> Target:
        return Target("team", instance.id)

    def perform_destroy(self, team: Team) -> None:
        removing.delete_team(**self.on_behalf(), team_id=team.id)
