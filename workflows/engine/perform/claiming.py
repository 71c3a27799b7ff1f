"""Taking ready rows of a lane in hand: fairly over accounts and, within each, over hosts; the oldest first."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from uuid_utils.compat import uuid7

from workflows.crm import arrays
from workflows.engine.measuring import CLAIM_SECONDS
from workflows.messaging.breaker import Circuit

UNKNOWN_HOST = ""
"""Rows that were never prepared."""

DUE_CIRCUITS = """
WITH RECURSIVE circuit (account_id, host, due_at) AS (
    (
        SELECT account_id, host, due_at FROM workflow_dispatches
        WHERE lane = %(lane)s AND status = 'ready'
        ORDER BY account_id, host, due_at LIMIT 1
    )
    UNION ALL
    SELECT following.account_id, following.host, following.due_at
    FROM circuit CROSS JOIN LATERAL (
        SELECT dispatch.account_id, dispatch.host, dispatch.due_at FROM workflow_dispatches dispatch
        WHERE dispatch.lane = %(lane)s AND dispatch.status = 'ready'
              AND (dispatch.account_id, dispatch.host) > (circuit.account_id, circuit.host)
        ORDER BY dispatch.account_id, dispatch.host, dispatch.due_at LIMIT 1
    ) following
)
SELECT account_id, host FROM circuit WHERE due_at <= %(now)s
"""
"""Hop from account and host to the next over the index of what is ready."""

CLAIM = """
WITH due AS MATERIALIZED (
    SELECT picked.id
    FROM unnest(%(accounts)s::uuid[], %(hosts)s::text[], %(quotas)s::integer[]) AS circuit (account_id, host, quota)
    CROSS JOIN LATERAL (
        SELECT dispatch.id
        FROM workflow_dispatches dispatch
        JOIN workflows_workflow workflow ON workflow.id = dispatch.workflow_id
        WHERE dispatch.lane = %(lane)s AND dispatch.account_id = circuit.account_id AND dispatch.host = circuit.host
              AND dispatch.status = 'ready' AND dispatch.due_at <= %(now)s AND dispatch.lost_leases = 0
              AND workflow.status = 'active' AND workflow.deleted_at IS NULL
        ORDER BY dispatch.due_at
        LIMIT circuit.quota
        FOR NO KEY UPDATE OF dispatch SKIP LOCKED
    ) picked
)
UPDATE workflow_dispatches dispatch
SET status = 'claimed', lease_id = %(lease_id)s,
    lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
FROM due WHERE dispatch.id = due.id
RETURNING dispatch.account_id, dispatch.host, dispatch.id, dispatch.execution_id, dispatch.workflow_id
"""

CLAIM_LOST = """
WITH due AS MATERIALIZED (
    SELECT dispatch.id
    FROM workflow_dispatches dispatch
    JOIN workflows_workflow workflow ON workflow.id = dispatch.workflow_id
    WHERE dispatch.lane = %(lane)s AND dispatch.status = 'ready' AND dispatch.due_at <= %(now)s
          AND dispatch.lost_leases > 0 AND dispatch.lost_leases BETWEEN %(least)s AND %(most)s
          AND workflow.status = 'active' AND workflow.deleted_at IS NULL
    ORDER BY dispatch.due_at
    LIMIT %(size)s
    FOR NO KEY UPDATE OF dispatch SKIP LOCKED
)
UPDATE workflow_dispatches dispatch
SET status = 'claimed', lease_id = %(lease_id)s,
    lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
FROM due WHERE dispatch.id = due.id
RETURNING dispatch.account_id, dispatch.host, dispatch.id, dispatch.execution_id, dispatch.workflow_id
"""


@dataclass(frozen=True, slots=True)
class ClaimedRow:
    """A row this process holds, not yet looked at."""

    account_id: UUID
    host: str
    key: UUID
    execution_id: UUID
    workflow_id: UUID


@dataclass(frozen=True, slots=True)
class LaneClaim:
    """Rows claimed together."""

    lease_id: UUID
    rows: Sequence[ClaimedRow]

    def __len__(self) -> int:
        return len(self.rows)


def due_circuits(lane: str, now: datetime) -> list[Circuit]:
    """Return the accounts and hosts with something ready; an empty host stands for rows never prepared."""
    with connection.cursor() as cursor:
        cursor.execute(DUE_CIRCUITS, {"lane": lane, "now": now})
        return [Circuit(*row) for row in cursor.fetchall()]


def claim_rows(lane: str, *, limits: Mapping[Circuit, int], size: int, now: datetime) -> LaneClaim:
    """Take about `size` ready rows, of each circuit at most its limit, and lease them.

    Each account gets an equal share and divides it among its hosts; what some leave of theirs is filled up by others.
    """
    lease_id = uuid7()
    rows: list[ClaimedRow] = []
    room = {circuit: limit for circuit, limit in limits.items() if limit > 0}
    with CLAIM_SECONDS.labels(lane).time(), transaction.atomic():
        while room and len(rows) < size:
            quotas = shares(room, size - len(rows))
            picked = _pick(lane, quotas, lease_id, now)
            rows += picked
            taken = Counter(Circuit(row.account_id, row.host) for row in picked)
            room = {
                circuit: room[circuit] - quota
                for circuit, quota in quotas.items()
                if taken[circuit] == quota and room[circuit] > quota
            }
    return LaneClaim(lease_id, rows)


def claim_lost(lane: str, *, lost: range, size: int, now: datetime) -> LaneClaim:
    """Take up to `size` rows whose worker died as often as `lost` says."""
    lease_id = uuid7()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            CLAIM_LOST,
            {
                "lane": lane,
                "least": lost.start,
                "most": lost.stop - 1,
                "size": size,
                "now": now,
                "lease_id": lease_id,
                "seconds": settings.ENGINE["lease_seconds"],
            },
        )
        return LaneClaim(lease_id, [ClaimedRow(*row) for row in cursor.fetchall()])


def shares(
    room: Mapping[Circuit, int], size: int, shuffle: Callable[[list[UUID]], None] = random.shuffle
) -> dict[Circuit, int]:
    """Divide `size` places equally among accounts, and each account's among its hosts, none more than it has room for.

    With fewer places than accounts, chance decides which come first.
    """
    hosts: dict[UUID, list[Circuit]] = defaultdict(list)
    for circuit in sorted(room, key=lambda circuit: room[circuit]):
        hosts[circuit.account_id].append(circuit)
    accounts = list(hosts)
    shuffle(accounts)
    quotas: dict[Circuit, int] = {}
    for account_id in accounts[:size]:
        left = -(-size // len(accounts))
        circuits = hosts[account_id]
        for number, circuit in enumerate(circuits):
            quota = min(room[circuit], -(-left // (len(circuits) - number)))
            if quota > 0:
                quotas[circuit] = quota
                left -= quota
    return quotas


def _pick(lane: str, quotas: Mapping[Circuit, int], lease_id: UUID, now: datetime) -> list[ClaimedRow]:
    with connection.cursor() as cursor:
        cursor.execute(
            CLAIM,
            {
                "accounts": arrays.ids([circuit.account_id for circuit in quotas]),
                "hosts": arrays.texts([circuit.host for circuit in quotas]),
                "quotas": arrays.numbers(quotas.values()),
                "lane": lane,
                "now": now,
                "lease_id": lease_id,
                "seconds": settings.ENGINE["lease_seconds"],
            },
        )
        return [ClaimedRow(*row) for row in cursor.fetchall()]
