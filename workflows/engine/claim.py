"""Taking due executions in hand: fairly over accounts, oldest first, safe against other workers."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from uuid_utils.compat import uuid7

from workflows.crm import arrays
from workflows.engine.measuring import CLAIM_SECONDS, STEPS_LANE

OLDEST_BY_ACCOUNT = """
WITH RECURSIVE account (account_id, due_at) AS (
    (
        SELECT account_id, due_at FROM workflow_executions
        WHERE due_at IS NOT NULL AND lease_id IS NULL
        ORDER BY account_id, due_at, id LIMIT 1
    )
    UNION ALL
    SELECT following.account_id, following.due_at
    FROM account CROSS JOIN LATERAL (
        SELECT execution.account_id, execution.due_at FROM workflow_executions execution
        WHERE execution.due_at IS NOT NULL AND execution.lease_id IS NULL
              AND execution.account_id > account.account_id
        ORDER BY execution.account_id, execution.due_at, execution.id LIMIT 1
    ) following
)
"""
"""Hops from account to account over the index of what sleeps or is due: its first entry for one is the oldest."""

DUE_ACCOUNTS = f"{OLDEST_BY_ACCOUNT} SELECT account_id FROM account WHERE due_at <= %s"  # noqa: S608 - of constants

CLAIM = """
WITH due AS MATERIALIZED (
    SELECT picked.id
    FROM unnest(%(accounts)s::uuid[]) AS account (id)
    CROSS JOIN LATERAL (
        SELECT execution.id
        FROM workflow_executions execution
        JOIN workflows_workflow workflow ON workflow.id = execution.workflow_id
        WHERE execution.account_id = account.id
              AND execution.due_at <= %(now)s AND execution.lease_id IS NULL
              AND workflow.status = 'active' AND workflow.deleted_at IS NULL
        ORDER BY execution.due_at, execution.id
        LIMIT %(quota)s
        FOR NO KEY UPDATE OF execution SKIP LOCKED
    ) picked
)
UPDATE workflow_executions execution
SET status = 'active', lease_id = %(lease_id)s,
    lease_until = clock_timestamp() + make_interval(secs => %(seconds)s), updated_at = %(now)s
FROM due WHERE execution.id = due.id
RETURNING execution.account_id, execution.id, execution.workflow_id
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """Executions that one worker holds until `lease_until` (written on each row)."""

    lease_id: UUID
    execution_ids: Sequence[UUID]
    workflow_ids: frozenset[UUID]
    is_full: bool
    """As many as were wanted: there may be more."""

    def __len__(self) -> int:
        return len(self.execution_ids)


def claim_due(*, now: datetime, size: int | None = None) -> Claim:
    """Take about `size` due executions of active workflows and lease them.

    Each account with something due gets an equal share; what others leave of theirs is filled up in a second pass.
    Within an account the oldest comes first.
    """
    size = size or settings.ENGINE["batch_size"]
    lease_id = uuid7()
    rows: list[tuple[UUID, UUID, UUID]] = []
    with CLAIM_SECONDS.labels(STEPS_LANE).time(), transaction.atomic():
        accounts = due_accounts(now)
        random.shuffle(accounts)  # more accounts than places: each comes in sooner or later
        while accounts and len(rows) < size:
            accounts = accounts[: size - len(rows)]
            quota = -(-(size - len(rows)) // len(accounts))
            picked = pick(accounts, quota=quota, lease_id=lease_id, now=now)
            rows += picked
            taken = Counter(row[0] for row in picked)
            accounts = [account for account in accounts if taken[account] == quota]
    return Claim(
        lease_id=lease_id,
        execution_ids=[row[1] for row in rows],
        workflow_ids=frozenset(row[2] for row in rows),
        is_full=len(rows) >= size,
    )


def due_accounts(now: datetime) -> list[UUID]:
    """Return the accounts that have something due."""
    with connection.cursor() as cursor:
        cursor.execute(DUE_ACCOUNTS, [now])
        return [row[0] for row in cursor.fetchall()]


def pick(accounts: Sequence[UUID], *, quota: int, lease_id: UUID, now: datetime) -> list[tuple[UUID, UUID, UUID]]:
    """Lease up to `quota` due executions of each account and return their (account, execution, workflow)."""
    with connection.cursor() as cursor:
        cursor.execute(
            CLAIM,
            {
                "accounts": arrays.ids(accounts),
                "quota": quota,
                "lease_id": lease_id,
                "seconds": settings.ENGINE["lease_seconds"],
                "now": now,
            },
        )
        return cursor.fetchall()
