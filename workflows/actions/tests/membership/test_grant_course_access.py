from datetime import timedelta
from uuid import uuid4

import pytest

from workflows.actions.outcomes import Done, Failed, Perform
from workflows.actions.outside import ErrorClass, Performed, Permanent, Request, Retryable
from workflows.actions.registry import registry
from workflows.actions.tests.batches import NOW, batch_of, refusals, run
from workflows.crm.models import Consent, CourseAccess, Event
from workflows.crm.tests.factories import ContactFactory, CourseAccessFactory, CourseFactory
from workflows.crm.tests.world import count_queries
from workflows.messaging.models import Connection, Message
from workflows.messaging.tests.factories import ConnectionFactory, EmailTemplateFactory

pytestmark = pytest.mark.django_db

NOWHERE = "00000000-0000-4000-8000-000000000001"
SILENT = {"send_welcome": False}


@pytest.fixture
def course(account):
    return CourseFactory(
        account=account,
        name="Riding {{ 1 }} <b>",
        url="https://learn.example/riding",
        sender_name="Ada",
        sender_email="ada@acme.example",
    )


def grant(contacts, course, **config):
    return run("grant_course_access", contacts, {"course_id": str(course.id), **config})


class TestGrantCourseAccess:
    def test_gives_full_access_for_ever(self, account, course):
        contact = ContactFactory(account=account)
        (outcome,) = grant(contact, course, **SILENT)
        access = CourseAccess.objects.get()
        assert (access.contact_id, access.course_id, access.account_id) == (contact.id, course.id, account.id)
        assert (access.level, access.status, access.expires_at, access.granted_at) == ("full", "active", None, NOW)
        assert access.drip_content
        assert outcome.result == {
            "course_id": str(course.id),
            "access_id": str(access.id),
            "access_level": "full",
            "expires_at": None,
            "changed": True,
            "created": True,
            "welcome": "not_wanted",
        }

    def test_gives_what_is_configured(self, account, course):
        (outcome,) = grant(
            ContactFactory(account=account),
            course,
            access_level="limited",
            duration_days=30,
            drip_content=False,
            **SILENT,
        )
        access = CourseAccess.objects.get()
        assert (access.level, access.drip_content, access.expires_at) == ("limited", False, NOW + timedelta(days=30))
        assert outcome.result["expires_at"] == (NOW + timedelta(days=30)).isoformat()

    def test_records_the_event(self, account, course):
        (outcome,) = grant(ContactFactory(account=account), course, duration_days=1, **SILENT)
        event = Event.objects.get()
        assert (event.event_type, event.depth) == ("access_granted", 3)
        assert event.data == {
            "course_id": str(course.id),
            "course_name": course.name,
            "access_id": outcome.result["access_id"],
            "level": "full",
            "expires_at": "2026-05-05T09:30:00+00:00",
            "extended": False,
        }

    def test_keeps_access_as_it_is(self, account, course):
        access = CourseAccessFactory(course=course, level="preview", expires_at=NOW + timedelta(days=1))
        (outcome,) = grant(access.contact, course, duration_days=30)
        access.refresh_from_db()
        assert (access.level, access.expires_at) == ("preview", NOW + timedelta(days=1))
        assert (outcome.result["changed"], outcome.result["created"]) == (False, False)
        assert not Event.objects.exists()

    @pytest.mark.parametrize(
        ("expires_in", "days", "level", "expected_in", "expected_level"),
        [
            (1, 30, "full", 31, "full"),  # on top of what is left
            (-1, 30, "full", 30, "full"),  # overdue, not expired yet: from now on
            (1, None, "full", None, "full"),
            (None, 30, "preview", None, "limited"),  # never shorter, never less
        ],
    )
    def test_extends_access(self, account, course, expires_in, days, level, expected_in, expected_level):
        def at(count):
            return None if count is None else NOW + timedelta(days=count)

        access = CourseAccessFactory(course=course, level="limited", expires_at=at(expires_in))
        (outcome,) = grant(access.contact, course, duration_days=days, access_level=level, if_already="extend")
        access.refresh_from_db()
        assert (access.level, access.expires_at) == (expected_level, at(expected_in))
        changed = (expires_in, "limited") != (expected_in, expected_level)
        assert (outcome.result["changed"], outcome.result["created"]) == (changed, False)
        assert [event.data["extended"] for event in Event.objects.all()] == ([True] if changed else [])

    def test_grants_anew_what_has_ended(self, account, course):
        ended = CourseAccessFactory(course=course, status="revoked", ended_at=NOW)
        (outcome,) = grant(ended.contact, course, **SILENT)
        assert outcome.result["created"]
        assert CourseAccess.objects.count() == 2

    def test_fails_when_the_course_is_gone(self, account, course):
        kind = registry.get("grant_course_access")
        config = kind.complete_config({"course_id": str(course.id)})
        course.delete()
        batch = batch_of([ContactFactory(account=account)], config)
        for (outcome,) in (kind.run_many(batch), kind.prepare_many(batch)):
            assert isinstance(outcome, Failed)
            assert (outcome.error_class, outcome.result) == ("invalid_config", {"code": "course_not_found"})

    @pytest.mark.parametrize("options", [SILENT, {"if_already": "extend", "duration_days": 3, **SILENT}], ids=str)
    def test_uses_as_many_queries_for_200_contacts_as_for_1(self, account, course, options):
        counts = []
        for size in (1, 200):
            contacts = ContactFactory.create_batch(size, account=account)
            if "if_already" in options:
                for contact in contacts:
                    CourseAccessFactory(course=course, contact=contact, expires_at=NOW)
            kind = registry.get("grant_course_access")
            batch = batch_of(contacts, kind.complete_config({"course_id": str(course.id), **options}))
            counts.append(count_queries(lambda batch=batch, kind=kind: kind.run_many(batch)))
        assert counts[0] == counts[1]
        assert Event.objects.count() == 201


class TestWelcome:
    @pytest.fixture
    def kind(self, account):
        ConnectionFactory(account=account)
        return registry.get("grant_course_access")

    @pytest.fixture
    def welcomed(self, account, course, kind):
        """Grant access and prepare the welcomes."""

        def prepare(*contacts):
            config = kind.complete_config({"course_id": str(course.id)})
            batch = batch_of(contacts, config)
            assert kind.run_many(batch) == [Perform("email")] * len(contacts)
            for step in batch:
                step.key = uuid4()
            return kind.prepare_many(batch)

        return prepare

    def test_is_a_transactional_mail_of_the_course(self, account, course, welcomed):
        contact = ContactFactory(account=account, first_name="Zoë", email="zoe@example.com")
        (request,) = welcomed(contact)
        assert isinstance(request, Request)
        mail = request.payload["mail"]
        assert (mail["from"], mail["to"]) == (["Ada", "ada@acme.example"], ["Zoë Lovelace", "zoe@example.com"])
        assert mail["subject"] == "Welcome to Riding {{ 1 }} <b>"
        assert "Hello Zoë," in mail["text"]
        assert "https://learn.example/riding" in mail["text"]
        assert mail["headers"] == {}
        message = Message.objects.get()
        assert (message.status, message.purpose, message.recipient) == ("queued", "transactional", "zoe@example.com")
        assert request.payload["result"]["access_id"] == str(CourseAccess.objects.get().id)

    def test_uses_the_template_of_the_course(self, account, course, welcomed):
        template = EmailTemplateFactory(account=account, subject="Hi {{ contact.first_name }}", body_text="Come in.")
        course.welcome_template_id = template.id
        course.save()
        (request,) = welcomed(ContactFactory(account=account, first_name="Zoë"))
        assert request.payload["mail"]["subject"] == "Hi Zoë"
        assert "Come in." in request.payload["mail"]["text"]

    def test_is_not_sent_to_who_cannot_be_written_to(self, account, course, welcomed):
        silent = ContactFactory(account=account, email="")
        opted_out = ContactFactory(account=account)
        Consent.objects.create(account=account, contact=opted_out, channel="email", state="opt_out", recorded_at=NOW)
        outcomes = welcomed(silent, opted_out)
        assert [outcome.result["welcome"] for outcome in outcomes] == [
            "Contact has no e-mail address",
            "Contact opted out of email",
        ]
        assert all(isinstance(outcome, Done) and outcome.result["created"] for outcome in outcomes)
        assert not Message.objects.exists()

    def test_is_not_sent_without_a_sender_or_a_mail_server(self, account, course, welcomed):
        course.sender_email = ""
        course.save()
        (outcome,) = welcomed(ContactFactory(account=account))
        assert outcome.result["welcome"] == "The course has no sender's address"
        course.sender_email = "ada@acme.example"
        course.save()
        account.refresh_from_db()

        Connection.objects.all().delete()
        (outcome,) = welcomed(ContactFactory(account=account))
        assert outcome.result["welcome"].startswith("The account has no enabled connection")

    def test_that_a_person_settled_as_sent_leaves_a_sent_message(self, account, course, kind):
        batch = batch_of([ContactFactory(account=account)], kind.complete_config({"course_id": str(course.id)}))
        kind.run_many(batch)
        batch[0].key = uuid4()
        kind.prepare_many(batch)
        kind.record_many([Performed(batch[0], {}, Done({"settled": "sent"}), True)], account_id=account.id, now=NOW)
        assert Message.objects.get().status == "sent"

    def test_does_not_fail_the_step_when_the_mail_is_refused(self, kind, monkeypatch):
        def refuse(payload, *, key):
            raise Permanent(ErrorClass.REJECTED, "No such mailbox.")

        monkeypatch.setattr("workflows.actions.membership.grant_course_access.deliver", refuse)
        outcome = kind.perform({"mail": {}, "result": {"created": True, "welcome": "sent"}}, key=uuid4())
        assert outcome == Done({"created": True, "welcome": "No such mailbox."})

    def test_is_tried_again_when_that_may_help(self, kind, monkeypatch):
        def fail(payload, *, key):
            raise Retryable(ErrorClass.NETWORK, "No route.")

        monkeypatch.setattr("workflows.actions.membership.grant_course_access.deliver", fail)
        with pytest.raises(Retryable):
            kind.perform({"mail": {}, "result": {}}, key=uuid4())

    def test_uses_as_many_queries_for_200_contacts_as_for_1(self, account, course, kind):
        counts = []
        for size in (1, 200):
            contacts = ContactFactory.create_batch(size, account=account)
            batch = batch_of(contacts, kind.complete_config({"course_id": str(course.id)}))
            kind.run_many(batch)
            for step in batch:
                step.key = uuid4()
            counts.append(count_queries(lambda batch=batch: kind.prepare_many(batch)))
        assert counts[0] == counts[1]
        assert Message.objects.count() == 201


class TestConfig:
    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ({"access_level": "all"}, ("invalid_choice", "access_level")),
            ({"duration_days": 0}, ("min_value", "duration_days")),
            ({"duration_days": 3651}, ("max_value", "duration_days")),
            ({"duration_days": "7"}, ("invalid", "duration_days")),
            ({"drip_content": 1}, ("invalid", "drip_content")),
            ({"send_welcome": None}, ("null", "send_welcome")),
            ({"if_already": "replace"}, ("invalid_choice", "if_already")),
            ({"course_id": NOWHERE}, ("course_not_found", "course_id")),
        ],
        ids=str,
    )
    def test_refuses(self, account, course, config, expected):
        assert refusals("grant_course_access", {"course_id": str(course.id), **config}, account.id)[:1] == [expected]

    def test_takes_a_lifetime_as_null(self, account, course):
        config = {"course_id": str(course.id), "duration_days": None}
        assert registry.get("grant_course_access").clean_config(config, account_id=account.id) == config

    def test_refuses_a_course_of_another_account(self, account, other_account):
        config = {"course_id": str(CourseFactory(account=other_account).id)}
        assert refusals("grant_course_access", config, account.id) == [("course_not_found", "course_id")]
