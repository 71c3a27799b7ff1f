"""Who of a team a contact goes to: in turn, or to whoever has the least to do."""

import heapq
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection
from uuid_utils.compat import uuid7

from workflows.crm import arrays


def take_turns(*, account_id: UUID, team_id: UUID, count: int, now: datetime) -> list[UUID]:
    """Return the users whose turns the next `count` are, in the order of their membership; empty: nobody is active.

    The team's pointer is locked to the end of the transaction, so that turns taken at the same moment follow each
    other: of n·k turns each of k members gets exactly n. Members who join or come back get theirs in the order.
    """
    pointer = _locked_pointer(account_id, team_id, now)
    members = _active_members(account_id, team_id)
    if not members or not count:
        return []
    ids = [membership_id for membership_id, _ in members]
    start = next((place for place, each in enumerate(ids) if pointer is not None and each > pointer), 0)
    turns = [members[(start + number) % len(members)] for number in range(count)]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE crm_team_rotation SET last_membership_id = %s WHERE account_id = %s AND team_id = %s",
            [turns[-1][0], account_id, team_id],
        )
    return [user_id for _, user_id in turns]


def give_to_least_busy(*, account_id: UUID, team_id: UUID, owner_ids: Sequence[UUID | None]) -> list[UUID]:
    """Return for each contact, given by its present owner, the active member who has the least to do by then.

    What a member has to do: present contacts and open opportunities they own, open tasks they are assigned. Among
    equals the one who joined the account first. A contact that its owner gives up counts no longer for them. The
    members' rows are locked to the end of the transaction, in the order of ids: who asks at the same moment, also for
    another team, waits and sees what was given. Empty: nobody is active.
    """
    members = _active_members(account_id, team_id, locking="FOR NO KEY UPDATE OF membership")
    if not members:
        return []
    loads = _loads(account_id, [user_id for _, user_id in members])
    queue = [(loads.get(user_id, 0), place, user_id) for place, (_, user_id) in enumerate(members)]
    heapq.heapify(queue)
    places = {user_id: place for place, (_, user_id) in enumerate(members)}
    chosen = []
    for owner_id in owner_ids:
        if owner_id in places:
            queue = [(load - (user_id == owner_id), place, user_id) for load, place, user_id in queue]
            heapq.heapify(queue)
        load, place, user_id = queue[0]
        heapq.heapreplace(queue, (load + 1, place, user_id))
        chosen.append(user_id)
    return chosen


def has_active_members(*, account_id: UUID, team_id: UUID) -> bool:
    """Tell whether somebody of the team can be given contacts."""
    return bool(_active_members(account_id, team_id))


def _locked_pointer(account_id: UUID, team_id: UUID, now: datetime) -> UUID | None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO crm_team_rotation (id, created_at, account_id, team_id)
            SELECT %s, %s, account_id, id FROM accounts_team WHERE account_id = %s AND id = %s
            ON CONFLICT (team_id) DO NOTHING
            """,
            [uuid7(), now, account_id, team_id],
        )
        cursor.execute(
            "SELECT last_membership_id FROM crm_team_rotation WHERE account_id = %s AND team_id = %s FOR UPDATE",
            [account_id, team_id],
        )
        row = cursor.fetchone()
        return row[0] if row else None


def _active_members(account_id: UUID, team_id: UUID, *, locking: str = "") -> list[tuple[UUID, UUID]]:
    """Return (membership id, user id) of a team's active members, in the order in which they joined the account."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT membership.id, membership.user_id
            FROM accounts_teammember member
            JOIN accounts_membership membership ON membership.id = member.membership_id
            JOIN accounts_user ON accounts_user.id = membership.user_id
            WHERE member.account_id = %s AND member.team_id = %s AND membership.is_active AND accounts_user.is_active
            ORDER BY membership.id {locking}
            """,  # noqa: S608 - one of two constants
            [account_id, team_id],
        )
        return [(row[0], row[1]) for row in cursor.fetchall()]


def _loads(account_id: UUID, user_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return how much each user has to do; read after the locks, as a statement that waited would see the past."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT user_id, sum(count)::bigint FROM (
                SELECT owner_id AS user_id, count(*) FROM crm_contact
                WHERE account_id = %(account)s AND owner_id = ANY(%(users)s::uuid[]) AND deleted_at IS NULL
                GROUP BY owner_id
                UNION ALL
                SELECT owner_id, count(*) FROM crm_opportunity
                WHERE account_id = %(account)s AND owner_id = ANY(%(users)s::uuid[]) AND status = 'open'
                GROUP BY owner_id
                UNION ALL
                SELECT assignee_id, count(*) FROM crm_task
                WHERE account_id = %(account)s AND assignee_id = ANY(%(users)s::uuid[]) AND status = 'open'
                GROUP BY assignee_id
            ) AS work (user_id, count)
            GROUP BY user_id
            """,
            {"account": account_id, "users": arrays.ids(user_ids)},
        )
        return dict(cursor.fetchall())
