"""Writing the audit log: one entry a change, in the transaction of the change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import uuid_utils
from django.db import connection

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


@dataclass(slots=True, eq=False)
class AuditRecord:
    """One entry of many by the same actor; `before` and `after` hold JSON values of the changed fields only."""

    verb: str
    object_type: str
    object_id: UUID
    before: Mapping[str, Any]
    after: Mapping[str, Any]


def record_many(*, account_id: UUID, actor: Actor, entries: Sequence[AuditRecord], now: datetime) -> None:
    """Write all entries in one statement."""
    if not entries:
        return
    rows = [
        {
            "id": str(uuid_utils.uuid7()),
            "verb": entry.verb,
            "object_type": entry.object_type,
            "object_id": entry.object_id,
            "before": entry.before,
            "after": entry.after,
        }
        for entry in entries
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO accounts_auditentry (
                id, created_at, account_id, actor_user_id, actor_api_key_id, actor_label,
                verb, object_type, object_id, before, after
            )
            SELECT id, %s, %s, %s, %s, %s, verb, object_type, object_id, before, after
            FROM jsonb_to_recordset(%s::jsonb)
                 AS entry (id uuid, verb text, object_type text, object_id uuid, before jsonb, after jsonb)
            """,
            [now, account_id, actor.user_id, actor.api_key_id, actor.label, orjson.dumps(rows).decode()],
        )
