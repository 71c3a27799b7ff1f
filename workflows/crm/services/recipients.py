"""Members who are to be told something, found by user, team or role."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from accounts.models import Membership


@dataclass(frozen=True, slots=True)
class Recipient:
    """An active member of the account."""

    user_id: UUID
    name: str
    email: str
    phone: str = ""
    """E.164; empty: none is known."""


def find_recipients(
    *,
    account_id: UUID,
    user_ids: Collection[UUID] = (),
    team_ids: Collection[UUID] = (),
    roles: Collection[str] = (),
) -> list[Recipient]:
    """Return the active members who are named, in one of the teams or have one of the roles; each once, by address."""
    members = (
        Membership.objects.for_account(account_id)
        .filter(Q(user_id__in=user_ids) | Q(teams__in=team_ids) | Q(role__in=roles), is_active=True)
        .filter(user__is_active=True)
        .distinct()
        .order_by("user__email")
    )
    return [Recipient(*row) for row in members.values_list("user_id", "user__name", "user__email", "phone")]
