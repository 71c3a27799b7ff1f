"""Named groups of members."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts import audit
from accounts.actors import Actor
from accounts.models import Account, Membership, Team, TeamMember
from accounts.problems import Conflict, Invalid, Missing, Problem


@transaction.atomic
def create_team(*, account_id: UUID, actor: Actor, name: str, member_ids: Sequence[UUID] = ()) -> Team:
    """Create a team of members."""
    _lock(account_id)
    _check(account_id, name, member_ids)
    team = Team.objects.create(account_id=account_id, name=name)
    _set_members(team, member_ids)
    _record(team, actor, "team.created", None, {"name": name, "member_ids": _texts(member_ids)})
    return team


@transaction.atomic
def update_team(
    *, account_id: UUID, actor: Actor, team_id: UUID, name: str | None = None, member_ids: Sequence[UUID] | None = None
) -> Team:
    """Rename a team or replace its members; what is None stays."""
    _lock(account_id)
    team = _find(account_id, team_id)
    before = {"name": team.name, "member_ids": _texts(_member_ids(team))}
    wanted = {
        "name": before["name"] if name is None else name,
        "member_ids": before["member_ids"] if member_ids is None else _texts(member_ids),
    }
    after = {field: value for field, value in wanted.items() if value != before[field]}
    if not after:
        return team
    _check(account_id, name, member_ids or (), team_id=team_id)
    team.name = team.name if name is None else name
    team.save(update_fields=["name", "updated_at"])
    if member_ids is not None:
        _set_members(team, member_ids)
    _record(team, actor, "team.changed", {field: before[field] for field in after}, after)
    return team


@transaction.atomic
def delete_team(*, account_id: UUID, actor: Actor, team_id: UUID) -> None:
    """Delete a team; its members stay."""
    _lock(account_id)
    team = _find(account_id, team_id)
    _record(team, actor, "team.deleted", {"name": team.name, "member_ids": _texts(_member_ids(team))}, None)
    team.delete()


def _lock(account_id: UUID) -> None:
    """Change an account's teams one at a time, so that no name is taken twice."""
    Account.objects.select_for_update(no_key=True).get(pk=account_id)


def _find(account_id: UUID, team_id: UUID) -> Team:
    team = Team.objects.for_account(account_id).filter(pk=team_id).first()
    if team is None:
        raise Missing
    return team


def _check(account_id: UUID, name: str | None, member_ids: Sequence[UUID], team_id: UUID | None = None) -> None:
    namesakes = Team.objects.for_account(account_id).filter(name=name) if name is not None else Team.objects.none()
    if any(team.id != team_id for team in namesakes):
        raise Conflict("name_taken", f"There is a team named {name} already.", "name")
    active = Membership.objects.for_account(account_id).filter(is_active=True, pk__in=member_ids)
    known = set(active.values_list("pk", flat=True))
    unknown = [
        Problem("member_not_found", "There is no such active member in this account.", f"member_ids.{index}")
        for index, member_id in enumerate(member_ids)
        if member_id not in known
    ]
    if unknown:
        raise Invalid(*unknown)


def _set_members(team: Team, member_ids: Sequence[UUID]) -> None:
    TeamMember.objects.for_account(team.account_id).filter(team=team).exclude(membership_id__in=member_ids).delete()
    TeamMember.objects.bulk_create(
        [
            TeamMember(account_id=team.account_id, team=team, membership_id=member_id)
            for member_id in dict.fromkeys(member_ids)
        ],
        ignore_conflicts=True,
    )


def _member_ids(team: Team) -> list[UUID]:
    members = TeamMember.objects.for_account(team.account_id).filter(team=team)
    return list(members.order_by("membership_id").values_list("membership_id", flat=True))


def _texts(member_ids: Sequence[UUID]) -> list[str]:
    return sorted({str(member_id) for member_id in member_ids})


def _record(team: Team, actor: Actor, verb: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
    audit.record(
        account_id=team.account_id,
        actor=actor,
        verb=verb,
        object_type="team",
        object_id=team.id,
        before=before,
        after=after,
    )
