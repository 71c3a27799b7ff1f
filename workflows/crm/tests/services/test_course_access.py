"""Access to courses, and the lessons that it opens."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection

from accounts.actors import SYSTEM
from accounts.models import AuditEntry
from accounts.problems import Conflict, Invalid, Missing
from workflows.crm.models import Course, CourseAccess, Event, Lesson, LessonProgress
from workflows.crm.services import granting
from workflows.crm.services.contacts import delete_contacts
from workflows.crm.services.course_access import Grant, expire_access
from workflows.crm.services.courses import change_course, create_course, delete_course
from workflows.crm.services.lessons import add_lesson, change_lesson, delete_lesson, lessons_for
from workflows.crm.tests.factories import ContactFactory, CourseAccessFactory, CourseFactory, LessonFactory
from workflows.crm.tests.world import NOW, told

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def by_hand(course):
    return {"account_id": course.account_id, "actor": SYSTEM, "course_id": course.id}


def titles(course):
    lessons = Lesson.objects.filter(course=course).order_by("position")
    assert [lesson.position for lesson in lessons] == list(range(len(lessons)))
    return [lesson.title for lesson in lessons]


class TestExpiry:
    def test_ends_access_once_its_time_is_over(self, account):
        course = CourseFactory(account=account)
        due = CourseAccessFactory(course=course, expires_at=NOW)
        later = CourseAccessFactory(course=course, expires_at=NOW + timedelta(microseconds=1))
        lifetime = CourseAccessFactory(course=course)
        revoked = CourseAccessFactory(course=course, expires_at=NOW, status="revoked", ended_at=NOW - DAY)

        assert expire_access(now=NOW) == 1
        assert expire_access(now=NOW) == 0

        for access in (due, later, lifetime, revoked):
            access.refresh_from_db()
        assert (due.status, due.ended_at) == ("expired", NOW)
        assert (later.status, lifetime.status, revoked.status) == ("active", "active", "revoked")
        assert told() == [
            (
                "access_revoked",
                {
                    "course_id": str(course.id),
                    "course_name": course.name,
                    "access_id": str(due.id),
                    "reason": "expired",
                    "note": "",
                },
            )
        ]

    def test_takes_everything_overdue_after_downtime(self, account, other_account):
        for owner in (account, other_account):
            for course in CourseFactory.create_batch(2, account=owner):
                CourseAccessFactory.create_batch(3, course=course, expires_at=NOW - 30 * DAY)
        assert expire_access(now=NOW) >= 12
        assert set(CourseAccess.objects.values_list("status", flat=True)) == {"expired"}
        assert Event.objects.count() == 12

    def test_spares_who_got_more_time_meanwhile(self, account):
        access = CourseAccessFactory(course=CourseFactory(account=account), expires_at=NOW)
        terms = Grant(duration=DAY, extends=True)
        granting.grant(**by_hand(access.course), contact_id=access.contact_id, terms=terms, now=NOW)
        assert expire_access(now=NOW) == 0
        access.refresh_from_db()
        assert (access.status, access.expires_at) == ("active", NOW + DAY)

    @pytest.mark.django_db(transaction=True)
    def test_happens_once_with_several_workers(self):
        CourseAccessFactory.create_batch(60, course=CourseFactory(), expires_at=NOW)
        barrier = Barrier(4)

        def work():
            barrier.wait(timeout=30)
            expire_access(now=NOW)
            connection.close()

        threads = [Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert CourseAccess.objects.filter(status="expired").count() == 60
        assert Event.objects.filter(event_type="access_revoked").count() == 60

    def test_is_for_the_living(self, account):
        access = CourseAccessFactory(course=CourseFactory(account=account), expires_at=NOW + DAY)
        delete_contacts(account_id=account.id, actor=SYSTEM, contact_ids=[access.contact_id], now=NOW)
        access.refresh_from_db()
        assert (access.status, access.end_reason) == ("revoked", "contact_deleted")
        assert expire_access(now=NOW + 2 * DAY) == 0


class TestByHand:
    def test_grants_and_revokes_with_an_audit_entry_each(self, account):
        course, contact = CourseFactory(account=account), ContactFactory(account=account)
        access = granting.grant(**by_hand(course), contact_id=contact.id, terms=Grant(), now=NOW)
        granting.revoke(**by_hand(course), access_id=access.id, reason="Refund", now=NOW)
        again = granting.revoke(**by_hand(course), access_id=access.id, reason="Twice", now=NOW + DAY)
        assert (again.status, again.ended_at, again.end_reason) == ("revoked", NOW, "Refund")
        assert list(AuditEntry.objects.order_by("id").values_list("verb", flat=True)) == [
            "course.access_granted",
            "course.access_revoked",
        ]
        assert [name for name, _ in told()] == ["access_granted", "access_revoked"]

    def test_refuses_a_second_access(self, account):
        access = CourseAccessFactory(course=CourseFactory(account=account), level="preview")
        with pytest.raises(Conflict) as refusal:
            granting.grant(**by_hand(access.course), contact_id=access.contact_id, terms=Grant(), now=NOW)
        assert refusal.value.problem.code == "already_granted"
        access.refresh_from_db()
        assert access.level == "preview"

    def test_knows_no_foreign_contact_course_or_access(self, account, other_account):
        course, foreign = (
            CourseFactory(account=account),
            CourseAccessFactory(course=CourseFactory(account=other_account)),
        )
        with pytest.raises(Invalid):
            granting.grant(**by_hand(course), contact_id=foreign.contact_id, terms=Grant(), now=NOW)
        with pytest.raises(Missing):
            granting.revoke(**by_hand(course), access_id=foreign.id, now=NOW)
        with pytest.raises(Missing):
            granting.revoke(
                account_id=account.id, actor=SYSTEM, course_id=foreign.course_id, access_id=foreign.id, now=NOW
            )
        foreign.refresh_from_db()
        assert foreign.status == "active"


class TestLessons:
    def test_open_by_level_and_day(self, account):
        course = CourseFactory(account=account)
        for title, drip_days, level in (
            ("A", 0, "preview"),
            ("B", 7, "limited"),
            ("C", 0, "full"),
            ("D", 30, "preview"),
        ):
            LessonFactory(course=course, title=title, drip_days=drip_days, level=level)
        access = CourseAccessFactory(course=course, level="limited", granted_at=NOW, expires_at=NOW + 20 * DAY)

        shown = lessons_for(access=access, now=NOW + 6 * DAY)
        assert [(each.opens_at, each.is_open) for each in shown] == [
            (NOW, True),
            (NOW + 7 * DAY, False),
            (None, False),
            (None, False),  # the access expires before
        ]
        assert [each.is_open for each in lessons_for(access=access, now=NOW + 7 * DAY)] == [True, True, False, False]
        access.drip_content = False
        assert [each.is_open for each in lessons_for(access=access, now=NOW)] == [True, True, False, True]
        access.status = "revoked"
        assert not any(each.is_open for each in lessons_for(access=access, now=NOW))

    def test_are_completed_when_they_are_open(self, account):
        course = CourseFactory(account=account)
        now_open, later = LessonFactory(course=course), LessonFactory(course=course, drip_days=3)
        access = CourseAccessFactory(course=course, granted_at=NOW)

        def complete(lesson, is_completed=True, now=NOW):
            granting.complete_lesson(
                **by_hand(course), access_id=access.id, lesson_id=lesson.id, is_completed=is_completed, now=now
            )

        complete(now_open)
        complete(now_open, now=NOW + DAY)
        assert LessonProgress.objects.get().completed_at == NOW
        with pytest.raises(Conflict) as refusal:
            complete(later)
        assert refusal.value.problem.code == "lesson_not_open"
        with pytest.raises(Invalid):
            complete(LessonFactory(course=CourseFactory(account=account)))
        complete(now_open, is_completed=False)
        assert not LessonProgress.objects.exists()

    def test_stay_in_order(self, account):
        course = CourseFactory(account=account)
        first, second, third = (add_lesson(**by_hand(course), title=title) for title in "ABC")
        add_lesson(**by_hand(course), title="D", position=1)
        assert titles(course) == ["A", "D", "B", "C"]
        change_lesson(**by_hand(course), lesson_id=third.id, values={"position": 0})
        assert titles(course) == ["C", "A", "D", "B"]
        change_lesson(**by_hand(course), lesson_id=third.id, values={"position": 99, "title": "Z"})
        assert titles(course) == ["A", "D", "B", "Z"]
        delete_lesson(**by_hand(course), lesson_id=second.id)
        assert titles(course) == ["A", "D", "Z"]
        with pytest.raises(Missing):
            delete_lesson(**by_hand(CourseFactory(account=account)), lesson_id=first.id)


class TestCourses:
    def test_have_names_of_their_own_in_the_account(self, account, other_account):
        create_course(account_id=account.id, actor=SYSTEM, name="Riding")
        other = create_course(account_id=account.id, actor=SYSTEM, name="Driving")
        create_course(account_id=other_account.id, actor=SYSTEM, name="Riding")
        with pytest.raises(Conflict):
            change_course(**by_hand(other), values={"name": "Riding"})
        other.refresh_from_db()
        assert other.name == "Driving"

    def test_stay_while_somebody_has_access(self, account):
        access = CourseAccessFactory(course=CourseFactory(account=account))
        with pytest.raises(Conflict):
            delete_course(**by_hand(access.course))
        CourseAccess.objects.update(status="expired", ended_at=NOW)
        delete_course(**by_hand(access.course))
        assert not Course.objects.exists()
