"""The account's courses: making, changing and deleting them."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts import audit
from accounts.actors import Actor
from accounts.problems import Conflict, Missing
from workflows.crm.models import AccessStatus, Course, CourseAccess
from workflows.crm.services.naming import unless_name_taken

FIELDS = ("name", "description", "url", "sender_name", "sender_email", "welcome_template_id")


@transaction.atomic
def create_course(*, account_id: UUID, actor: Actor, name: str, **values: Any) -> Course:
    """Make a course without lessons; `values` are its other fields. Raises Conflict (`name_taken`).

    The caller knows that the account has the template.
    """
    course = Course(account_id=account_id, name=name.strip(), **values)
    with unless_name_taken("a course", course.name):
        course.save(force_insert=True)
    _record(course, actor, "course.created", {}, _facts(course))
    return course


@transaction.atomic
def change_course(*, account_id: UUID, actor: Actor, course_id: UUID, values: Mapping[str, Any]) -> Course:
    """Change some of its fields. Raises Missing, Conflict (`name_taken`)."""
    course = lock_course(account_id=account_id, course_id=course_id)
    before = _facts(course)
    for name, value in values.items():
        setattr(course, name, value.strip() if name == "name" else value)
    after = _facts(course)
    changed = [name for name in FIELDS if after[name] != before[name]]
    if not changed:
        return course
    with unless_name_taken("a course", course.name):
        course.save(update_fields=[*changed, "updated_at"])
    _record(
        course,
        actor,
        "course.changed",
        {name: before[name] for name in changed},
        {name: after[name] for name in changed},
    )
    return course


@transaction.atomic
def delete_course(*, account_id: UUID, actor: Actor, course_id: UUID) -> None:
    """Delete a course with its lessons and the record of who had access; 409 while somebody has."""
    course = lock_course(account_id=account_id, course_id=course_id)
    accesses = CourseAccess.objects.for_account(account_id).filter(course_id=course.id, status=AccessStatus.ACTIVE)
    if accesses.exists():
        raise Conflict("invalid_transition", "Contacts have access to the course; revoke it first.")
    _record(course, actor, "course.deleted", _facts(course), {})
    course.delete()


def lock_course(*, account_id: UUID, course_id: UUID) -> Course:
    """Return the course under its lock; raises Missing."""
    courses = Course.objects.for_account(account_id).filter(id=course_id)
    course: Course | None = courses.select_for_update(no_key=True).first()
    if course is None:
        raise Missing
    return course


def _facts(course: Course) -> dict[str, Any]:
    facts = {name: getattr(course, name) for name in FIELDS}
    template_id = course.welcome_template_id
    return {**facts, "welcome_template_id": str(template_id) if template_id else None}


def _record(course: Course, actor: Actor, verb: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    audit.record(
        account_id=course.account_id,
        actor=actor,
        verb=verb,
        object_type="course",
        object_id=course.id,
        before=before,
        after=after,
    )
