"""Credentials of programs: made, recognised, revoked."""

import hashlib
import secrets
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.actors import Actor
from accounts.models import ApiKey, Role
from accounts.problems import Invalid, Missing, Problem
from accounts.services.members import refuse_more_than_own

PREFIX_LENGTH = 12
RANDOM_BYTES = 32


def digest_of(key: str | bytes) -> str:
    """Return what is kept of a key: 256 random bits need no slow hash."""
    return hashlib.sha256(key if isinstance(key, bytes) else key.encode()).hexdigest()


@transaction.atomic
def create_api_key(
    *,
    account_id: UUID,
    actor: Actor,
    actor_role: Role,
    user_id: UUID,
    role: Role,
    name: str = "",
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Make a key that acts for `user_id` with `role`; returns its row and the key, which nobody can read again."""
    refuse_more_than_own(actor_role, role)
    if expires_at is not None and expires_at <= timezone.now():
        raise Invalid(Problem("invalid", "expires_at must lie in the future.", "expires_at"))
    key = f"ft_{secrets.token_urlsafe(RANDOM_BYTES)}"
    api_key = ApiKey.objects.create(
        account_id=account_id,
        user_id=user_id,
        name=name,
        role=role,
        prefix=key[:PREFIX_LENGTH],
        digest=digest_of(key),
        expires_at=expires_at,
    )
    audit.record(
        account_id=account_id,
        actor=actor,
        verb="api_key.created",
        object_type="api_key",
        object_id=api_key.id,
        after={
            "name": name,
            "role": role.value,
            "prefix": api_key.prefix,
            "expires_at": expires_at.isoformat() if expires_at else None,
        },
    )
    return api_key, key


@transaction.atomic
def revoke_api_key(*, account_id: UUID, actor: Actor, api_key_id: UUID) -> ApiKey:
    """Make a key useless from now on; revoking it again changes nothing."""
    keys = ApiKey.objects.for_account(account_id)
    api_key = keys.select_for_update(no_key=True).filter(pk=api_key_id).first()
    if api_key is None:
        raise Missing
    if api_key.revoked_at is None:
        api_key.revoked_at = timezone.now()
        api_key.save(update_fields=["revoked_at"])
        audit.record(
            account_id=account_id,
            actor=actor,
            verb="api_key.revoked",
            object_type="api_key",
            object_id=api_key.id,
            before={"revoked_at": None},
            after={"revoked_at": api_key.revoked_at.isoformat()},
        )
    return api_key
