"""What people do to single contacts' access to courses: each function locks the contact, does it and audits it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts import audit
from accounts.actors import Actor
from accounts.problems import Conflict, Invalid, Missing, Problem
from workflows.crm.copies import BY_HAND
from workflows.crm.models import Course, CourseAccess
from workflows.crm.services import lessons
from workflows.crm.services.course_access import Grant, grant_access, revoke_access
from workflows.crm.services.locking import lock_contacts


@transaction.atomic
def grant(
    *, account_id: UUID, actor: Actor, course_id: UUID, contact_id: UUID, terms: Grant, now: datetime
) -> CourseAccess:
    """Give a contact access, or lengthen what it has where the terms say so, and return it.

    Invalid `contact_not_found`; Conflict `already_granted` when the contact has access that is to be kept as it is.
    """
    course = _course(account_id, course_id)
    if not lock_contacts(account_id=account_id, contact_ids=[contact_id]):
        raise Invalid(Problem("contact_not_found", "There is no such contact in this account.", "contact_id"))
    answer = grant_access(course=course, causes={contact_id: BY_HAND}, grant=terms, now=now)[contact_id]
    if not answer.is_new and not terms.extends:
        raise Conflict("already_granted", "The contact has access already; extend or revoke it.")
    if answer.changed:
        after = {
            "contact_id": str(contact_id),
            "level": answer.access.level,
            "expires_at": answer.access.expires_at.isoformat() if answer.access.expires_at else None,
        }
        _record(course, actor, "course.access_granted", after)
    return CourseAccess.objects.for_account(account_id).get(id=answer.access.id)


@transaction.atomic
def revoke(
    *,
    account_id: UUID,
    actor: Actor,
    course_id: UUID,
    access_id: UUID,
    reason: str = "",
    retain_progress: bool = True,
    now: datetime,
) -> CourseAccess:
    """End a contact's access and return it; access that has ended stays as it is. Raises Missing."""
    course = _course(account_id, course_id)
    access = _access(account_id, course_id, access_id)
    lock_contacts(account_id=account_id, contact_ids=[access.contact_id])
    access.refresh_from_db()
    if access.status != "active":
        return access
    revoke_access(
        course=course,
        causes={access.contact_id: BY_HAND},
        reason=reason,
        retain_progress=retain_progress,
        now=now,
    )
    after = {"contact_id": str(access.contact_id), "reason": reason, "retain_progress": retain_progress}
    _record(course, actor, "course.access_revoked", after)
    access.refresh_from_db()
    return access


@transaction.atomic
def complete_lesson(
    *,
    account_id: UUID,
    actor: Actor,
    course_id: UUID,
    access_id: UUID,
    lesson_id: UUID,
    is_completed: bool,
    now: datetime,
) -> CourseAccess:
    """Note that the contact completed a lesson, or did not, and return the access.

    Invalid `lesson_not_found`; Conflict `lesson_not_open` for a lesson that the access does not open now.
    """
    access = _access(account_id, course_id, access_id)
    try:
        changed = lessons.complete_lesson(access=access, lesson_id=lesson_id, is_completed=is_completed, now=now)
    except Missing:
        raise Invalid(Problem("lesson_not_found", "There is no such lesson in this course.", "lesson_id")) from None
    if changed:
        after = {
            "contact_id": str(access.contact_id),
            "lesson_id": str(lesson_id),
            "is_completed": is_completed,
        }
        _record(_course(account_id, course_id), actor, "course.lesson_completed", after)
    return access


def _course(account_id: UUID, course_id: UUID) -> Course:
    course: Course | None = Course.objects.for_account(account_id).filter(id=course_id).first()
    if course is None:
        raise Missing
    return course


def _access(account_id: UUID, course_id: UUID, access_id: UUID) -> CourseAccess:
    accesses = CourseAccess.objects.for_account(account_id).filter(course_id=course_id, id=access_id)
    access: CourseAccess | None = accesses.first()
    if access is None:
        raise Missing
    return access


def _record(course: Course, actor: Actor, verb: str, after: dict[str, Any]) -> None:
    audit.record(
        account_id=course.account_id,
        actor=actor,
        verb=verb,
        object_type="course",
        object_id=course.id,
        before={},
        after=after,
    )
