"""The lessons of a course, in order, and which of them contacts completed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from accounts import audit
from accounts.actors import Actor
from accounts.problems import Conflict, Missing
from workflows.crm import arrays
from workflows.crm.models import AccessLevel, CourseAccess, Lesson, LessonProgress
from workflows.crm.services.courses import lock_course

FIELDS = ("title", "drip_days", "level", "position")
MAXIMUM_LESSONS = 500
LEVELS = tuple(AccessLevel.values)
"""From the least to the most."""


@dataclass(frozen=True, slots=True)
class OpenLesson:
    """A lesson as someone with access to its course sees it."""

    lesson: Lesson
    opens_at: datetime | None
    """When it opens or opened (UTC); None: never with this access."""
    is_open: bool
    completed_at: datetime | None


@transaction.atomic
def add_lesson(
    *, account_id: UUID, actor: Actor, course_id: UUID, title: str, position: int | None = None, **values: Any
) -> Lesson:
    """Add a lesson at `position`, or last; those behind it move back. A position beyond the end means the end.

    409 `lesson_limit_reached` at 500 lessons.
    """
    lock_course(account_id=account_id, course_id=course_id)
    lessons = _in_order(account_id, course_id)
    if len(lessons) >= MAXIMUM_LESSONS:
        raise Conflict("lesson_limit_reached", f"A course has at most {MAXIMUM_LESSONS} lessons.")
    lesson = Lesson(account_id=account_id, course_id=course_id, title=title, position=len(lessons), **values)
    lesson.save(force_insert=True)
    _place(lessons, lesson, position)
    _record(lesson, actor, "lesson.created", {}, _facts(lesson))
    return lesson


@transaction.atomic
def change_lesson(
    *, account_id: UUID, actor: Actor, course_id: UUID, lesson_id: UUID, values: Mapping[str, Any]
) -> Lesson:
    """Change a lesson's fields; another `position` moves it there, the others keep their order. Raises Missing."""
    lock_course(account_id=account_id, course_id=course_id)
    lessons = _in_order(account_id, course_id)
    lesson = next((each for each in lessons if each.id == lesson_id), None)
    if lesson is None:
        raise Missing
    before = _facts(lesson)
    for name, value in values.items():
        if name != "position":
            setattr(lesson, name, value)
    lesson.save(update_fields=["title", "drip_days", "level", "updated_at"])
    if "position" in values:
        _place([each for each in lessons if each is not lesson], lesson, values["position"])
    after = _facts(lesson)
    changed = [name for name in FIELDS if after[name] != before[name]]
    if changed:
        _record(
            lesson,
            actor,
            "lesson.changed",
            {name: before[name] for name in changed},
            {name: after[name] for name in changed},
        )
    return lesson


@transaction.atomic
def delete_lesson(*, account_id: UUID, actor: Actor, course_id: UUID, lesson_id: UUID) -> None:
    """Delete a lesson and who completed it; those behind it move up. Raises Missing."""
    lock_course(account_id=account_id, course_id=course_id)
    lessons = _in_order(account_id, course_id)
    lesson = next((each for each in lessons if each.id == lesson_id), None)
    if lesson is None:
        raise Missing
    _record(lesson, actor, "lesson.deleted", _facts(lesson), {})
    rest = [each for each in lessons if each is not lesson]
    lesson.delete()
    _number(rest)


@transaction.atomic
def complete_lesson(*, access: CourseAccess, lesson_id: UUID, is_completed: bool, now: datetime) -> bool:
    """Note that the contact completed a lesson, or that it did not; the first time counts. Say whether that was new.

    409 `lesson_not_open` for a lesson that the access does not open now. Raises Missing when the course has no such
    lesson.
    """
    lesson = Lesson.objects.for_account(access.account_id).filter(course_id=access.course_id, id=lesson_id).first()
    if lesson is None:
        raise Missing
    progress = LessonProgress.objects.for_account(access.account_id).filter(contact_id=access.contact_id, lesson=lesson)
    if not is_completed:
        return progress.delete()[0] > 0
    opens_at = opening(access, lesson)
    if access.status != "active" or opens_at is None or opens_at > now:
        raise Conflict("lesson_not_open", "The contact's access does not open this lesson now.")
    if progress.exists():
        return False
    LessonProgress.objects.bulk_create(
        [LessonProgress(account_id=access.account_id, contact_id=access.contact_id, lesson=lesson, completed_at=now)],
        ignore_conflicts=True,
    )
    return True


def lessons_for(*, access: CourseAccess, now: datetime) -> list[OpenLesson]:
    """Return every lesson of the course as this access shows it; two queries."""
    progress = LessonProgress.objects.for_account(access.account_id).filter(
        contact_id=access.contact_id, lesson__course_id=access.course_id
    )
    completed = dict(progress.values_list("lesson_id", "completed_at"))
    shown = []
    for lesson in _in_order(access.account_id, access.course_id):
        opens_at = opening(access, lesson)
        is_open = access.status == "active" and opens_at is not None and opens_at <= now
        shown.append(OpenLesson(lesson, opens_at, is_open, completed.get(lesson.id)))
    return shown


def opening(access: CourseAccess, lesson: Lesson) -> datetime | None:
    """Return when the access opens the lesson; None: never, since it is of a higher level or expires before."""
    if LEVELS.index(access.level) < LEVELS.index(lesson.level):
        return None
    opens_at: datetime = access.granted_at + timedelta(days=lesson.drip_days if access.drip_content else 0)
    return None if access.expires_at and access.expires_at <= opens_at else opens_at


def forget_progress(*, account_id: UUID, course_id: UUID, contact_ids: Sequence[UUID]) -> None:
    """Forget which lessons of a course the contacts completed."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM crm_lessonprogress
            USING crm_lesson lesson
            WHERE crm_lessonprogress.account_id = %s AND crm_lessonprogress.contact_id = ANY(%s::uuid[])
                  AND lesson.id = crm_lessonprogress.lesson_id AND lesson.course_id = %s
            """,
            [account_id, arrays.ids(contact_ids), course_id],
        )


def _in_order(account_id: UUID, course_id: UUID) -> list[Lesson]:
    return list(Lesson.objects.for_account(account_id).filter(course_id=course_id).order_by("position"))


def _place(others: Sequence[Lesson], lesson: Lesson, position: int | None) -> None:
    place = len(others) if position is None else min(position, len(others))
    _number([*others[:place], lesson, *others[place:]])


def _number(lessons: Sequence[Lesson]) -> None:
    """Give the lessons the positions in which they stand; the constraint is checked at the end."""
    moved = [lesson for position, lesson in enumerate(lessons) if lesson.position != position]
    for position, lesson in enumerate(lessons):
        lesson.position = position
    Lesson.objects.bulk_update(moved, ["position"])


def _facts(lesson: Lesson) -> dict[str, Any]:
    return {name: getattr(lesson, name) for name in FIELDS}


def _record(lesson: Lesson, actor: Actor, verb: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    audit.record(
        account_id=lesson.account_id,
        actor=actor,
        verb=verb,
        object_type="lesson",
        object_id=lesson.id,
        before=before,
        after=after,
    )
