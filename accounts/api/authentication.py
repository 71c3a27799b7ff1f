"""Who is calling: a program with an API key, or a signed-in member with a session cookie."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request
from structlog.contextvars import bind_contextvars

from accounts.actors import Actor
from accounts.api.identifiers import parse_uuid
from accounts.models import Account, ApiKey, Membership, Role, User
from accounts.tenancy import system_scope

LAST_USED_RESOLUTION = timedelta(minutes=1)
NO_ACCOUNT = "You are not a member of any account."
FOREIGN_ACCOUNT = "X-Account-ID must be the id of an account that you are a member of."


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a request is made: `request.auth` of every authenticated request."""

    account: Account
    user: User
    role: Role
    actor: Actor

    @property
    def account_id(self) -> UUID:
        return self.account.id


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer <api key>`."""

    @system_scope("the account is known once its key is found")
    def authenticate(self, request: Request) -> tuple[User, Caller] | None:
        header = get_authorization_header(request)
        if not header:
            return None
        scheme, _, key = header.partition(b" ")
        if scheme.lower() != b"bearer" or not key.strip():
            raise AuthenticationFailed("Send the header `Authorization: Bearer <api key>`.")
        api_key = self._find(key.strip())
        note_use(api_key)
        bind_contextvars(account_id=str(api_key.account_id), user_id=str(api_key.user_id), api_key_id=str(api_key.id))
        actor = Actor(
            label=f"API key {api_key.name or api_key.prefix} of {api_key.user}"[:200],
            user_id=api_key.user_id,
            api_key_id=api_key.id,
        )
        return api_key.user, Caller(
            account=api_key.account, user=api_key.user, role=effective_role(api_key), actor=actor
        )

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'

    def _find(self, key: bytes) -> ApiKey:
        """Return the usable key; the reason of a refusal is told only to who holds the key."""
        membership_role = Membership.objects.filter(
            account_id=OuterRef("account_id"), user_id=OuterRef("user_id"), is_active=True
        ).values("role")
        try:
            api_key = (
                ApiKey.objects.select_related("account", "user")
                .annotate(membership_role=Subquery(membership_role))
                .get(digest=hashlib.sha256(key).hexdigest())
            )
        except ApiKey.DoesNotExist:
            raise AuthenticationFailed("This API key is not known.") from None
        if api_key.revoked_at is not None:
            raise AuthenticationFailed("This API key was revoked.")
        if api_key.expires_at is not None and api_key.expires_at <= timezone.now():
            raise AuthenticationFailed("This API key has expired.")
        if not api_key.user.is_active or not (api_key.membership_role or api_key.user.is_superuser):
            raise AuthenticationFailed("The member this API key belongs to has no access any more.")
        return api_key


def effective_role(api_key: ApiKey) -> Role:
    """Return what a key found by the authentication may do: never more than its user may by now."""
    role = Role(api_key.role)
    if api_key.user.is_superuser:
        return role
    membership_role = Role(api_key.membership_role)  # type: ignore[attr-defined]  # annotated
    return role if membership_role.includes(role) else membership_role


def note_use(api_key: ApiKey) -> None:
    """Remember that the key was used, to the minute; a row that another request is writing is left to it."""
    now = timezone.now()
    due = Q(last_used_at=None) | Q(last_used_at__lte=now - LAST_USED_RESOLUTION)
    if api_key.last_used_at is not None and api_key.last_used_at > now - LAST_USED_RESOLUTION:
        return
    with transaction.atomic():
        free = ApiKey.objects.select_for_update(skip_locked=True, no_key=True).filter(due, pk=api_key.pk)
        if free.values_list("pk", flat=True).first():
            ApiKey.objects.filter(pk=api_key.pk).update(last_used_at=now)


class MemberSessionAuthentication(SessionAuthentication):
    """The session cookie with CSRF protection; `X-Account-ID` picks one of the user's accounts."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        authenticated = super().authenticate(request)
        if authenticated is None:
            return None
        user = authenticated[0]
        with system_scope("the account is known once the person's membership is found"):
            account, role = self._pick(user, request.headers.get("X-Account-ID"))
        bind_contextvars(account_id=str(account.id), user_id=str(user.id))
        return user, Caller(account=account, user=user, role=role, actor=Actor(label=str(user)[:200], user_id=user.id))

    def _pick(self, user: User, wanted: str | None) -> tuple[Account, Role]:
        """Return the account to act in: the one wanted, else the user's first; a superuser may want any."""
        memberships = Membership.objects.filter(user=user, is_active=True).select_related("account").order_by("id")
        accounts = Account.objects.order_by("id")
        if wanted is not None:
            account_id = parse_uuid(wanted)
            if account_id is None:
                raise PermissionDenied(FOREIGN_ACCOUNT)
            memberships, accounts = memberships.filter(account_id=account_id), accounts.filter(pk=account_id)
        membership = memberships.first()
        if user.is_superuser:
            account = membership.account if membership else accounts.first()
            if account is None:
                raise PermissionDenied("There is no such account.")
            return account, Role.OWNER
        if membership is None:
            raise PermissionDenied(NO_ACCOUNT if wanted is None else FOREIGN_ACCOUNT)
        return membership.account, Role(membership.role)
