"""Writing the audit log: one entry a change, in the transaction of the change."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from accounts.actors import Actor
from accounts.models import AuditEntry


def record(
    *,
    account_id: UUID,
    actor: Actor,
    verb: str,
    object_type: str,
    object_id: UUID,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Write one entry; `before` and `after` hold JSON values of the changed fields only."""
    return AuditEntry.objects.create(
        account_id=account_id,
        actor_user_id=actor.user_id,
        actor_api_key_id=actor.api_key_id,
        actor_label=actor.label,
        verb=verb,
        object_type=object_type,
        object_id=object_id,
        before=before,
        after=after,
    )
