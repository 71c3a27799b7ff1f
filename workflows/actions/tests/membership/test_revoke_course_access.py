import pytest

from workflows.actions.outcomes import Done, Failed
from workflows.actions.registry import registry
from workflows.actions.tests.batches import NOW, batch_of, refusals, run
from workflows.crm.models import CourseAccess, Event, LessonProgress
from workflows.crm.tests.factories import ContactFactory, CourseAccessFactory, CourseFactory, LessonFactory
from workflows.crm.tests.world import count_queries

NOWHERE = "00000000-0000-4000-8000-000000000001"

pytestmark = pytest.mark.django_db


@pytest.fixture
def course(account):
    return CourseFactory(account=account, name="Riding")


def progress(lesson, contact):
    return LessonProgress.objects.create(account=lesson.account, lesson=lesson, contact=contact, completed_at=NOW)


class TestRevokeCourseAccess:
    def test_ends_the_access_and_keeps_progress(self, account, course):
        access = CourseAccessFactory(course=course)
        progress(LessonFactory(course=course), access.contact)
        config = {"course_id": str(course.id), "revocation_reason": "Subscription ended"}
        (outcome,) = run("revoke_course_access", access.contact, config)
        access.refresh_from_db()
        assert (access.status, access.ended_at, access.end_reason) == ("revoked", NOW, "Subscription ended")
        assert outcome.result == {"course_id": str(course.id), "access_id": str(access.id), "changed": True}
        assert LessonProgress.objects.count() == 1

    def test_records_the_event(self, account, course):
        access = CourseAccessFactory(course=course)
        run("revoke_course_access", access.contact, {"course_id": str(course.id)})
        event = Event.objects.get()
        assert (event.event_type, event.contact_id, event.depth) == ("access_revoked", access.contact_id, 3)
        assert event.data == {
            "course_id": str(course.id),
            "course_name": "Riding",
            "access_id": str(access.id),
            "reason": "revoked",
            "note": "",
        }

    def test_forgets_progress_in_this_course_alone_when_told_to(self, account, course):
        access = CourseAccessFactory(course=course)
        progress(LessonFactory(course=course), access.contact)
        elsewhere = progress(LessonFactory(course=CourseFactory(account=account)), access.contact)
        other = progress(LessonFactory(course=course), ContactFactory(account=account))
        run("revoke_course_access", access.contact, {"course_id": str(course.id), "retain_progress": False})
        assert set(LessonProgress.objects.all()) == {elsewhere, other}

    def test_changes_nothing_without_access(self, account, course):
        ended = CourseAccessFactory(course=course, status="expired", ended_at=NOW)
        (outcome,) = run("revoke_course_access", ended.contact, {"course_id": str(course.id)})
        assert outcome == Done({"course_id": str(course.id), "access_id": None, "changed": False}, outcome.data)
        ended.refresh_from_db()
        assert ended.status == "expired"
        assert not Event.objects.exists()

    def test_fails_when_the_course_is_gone(self, account, course):
        contact = ContactFactory(account=account)
        kind = registry.get("revoke_course_access")
        config = kind.complete_config({"course_id": str(course.id)})
        course.delete()
        (outcome,) = kind.run_many(batch_of([contact], config))
        assert isinstance(outcome, Failed)
        assert (outcome.error_class, outcome.result) == ("invalid_config", {"code": "course_not_found"})

    def test_uses_as_many_queries_for_200_contacts_as_for_1(self, account, course):
        counts = []
        for size in (1, 200):
            contacts = ContactFactory.create_batch(size, account=account)
            for contact in contacts:
                CourseAccessFactory(course=course, contact=contact)
            kind = registry.get("revoke_course_access")
            batch = batch_of(contacts, kind.complete_config({"course_id": str(course.id), "retain_progress": False}))
            counts.append(count_queries(lambda batch=batch, kind=kind: kind.run_many(batch)))
        assert counts[0] == counts[1]
        assert not CourseAccess.objects.filter(status="active").exists()


class TestConfig:
    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ({}, ("required", "course_id")),
            ({"course_id": "riding"}, ("invalid", "course_id")),
            ({"course_id": 7}, ("invalid", "course_id")),
            ({"course_id": NOWHERE}, ("course_not_found", "course_id")),
            ({"retain_progress": "yes"}, ("invalid", "retain_progress")),
            ({"revocation_reason": "x" * 501}, ("max_length", "revocation_reason")),
        ],
        ids=str,
    )
    def test_refuses(self, account, course, config, expected):
        complete = config if "course_id" in config or not config else {"course_id": str(course.id), **config}
        assert refusals("revoke_course_access", complete, account.id)[:1] == [expected]

    def test_refuses_a_course_of_another_account(self, account, other_account):
        foreign = CourseFactory(account=other_account)
        config = {"course_id": str(foreign.id)}
        assert refusals("revoke_course_access", config, account.id) == [("course_not_found", "course_id")]

    def test_tells_what_it_refers_to(self, course):
        kind = registry.get("revoke_course_access")
        assert kind.references({"course_id": str(course.id)}) == [("course", course.id, "course_id")]
