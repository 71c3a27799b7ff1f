"""What the admin's pages of account rows share."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from accounts.actors import Actor
from accounts.models import Membership, Role, User

ADMINISTRATORS = (Role.ADMIN, Role.OWNER)


def administered_accounts(user: User | AnonymousUser) -> QuerySet[Membership, UUID]:
    """Return the ids of the accounts that a user is admin or owner of."""
    memberships = Membership.objects.filter(is_active=True, role__in=ADMINISTRATORS)
    own = memberships.filter(user=user) if isinstance(user, User) else memberships.none()
    return own.values_list("account_id", flat=True)


def actor_of(request: HttpRequest) -> Actor:
    """Return the signed-in member as an actor."""
    user = request.user
    assert isinstance(user, User)
    return Actor(label=str(user)[:200], user_id=user.id)


class AccountScopedAdmin(ModelAdmin):
    """Shows rows of the accounts that a member is admin or owner of; superusers see all. Read-only."""

    account_field: ClassVar[str] = "account_id"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        if request.user.is_superuser:
            return rows
        return rows.filter(**{f"{self.account_field}__in": administered_accounts(request.user)})

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_superuser or administered_accounts(request.user).exists()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyInline(TabularInline):
    """Rows shown below the object they belong to: whoever sees that sees them, and nobody changes them there."""

    extra = 0

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
