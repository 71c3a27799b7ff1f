"""Which staff member is at work in the admin, in which accounts, and with what role in each."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from structlog.contextvars import bind_contextvars

from accounts.actors import Actor
from accounts.api.identifiers import parse_uuid
from accounts.models import Account, Membership, Role, User

CHOSEN = "account_id"
"""Key of the session under which the account lies that a member of several works in."""


@dataclass(frozen=True, slots=True)
class Acting:
    """A staff member at work in one account: what the changing services want to know."""

    account_id: UUID
    user: User
    role: Role

    @property
    def actor(self) -> Actor:
        return Actor(label=str(self.user)[:200], user_id=self.user.id)

    def on_behalf(self) -> dict[str, Any]:
        """Return what every changing service wants: `account_id` and `actor`."""
        return {"account_id": self.account_id, "actor": self.actor}


class Staff:
    """The signed-in person and their active memberships; superusers are owner everywhere."""

    def __init__(self, user: Any, chosen: str | None) -> None:
        self.user = user
        self._chosen = chosen

    @property
    def is_superuser(self) -> bool:
        return bool(self.user.is_active and self.user.is_superuser)

    @cached_property
    def roles(self) -> Mapping[UUID, Role]:
        """Role by account, of the person's own active memberships."""
        if not isinstance(self.user, User) or not (self.user.is_active and self.user.is_staff):
            return {}
        memberships = Membership.objects.filter(user=self.user, is_active=True).order_by("id")
        return {account_id: Role(role) for account_id, role in memberships.values_list("account_id", "role")}

    def role_in(self, account_id: UUID) -> Role | None:
        return Role.OWNER if self.is_superuser else self.roles.get(account_id)

    def may(self, least: Role, account_id: UUID | None = None) -> bool:
        """Tell whether the person has at least this role in the account; without one: in any account."""
        if self.is_superuser:
            return True
        roles = self.roles.values() if account_id is None else [self.roles.get(account_id)]
        return any(role is not None and role.includes(least) for role in roles)

    def accounts(self, least: Role = Role.VIEWER) -> QuerySet[Account]:
        """Return the accounts in which the person has at least this role, by name."""
        accounts = Account.objects.order_by("name", "id")
        return accounts if self.is_superuser else accounts.filter(pk__in=self.account_ids(least))

    def account_ids(self, least: Role = Role.VIEWER) -> list[UUID]:
        """Return the ids of the person's own accounts with at least this role."""
        return [account_id for account_id, role in self.roles.items() if role.includes(least)]

    def narrowed(self, rows: QuerySet[Any], *, field: str = "account_id", least: Role = Role.VIEWER) -> QuerySet[Any]:
        """Return those of the rows that lie in accounts where the person has at least this role."""
        return rows if self.is_superuser else rows.filter(**{f"{field}__in": self.account_ids(least)})

    @cached_property
    def chosen(self) -> UUID | None:
        """The account that lists show and new objects go to: the one picked, else the only one; None: all of them."""
        if not self.is_superuser and len(self.roles) == 1:
            return next(iter(self.roles))
        chosen = parse_uuid(self._chosen) if self._chosen else None
        if chosen is None or not self.may(Role.VIEWER, chosen):
            return None
        return chosen if not self.is_superuser or Account.objects.filter(pk=chosen).exists() else None

    def acting_in(self, account_id: UUID) -> Acting:
        """Return the person as the services want them; the permissions have let them into the account before."""
        role = self.role_in(account_id)
        assert role is not None, "the permissions let nobody else in"
        log_account(account_id)
        return Acting(account_id=account_id, user=self.user, role=role)


def staff_of(request: HttpRequest) -> Staff:
    """Return who is at work; memberships are read once a request."""
    staff: Staff | None = getattr(request, "_staff", None)
    if staff is None or staff.user != request.user:
        session = getattr(request, "session", None)
        staff = Staff(request.user, session.get(CHOSEN) if session is not None else None)
        request._staff = staff  # type: ignore[attr-defined]  # noqa: SLF001 - ours
    return staff


def log_account(account_id: UUID) -> None:
    """Let the request's log lines name the account that it turned out to be about."""
    bind_contextvars(account_id=str(account_id))
