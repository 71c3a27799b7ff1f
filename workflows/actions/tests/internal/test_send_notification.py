from datetime import UTC, datetime
from types import SimpleNamespace
from urllib.parse import parse_qs
from uuid import uuid4

import pytest
from django.core import mail
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from accounts.actors import SYSTEM
from accounts.models import Membership
from accounts.tests.factories import MembershipFactory, TeamFactory, UserFactory
from workflows.actions import notifying, sms
from workflows.actions.outcomes import Done, Failed, Perform, Skipped
from workflows.actions.outside import CallFailed, Lane, OutcomeUnknown, Performed, Permanent, Request, Retryable
from workflows.actions.registry import registry
from workflows.actions.tests.batches import batch_of, refusals, run
from workflows.crm.models import Notification
from workflows.crm.services.consents import ConsentChange, set_consents
from workflows.crm.tests.factories import ContactFactory
from workflows.messaging import staff_mail
from workflows.messaging.models import StaffMessage
from workflows.messaging.outbound import NotSent, SentUnknown
from workflows.messaging.secrets import create_secret
from workflows.messaging.services.staff_messages import begin, id_of
from workflows.messaging.tests.factories import ConnectionFactory

pytestmark = pytest.mark.django_db

TEXTS = {"title": "{{ contact.first_name }} is waiting", "message": "Call {{ contact.phone }}."}
KIND = registry.get("send_notification")
FROM, BOB, EVE = "+14155550100", "+14155550201", "+14155550202"
NOW = datetime(2026, 5, 4, 3, 0, tzinfo=UTC)
OWNER = {"recipient_type": "contact_owner", "channels": ["in_app"], **TEXTS}


def member(account, email, role="editor", **fields) -> Membership:
    return MembershipFactory(account=account, user=UserFactory(email=email), role=role, **fields)


@pytest.fixture
def ada(account):
    return member(account, "ada@example.com", role="owner").user


@pytest.fixture
def contact(account, ada):
    return ContactFactory(account=account, first_name="Zoë", phone="+14155550123", owner=ada)


def prepared(contacts, config):
    return KIND.prepare_many(batch_of(contacts, KIND.complete_config(config)))


def taken(postbox):
    """Return the texts that the provider has, in their order."""
    return [entry for entry in postbox.messages(method="POST") if entry["outcome"] == "new"]


def statuses():
    return dict(StaffMessage.objects.values_list("recipient", "status"))


def told():
    rows = Notification.objects.order_by("recipient__email")
    return [(row.recipient.email, row.kind, row.title, row.message) for row in rows]


class TestInTheApplication:
    def test_tells_the_owner(self, contact, ada):
        (outcome,) = run("send_notification", contact, OWNER)
        assert outcome == Done({"recipients": [str(ada.id)]}, {"title": "Zoë is waiting"})
        assert told() == [("ada@example.com", "workflow_step", "Zoë is waiting", "Call +14155550123.")]

    def test_tells_members_of_teams_once(self, account, contact):
        bob, eve = member(account, "bob@example.com"), member(account, "eve@example.com")
        member(account, "nobody@example.com")
        teams = [TeamFactory(account=account) for _ in range(2)]
        for team in teams:
            team.members.set([bob, eve], through_defaults={"account": account})
        config = {**OWNER, "recipient_type": "team", "recipient_ids": [str(team.id) for team in teams]}
        run("send_notification", contact, config)
        assert [row[0] for row in told()] == ["bob@example.com", "eve@example.com"]

    def test_tells_those_with_a_role(self, account, contact):
        member(account, "bob@example.com", role="admin")
        member(account, "eve@example.com", role="viewer")
        run("send_notification", contact, {**OWNER, "recipient_type": "role", "recipient_ids": ["owner", "admin"]})
        assert [row[0] for row in told()] == ["ada@example.com", "bob@example.com"]

    def test_tells_the_users_named_who_are_still_active(self, account, other_account, contact):
        bob, gone = member(account, "bob@example.com"), member(account, "gone@example.com")
        config = {
            **OWNER,
            "recipient_type": "specific_user",
            "recipient_ids": [str(bob.user_id), str(gone.user_id)],
        }
        complete = registry.get("send_notification").clean_config(config, account_id=account.id)
        Membership.objects.filter(id=gone.id).update(is_active=False)
        MembershipFactory(account=other_account, user=gone.user)
        (outcome,) = registry.get("send_notification").run_many(batch_of([contact], complete))
        assert outcome.result == {"recipients": [str(bob.user_id)]}
        assert [row[0] for row in told()] == ["bob@example.com"]

    def test_skips_where_there_is_nobody(self, account):
        (outcome,) = run("send_notification", ContactFactory(account=account), OWNER)
        assert outcome == Skipped("Nobody to tell", {"recipients": []})
        assert told() == []

    def test_fails_the_contact_alone_whose_text_does_not_fit(self, account, ada):
        contacts = [ContactFactory(account=account, first_name=name, owner=ada) for name in ("x" * 100, "Zoë")]
        failed, done = run(
            "send_notification", contacts, {**OWNER, "title": "{{ contact.first_name | append: contact.first_name }}"}
        )
        assert failed == Failed("rejected", "title has 200 characters after rendering; 120 fit.")
        assert isinstance(done, Done)
        assert [row[2] for row in told()] == ["ZoëZoë"]

    def test_counts_up_when_the_same_visit_is_repeated(self, contact):
        kind = registry.get("send_notification")
        batch = batch_of([contact], kind.complete_config(OWNER))
        kind.run_many(batch)
        kind.run_many(batch)
        assert [row.count for row in Notification.objects.all()] == [2]


class TestByMail:
    @pytest.fixture
    def config(self):
        return {**OWNER, "channels": ["in_app", "email"]}

    def test_asks_for_the_lane_and_tells_in_the_application_at_once(self, contact, config):
        assert run("send_notification", contact, config) == [Perform(Lane.EMAIL)]
        assert len(told()) == 1

    def test_sends_one_mail_that_leads_to_the_contact(self, contact, ada, config, settings):
        kind = registry.get("send_notification")
        (request,) = kind.prepare_many(batch_of([contact], kind.complete_config({**config, "channels": ["email"]})))
        assert isinstance(request, Request)
        assert told() == []
        assert kind.perform(request.payload, key=uuid4()) == Done({"recipients": [str(ada.id)]})

        (letter,) = mail.outbox
        assert letter.subject == "Zoë is waiting"
        assert letter.body == (f"Call +14155550123.\n\n{settings.PUBLIC_URL}/admin/crm/contact/{contact.id}/change/\n")
        assert letter.recipients() == [f"{ada.name} <ada@example.com>"]

    def test_keeps_line_breaks_out_of_the_header(self, account, ada, config):
        contact = ContactFactory(account=account, first_name="Zoë\r\nBcc: eve@example.com", owner=ada)
        kind = registry.get("send_notification")
        (request,) = kind.prepare_many(batch_of([contact], kind.complete_config(config)))
        kind.perform(request.payload, key=uuid4())
        assert (mail.outbox[0].bcc, "\n" in mail.outbox[0].subject) == ([], False)

    @pytest.mark.parametrize(
        ("error", "expected"),
        [
            (NotSent("network", "away"), Retryable),
            (NotSent("unavailable", "later"), Retryable),
            (NotSent("rejected", "no"), Permanent),
            (SentUnknown("outcome_unknown", "silence"), OutcomeUnknown),
        ],
    )
    def test_says_what_became_of_it(self, monkeypatch, contact, config, error, expected):
        def fail(**_):
            raise error

        monkeypatch.setattr(staff_mail, "send", fail)
        (request,) = prepared([contact], {**config, "channels": ["email"]})
        with pytest.raises(expected):
            KIND.perform(request.payload, key=uuid4())

    def test_is_sent_once_however_often_the_step_is_tried(self, contact, config, ada):
        (request,) = prepared([contact], {**config, "channels": ["email"]})
        key = uuid4()
        for _ in range(2):
            assert KIND.perform(request.payload, key=key) == Done({"recipients": [str(ada.id)]})
        assert len(mail.outbox) == 1

    def test_that_another_attempt_began_is_left_to_a_person(self, account, contact, config):
        steps = batch_of([contact], KIND.complete_config({**config, "channels": ["email"]}))
        steps[0].key = uuid4()
        (request,) = KIND.prepare_many(steps)
        begin(account_id=account.id, step_key=steps[0].key, channel="email", now=NOW)
        with pytest.raises(OutcomeUnknown) as failure:
            KIND.perform(request.payload, key=steps[0].key)
        assert mail.outbox == []
        calls = [Performed(steps[0], request.payload, failure.value, True)]
        KIND.record_many(calls, account_id=account.id, now=NOW)
        assert KIND.perform(request.payload, key=steps[0].key).result == {"recipients": request.payload["recipients"]}
        assert len(mail.outbox) == 1


class TestBySms:
    @pytest.fixture(autouse=True)
    def twilio(self, account, settings, postbox, tmp_path, monkeypatch):
        monkeypatch.setattr(sms, "LOOK_AFTER_SECONDS", (0.0, 0.01))
        monkeypatch.setattr(notifying, "PAUSE_SECONDS", 0)
        settings.DATA_DIR = tmp_path
        settings.PUBLIC_URL = "https://crm.example"
        postbox.address.write(tmp_path)
        secret = create_secret(account_id=account.id, actor=SYSTEM, name="token", value="auth token")
        options = {
            "account_sid": "AC" + "0a" * 16,
            "api_host": "postbox.test",
            "numbers": [{"number": "+14155550109", "types": ["voice"]}, {"number": FROM, "types": ["sms"]}],
        }
        return ConnectionFactory(account=account, kind="twilio", settings=options, secret=secret)

    @pytest.fixture
    def everybody(self, account):
        """Two editors with a phone and one without, by address."""
        phones = {"bob@example.com": BOB, "eve@example.com": EVE, "kim@example.com": ""}
        return [member(account, email, phone=phone).user for email, phone in phones.items()]

    @pytest.fixture
    def config(self):
        return {**OWNER, "recipient_type": "role", "recipient_ids": ["editor"], "channels": ["sms"]}

    @pytest.fixture
    def tell(self, account, contact):
        """Prepare, perform and record one step under a key; return how it ended."""

        def once(config, key):
            steps = batch_of([contact], KIND.complete_config(config))
            steps[0].key = key
            (request,) = KIND.prepare_many(steps)
            if not isinstance(request, Request):
                return request
            try:
                outcome = KIND.perform(request.payload, key=key)
            except CallFailed as failure:
                outcome = failure
            is_final = not isinstance(outcome, Retryable)
            calls = [Performed(steps[0], request.payload, outcome, is_final)]
            KIND.record_many(calls, account_id=account.id, now=NOW)
            return outcome

        return once

    def test_texts_every_member_with_a_phone(self, tell, config, everybody, postbox, twilio):
        bob, eve, kim = (str(user.id) for user in everybody)
        key = uuid4()
        outcome = tell(config, key)
        assert outcome == Done(
            {
                "recipients": [bob, eve],
                "texted": [bob, eve],
                "left_out": [{"user_id": kim, "reason": "no phone number"}],
            }
        )
        forms = [parse_qs(entry["body"]) for entry in postbox.messages()]
        assert [(form["From"], form["To"], form["Body"]) for form in forms] == [
            ([FROM], [phone], ["Zoë is waiting\nCall +14155550123."]) for phone in (BOB, EVE)
        ]
        message_id = id_of(key, "sms", everybody[0].id)
        assert forms[0]["StatusCallback"] == [f"https://crm.example/hooks/twilio/{twilio.id}?message={message_id}"]
        rows = StaffMessage.objects.order_by("recipient")
        assert [(row.recipient, row.status, row.provider_message_id) for row in rows] == [
            (phone, "sent", entry["key"]) for phone, entry in zip((BOB, EVE), postbox.messages(), strict=True)
        ]

    def test_leaves_a_second_between_two_texts(self, tell, config, everybody, monkeypatch):
        slept = []
        monkeypatch.setattr(notifying, "PAUSE_SECONDS", 1.0)
        monkeypatch.setattr(notifying, "time", SimpleNamespace(sleep=slept.append))
        key = uuid4()
        for _ in range(2):
            tell(config, key)
        assert slept == [1.0]

    def test_goes_by_the_lane_of_sms_and_its_connection(self, contact, config, everybody, twilio):
        assert run("send_notification", contact, config) == [Perform(Lane.SMS)]
        (request,) = prepared([contact], config)
        assert request.host == str(twilio.id)
        assert "auth token" not in str(request.payload)

    def test_asks_no_consent_and_keeps_no_hours(self, tell, config, everybody, contact):
        change = ConsentChange(contact.id, "sms", "opt_out", NOW, evidence="Form")
        set_consents(account_id=contact.account_id, changes=[change], now=NOW)
        assert isinstance(tell(config, uuid4()), Done)

    def test_is_skipped_where_no_member_has_a_phone(self, contact, config, account):
        kim = str(member(account, "kim@example.com").user_id)
        left_out = [{"user_id": kim, "reason": "no phone number"}]
        assert run("send_notification", contact, config) == [
            Skipped(
                "No member to tell has a phone number",
                {"recipients": [], "texted": [], "left_out": left_out},
                {"title": "Zoë is waiting"},
            )
        ]
        (outcome,) = run("send_notification", contact, {**config, "channels": ["in_app", "sms"]})
        assert outcome.result == {"recipients": [kim], "texted": [], "left_out": left_out}
        assert run("send_notification", contact, {**config, "channels": ["email", "sms"]}) == [Perform(Lane.EMAIL)]

    def test_is_never_sent_twice_when_half_of_it_failed(self, tell, config, everybody, postbox):
        config, key = {**config, "channels": ["email", "sms"]}, uuid4()
        postbox.add_rule("status", protocol="sms", method="POST", status=503, times=1, recipient=EVE)
        assert isinstance(tell(config, key), Retryable)
        assert [parse_qs(entry["body"])["To"] for entry in taken(postbox)] == [[BOB]]
        assert len(mail.outbox) == 1
        outcome = tell(config, key)
        assert outcome.result["recipients"] == [str(user.id) for user in everybody]
        assert [parse_qs(entry["body"])["To"] for entry in taken(postbox)] == [[BOB], [EVE]]
        assert len(mail.outbox) == 1

    def test_whose_answer_is_lost_is_looked_up(self, tell, config, everybody, postbox):
        postbox.add_rule("drop_reply", protocol="sms", method="POST", times=1)
        assert isinstance(tell(config, uuid4()), Done)
        assert len(taken(postbox)) == 2

    def test_that_nobody_knows_of_waits_for_a_word_and_holds_up_no_other(self, tell, config, everybody, postbox):
        key = uuid4()
        postbox.add_rule("reset", protocol="sms", method="POST", times=1)
        assert isinstance(tell(config, key), OutcomeUnknown)
        assert statuses() == {BOB: "unknown", EVE: "sent"}
        assert isinstance(tell(config, key), Done)
        assert [parse_qs(entry["body"])["To"] for entry in taken(postbox)] == [[EVE], [BOB]]

    def test_that_a_person_knows_of_is_sent(self, account, tell, contact, config, everybody, postbox):
        key = uuid4()
        postbox.add_rule("reset", protocol="sms", method="POST", times=1)
        tell(config, key)
        steps = batch_of([contact], KIND.complete_config(config))
        steps[0].key = key
        KIND.record_many([Performed(steps[0], {}, Done({"settled": "sent"}), True)], account_id=account.id, now=NOW)
        assert statuses() == {BOB: "sent", EVE: "sent"}

    def test_that_a_dead_worker_began_is_looked_for_and_never_sent_unasked(
        self, account, tell, config, everybody, postbox
    ):
        key, bob = uuid4(), everybody[0]
        text = "Zoë is waiting\nCall +14155550123."
        begin(
            account_id=account.id,
            step_key=key,
            channel="sms",
            user_id=bob.id,
            sender=FROM,
            recipient=BOB,
            text=text,
            now=NOW,
        )
        assert isinstance(tell(config, key), OutcomeUnknown)
        assert [parse_qs(entry["body"])["To"] for entry in taken(postbox)] == [[EVE]]

    def test_that_is_refused_is_told_in_the_result(self, tell, config, everybody, postbox):
        body = '{"code": 21211, "message": "No such number", "status": 400}'
        postbox.add_rule("status", protocol="sms", method="POST", status=400, body=body, recipient=BOB)
        key, bob = uuid4(), str(everybody[0].id)
        for _ in range(2):
            outcome = tell(config, key)
            assert outcome.result["texted"] == [str(everybody[1].id)]
            assert [(each["channel"], each["user_id"]) for each in outcome.result["failed"]] == [("sms", bob)]
        assert len(taken(postbox)) == 1

    def test_fails_where_nobody_could_be_told(self, tell, config, everybody, postbox):
        body = '{"code": 21610, "message": "Unsubscribed", "status": 400}'
        postbox.add_rule("status", protocol="sms", method="POST", status=400, body=body)
        outcome = tell(config, uuid4())
        assert (type(outcome), outcome.error_class) == (Permanent, "rejected")
        assert statuses() == {BOB: "failed", EVE: "failed"}

    def test_that_the_account_may_not_send_stops_the_step_before_the_mail(self, tell, config, everybody, postbox):
        body = '{"code": 20003, "message": "Authenticate", "status": 401}'
        postbox.add_rule("status", protocol="sms", method="POST", status=401, body=body, times=1)
        config, key = {**config, "channels": ["email", "sms"]}, uuid4()
        outcome = tell(config, key)
        assert (type(outcome), outcome.error_class) == (Permanent, "authentication")
        assert mail.outbox == []
        assert isinstance(tell(config, key), Done)

    def test_is_limited_to_twenty(self, account, contact, config):
        for number in range(21):
            member(account, f"{number:02}@example.com", phone=f"+141555501{number:02}")
        (request,) = prepared([contact], config)
        assert len(request.payload["texts"]) == 20
        assert [each["reason"] for each in request.payload["left_out"]] == ["more than 20 members to text"]

    def test_is_cut_to_what_an_sms_holds(self, contact, config, everybody):
        (request,) = prepared([contact], {**config, "message": "x" * 2000})
        assert (len(request.payload["text"]), request.payload["text"][-1]) == (1600, "…")

    def test_fails_when_the_number_has_gone(self, tell, config, everybody, twilio):
        twilio.delete()
        outcome = tell(config, uuid4())
        assert (outcome.error_class, outcome.result) == ("invalid_config", {"code": "connection_not_found"})
        assert tell({**config, "channels": ["email", "sms"]}, uuid4()).result["texted"] == []
        assert len(mail.outbox) == 1

    def test_needs_as_many_queries_for_many(self, account, contact, config, everybody, django_assert_max_num_queries):
        contacts = [contact, *ContactFactory.create_batch(5, account=account)]
        steps = [batch_of(each, KIND.complete_config(config)) for each in ([contact], contacts)]
        with CaptureQueriesContext(database) as few:
            KIND.prepare_many(steps[0])
        with django_assert_max_num_queries(len(few)):
            KIND.prepare_many(steps[1])


class TestConfig:
    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"recipient_type": "everybody"}, ("invalid_choice", "recipient_type")),
            ({"recipient_type": "team"}, ("required", "recipient_ids")),
            ({"recipient_type": "team", "recipient_ids": []}, ("min_length", "recipient_ids")),
            ({"recipient_type": "team", "recipient_ids": ["x"]}, ("invalid", "recipient_ids.0")),
            ({"recipient_type": "team", "recipient_ids": [str(uuid4())]}, ("team_not_found", "recipient_ids.0")),
            ({"recipient_type": "specific_user", "recipient_ids": [7]}, ("invalid", "recipient_ids.0")),
            ({"recipient_type": "role", "recipient_ids": ["boss"]}, ("invalid_choice", "recipient_ids.0")),
            ({"recipient_ids": ["owner"]}, ("invalid", "recipient_ids")),
            ({"channels": []}, ("min_length", "channels")),
            ({"channels": ["pigeon"]}, ("invalid_choice", "channels.0")),
            ({"title": "x" * 121}, ("max_length", "title")),
            ({"title": "{{ nobody }}"}, ("invalid_template", "title")),
            ({"message": ""}, ("blank", "message")),
            ({"mesage": "x"}, ("unknown_field", "mesage")),
        ],
    )
    def test_refuses(self, account, change, expected):
        assert refusals("send_notification", {**OWNER, **change}, account.id) == [expected]

    def test_takes_users_and_teams_of_the_account_only(self, account, other_account):
        team, membership = TeamFactory(account=other_account), MembershipFactory(account=other_account)
        theirs = [("team", team.id, "team_not_found"), ("specific_user", membership.user_id, "user_not_found")]
        for recipient_type, object_id, code in theirs:
            config = {**OWNER, "recipient_type": recipient_type, "recipient_ids": [str(object_id)]}
            assert refusals("send_notification", config, account.id) == [(code, "recipient_ids.0")]

    def test_names_what_it_refers_to(self):
        kind, team_id = registry.get("send_notification"), uuid4()
        config = {**OWNER, "recipient_type": "team", "recipient_ids": [str(team_id)]}
        assert kind.references(config) == [("team", team_id, "recipient_ids.0")]
        assert kind.references({**OWNER, "recipient_type": "role", "recipient_ids": ["owner"]}) == []

    def test_needs_a_number_of_the_account_for_sms(self, account, other_account):
        config = {**OWNER, "channels": ["sms"]}
        voice = {"numbers": [{"number": FROM, "types": ["voice"]}]}
        numbers = {"numbers": [{"number": FROM, "types": ["sms"]}]}
        ConnectionFactory(account=other_account, kind="twilio", settings=numbers)
        ConnectionFactory(account=account, kind="twilio", settings=numbers, is_enabled=False)
        ConnectionFactory(account=account, kind="twilio", settings=voice)
        (problem,) = KIND.unready(config, account_id=account.id)
        assert (problem.code, problem.attr) == ("connection_not_found", "channels")
        assert KIND.unready(OWNER, account_id=account.id) == []
        ConnectionFactory(account=account, kind="twilio", settings=numbers)
        assert KIND.unready(config, account_id=account.id) == []

    def test_sums_itself_up(self):
        line = registry.get("send_notification").summary({**OWNER, "title": "New lead"})
        assert line == "Tell contact owner: New lead"
