"""Access of contacts to courses: granted, revoked and expiring, many contacts at a time."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from uuid_utils.compat import uuid7

from workflows.crm import arrays
from workflows.crm.copies import BY_HAND, Cause
from workflows.crm.events import NewEvent, record_events
from workflows.crm.models import AccessLevel, AccessStatus, Course
from workflows.crm.services.lessons import LEVELS, forget_progress
from workflows.crm.services.locking import lock_contact_rows

LONGEST = 3650
"""Days of access at most, where it ends at all."""
REASON_LENGTH = 500
REVOKED = AccessStatus.REVOKED.value
EXPIRED = AccessStatus.EXPIRED.value
PAGE_SIZE = 500


@dataclass(frozen=True, slots=True)
class Access:
    """A contact's active access to a course."""

    id: UUID
    contact_id: UUID
    level: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Grant:
    """What is to be granted; `duration` None: for ever."""

    level: str = AccessLevel.FULL.value
    duration: timedelta | None = None
    drip_content: bool = True
    extends: bool = False
    """Whether access that the contact has already is lengthened by `duration`, and raised to `level`; else it stays."""


@dataclass(frozen=True, slots=True)
class Granted:
    """The access that a contact has now; `is_new`, or `changed` (longer or more), or as it was."""

    access: Access
    is_new: bool
    changed: bool


@transaction.atomic
def grant_access(*, course: Course, causes: Mapping[UUID, Cause], grant: Grant, now: datetime) -> dict[UUID, Granted]:
    """Grant the contacts that are the keys of `causes`, all locked by the caller, access; return it by contact.

    Access is never shortened or lowered. Records `access_granted` for each that is new or changed.
    """
    present = active_accesses(course=course, contact_ids=causes.keys())
    granted: dict[UUID, Granted] = {}
    for contact_id in causes:
        access = present.get(contact_id)
        if access is None:
            expires_at = now + grant.duration if grant.duration else None
            granted[contact_id] = Granted(Access(uuid7(), contact_id, grant.level, expires_at), True, True)
        else:
            after = extended(access, grant, now) if grant.extends else access
            granted[contact_id] = Granted(after, False, after != access)
    _insert(course, causes, [each.access for each in granted.values() if each.is_new], grant, now)
    _update(course, [each.access for each in granted.values() if each.changed and not each.is_new], now)
    events = [
        NewEvent(
            contact_id,
            "access_granted",
            {
                **_facts(course, granted[contact_id].access.id),
                "level": granted[contact_id].access.level,
                "expires_at": granted[contact_id].access.expires_at,
                "extended": not granted[contact_id].is_new,
            },
            cause,
        )
        for contact_id, cause in causes.items()
        if granted[contact_id].changed
    ]
    record_events(account_id=course.account_id, events=events, now=now)
    return granted


def extended(access: Access, grant: Grant, now: datetime) -> Access:
    """Return the access as the grant lengthens and raises it."""
    level = max(access.level, grant.level, key=LEVELS.index)
    if access.expires_at is None or grant.duration is None:
        return replace(access, level=level, expires_at=None)
    return replace(access, level=level, expires_at=max(access.expires_at, now) + grant.duration)


@transaction.atomic
def revoke_access(
    *,
    course: Course,
    causes: Mapping[UUID, Cause],
    reason: str = "",
    retain_progress: bool = True,
    now: datetime,
) -> dict[UUID, UUID]:
    """Revoke the access of contacts, all locked by the caller; return the ids of what was revoked by contact.

    Without `retain_progress` the lessons that they completed are forgotten, also of those without access. Records
    `access_revoked` for each that had access.
    """
    revoked = _end(course, causes.keys(), REVOKED, reason, now)
    if not retain_progress:
        forget_progress(account_id=course.account_id, course_id=course.id, contact_ids=list(causes))
    _tell_of_ends(course, revoked, causes, REVOKED, reason, now)
    return revoked


def expire_access(*, now: datetime, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """End all access whose time is over, page by page; return how many there were."""
    count = 0
    while not is_stopping():
        ended = expire_page(now=now)
        count += ended
        if ended == 0:
            return count
    return count


def expire_page(*, now: datetime, size: int = PAGE_SIZE) -> int:
    """End access whose time is over, the oldest of one course first; return how many there were, 0: none is left.

    One transaction; several may run at once: each access is ended by one of them, which alone records
    `access_revoked`, reason `expired`.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT course_id, contact_id FROM crm_courseaccess
                WHERE status = 'active' AND expires_at <= %s ORDER BY expires_at LIMIT %s
                """,
                [now, size],
            )
            due = cursor.fetchall()
        if not due:
            return 0
        course = Course.objects.get(id=due[0][0])
        contact_ids = [contact_id for course_id, contact_id in due if course_id == course.id]
        lock_contact_rows(account_id=course.account_id, contact_ids=contact_ids)
        expired = _end(course, contact_ids, EXPIRED, "", now, only_due=True)
        _tell_of_ends(course, expired, dict.fromkeys(contact_ids, BY_HAND), EXPIRED, "", now)
    return len(due)


def end_everywhere(*, contact_ids: Collection[UUID], now: datetime) -> None:
    """End all access of contacts that are being deleted; no event: `contact_deleted` says it all."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE crm_courseaccess
            SET status = 'revoked', ended_at = %s, end_reason = 'contact_deleted', updated_at = %s
            WHERE contact_id = ANY(%s::uuid[]) AND status = 'active'
            """,
            [now, now, arrays.ids(contact_ids)],
        )


def active_accesses(*, course: Course, contact_ids: Collection[UUID]) -> dict[UUID, Access]:
    """Return the active access of contacts by contact."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id, contact_id, level, expires_at FROM crm_courseaccess
            WHERE course_id = %s AND contact_id = ANY(%s::uuid[]) AND status = 'active'
            """,
            [course.id, arrays.ids(contact_ids)],
        )
        return {row[1]: Access(*row) for row in cursor.fetchall()}


def _insert(course: Course, causes: Mapping[UUID, Cause], new: Sequence[Access], grant: Grant, now: datetime) -> None:
    if not new:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO crm_courseaccess (
                id, created_at, updated_at, account_id, course_id, contact_id, level, status, granted_at, expires_at,
                drip_content, end_reason, caused_by_id
            )
            SELECT id, %s, %s, %s, %s, contact_id, %s, 'active', %s, %s, %s, '', caused_by_id
            FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[]) AS access (id, contact_id, caused_by_id)
            """,
            [
                now,
                now,
                course.account_id,
                course.id,
                grant.level,
                now,
                new[0].expires_at,
                grant.drip_content,
                arrays.ids([access.id for access in new]),
                arrays.ids([access.contact_id for access in new]),
                arrays.ids([causes[access.contact_id].action_execution_id for access in new]),
            ],
        )


def _update(course: Course, changed: Sequence[Access], now: datetime) -> None:
    if not changed:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE crm_courseaccess
            SET level = access.level, expires_at = access.expires_at, updated_at = %s
            FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[]) AS access (id, level, expires_at)
            WHERE crm_courseaccess.id = access.id AND crm_courseaccess.account_id = %s
            """,
            [
                now,
                arrays.ids([access.id for access in changed]),
                arrays.texts([access.level for access in changed]),
                arrays.times([access.expires_at for access in changed]),
                course.account_id,
            ],
        )


def _end(
    course: Course,
    contact_ids: Collection[UUID],
    status: str,
    reason: str,
    now: datetime,
    *,
    only_due: bool = False,
) -> dict[UUID, UUID]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE crm_courseaccess SET status = %s, ended_at = %s, end_reason = %s, updated_at = %s
            WHERE course_id = %s AND contact_id = ANY(%s::uuid[]) AND status = 'active'
                  AND (NOT %s OR expires_at <= %s)
            RETURNING contact_id, id
            """,
            [status, now, reason[:REASON_LENGTH], now, course.id, arrays.ids(contact_ids), only_due, now],
        )
        return dict(cursor.fetchall())


def _tell_of_ends(
    course: Course, ended: Mapping[UUID, UUID], causes: Mapping[UUID, Cause], status: str, note: str, now: datetime
) -> None:
    events = [
        NewEvent(
            contact_id,
            "access_revoked",
            {**_facts(course, ended[contact_id]), "reason": status, "note": note[:REASON_LENGTH]},
            cause,
        )
        for contact_id, cause in causes.items()
        if contact_id in ended
    ]
    record_events(account_id=course.account_id, events=events, now=now)


def _facts(course: Course, access_id: UUID) -> dict[str, str]:
    return {"course_id": str(course.id), "course_name": course.name, "access_id": str(access_id)}
