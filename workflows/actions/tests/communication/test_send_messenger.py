"""Messenger messages over the Graph API to the postbox."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.files.base import ContentFile
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from uuid_utils.compat import uuid7

from accounts.actors import SYSTEM
from workflows.actions import messenger
from workflows.actions.messenger import UNKNOWN_PERSON, UNREACHABLE
from workflows.actions.outcomes import Done, Failed, Skipped
from workflows.actions.outside import OutcomeUnknown, Performed, Permanent, Request, Retryable
from workflows.actions.registry import registry
from workflows.actions.tests.batches import batch_of, refusals
from workflows.crm.models import ContactIdentity
from workflows.crm.services.consents import ConsentChange, set_consents
from workflows.crm.tests.factories import ContactFactory
from workflows.messaging.models import Message
from workflows.messaging.postbox import POSTBOX_APP_SECRET
from workflows.messaging.secrets import create_secret
from workflows.messaging.tests.factories import ConnectionFactory, MediaFactory, MessageFactory

pytestmark = pytest.mark.django_db

KIND = registry.get("send_messenger")
PAGE, PERSON = "104270000000001", "2001"
NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
DAY = timedelta(hours=24)
SECOND = timedelta(seconds=1)
TEXT = {"message_type": "text", "content": {"text": "Hello {{ contact.first_name }}"}}
TAGGED = {"messaging_type": "MESSAGE_TAG", "tag": "ACCOUNT_UPDATE"}
BUTTON = {"type": "postback", "title": "Yes", "payload": "yes"}
LINK = {"type": "web_url", "title": "Open", "url": "https://a.example/"}
CARD = {"title": "A card", "subtitle": "More"}
REPLY = {"title": "Yes", "payload": "yes"}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(messenger, "LOOK_AFTER_SECONDS", (0.0, 0.01))


@pytest.fixture(autouse=True)
def connection(account, settings, postbox, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.PUBLIC_URL = "https://crm.example"
    postbox.address.write(tmp_path)
    token = create_secret(account_id=account.id, actor=SYSTEM, name="token", value="page token")
    app_secret = create_secret(account_id=account.id, actor=SYSTEM, name="app", value=POSTBOX_APP_SECRET)
    return ConnectionFactory(
        account=account,
        kind="messenger",
        settings={"page_id": PAGE, "api_host": "postbox.test", "api_version": "v26.0"},
        secret=token,
        webhook_secret=app_secret,
    )


@pytest.fixture
def contact(account):
    contact = ContactFactory(account=account, first_name="Zoë")
    know(contact, PERSON)
    wrote(contact)
    return contact


def know(contact, person, *, page_id=PAGE):
    ContactIdentity.objects.create(
        account=contact.account, contact=contact, kind="external", source=f"messenger:{page_id}", value=person
    )


def wrote(contact, at=NOW - SECOND, *, page_id=PAGE):
    return MessageFactory(
        account=contact.account,
        contact_id=contact.id,
        channel="messenger",
        direction="inbound",
        recipient=page_id,
        sent_at=at,
    )


def config_of(connection, **changes):
    config = {"page_id": str(connection.id), **TEXT, **changes}
    return {name: value for name, value in config.items() if value is not None}


def steps_of(contacts, connection, *, now=NOW, **changes):
    cleaned = KIND.clean_config(config_of(connection, **changes), account_id=contacts[0].account_id)
    steps = batch_of(contacts, KIND.complete_config(cleaned), now=now)
    for step in steps:
        step.key = uuid7()
    return steps


@pytest.fixture
def prepare(contact, connection):
    def prepared(to=contact, **changes):
        (outcome,) = KIND.prepare_many(steps_of([to], connection, **changes))
        return outcome

    return prepared


@pytest.fixture
def send(contact, connection):
    def sent(**changes):
        """Prepare, perform and record one message; return how it ended and its row."""
        steps = steps_of([contact], connection, **changes)
        (request,) = KIND.prepare_many(steps)
        assert isinstance(request, Request), request
        try:
            outcome = KIND.perform(request.payload, key=steps[0].key)
        except (Retryable, Permanent, OutcomeUnknown) as failure:
            outcome = failure
        performed = Performed(steps[0], request.payload, outcome, not isinstance(outcome, Retryable))
        KIND.record_many([performed], account_id=contact.account_id, now=NOW)
        return outcome, Message.objects.get(id=steps[0].key)

    return sent


class TestConfig:
    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({}, []),
            ({"page_id": PAGE}, []),
            ({"page_id": "99999"}, [("page_not_found", "page_id")]),
            ({"page_id": "0190a3c4-5b6d-7e8f-9a0b-1c2d3e4f5a6b"}, [("page_not_found", "page_id")]),
            ({"page_id": "my page"}, [("invalid", "page_id")]),
            ({"page_id": 5}, [("invalid", "page_id")]),
            ({"message_type": "video"}, [("invalid_choice", "message_type")]),
            ({"content": "Hello"}, [("invalid", "content")]),
            ({"content": {}}, [("required", "content.text")]),
            ({"content": {"text": ""}}, [("blank", "content.text")]),
            ({"content": {"text": "x" * 2000}}, []),
            ({"content": {"text": "x" * 2001}}, [("max_length", "content.text")]),
            ({"content": {"text": "{% if %}"}}, [("invalid_template", "content.text")]),
            ({"content": {"text": "x", "elements": [CARD]}}, [("unknown_field", "content.elements")]),
            ({"content": {"txt": "x"}}, [("unknown_field", "content.txt")]),
            ({"message_type": "image", "content": {"image_url": "https://a.example/1.png"}}, []),
            ({"message_type": "image", "content": {}}, [("required", "content.image_url")]),
            (
                {"message_type": "image", "content": {"image_url": "http://a.example"}},
                [("invalid", "content.image_url")],
            ),
            ({"message_type": "template", "content": {}}, [("required", "content.template_type")]),
            (
                {"message_type": "template", "content": {"template_type": "list"}},
                [("invalid_choice", "content.template_type")],
            ),
            ({"message_type": "template", "content": {"template_type": "generic", "elements": [CARD] * 10}}, []),
            (
                {"message_type": "template", "content": {"template_type": "generic", "elements": [CARD] * 11}},
                [("max_length", "content.elements")],
            ),
            (
                {"message_type": "template", "content": {"template_type": "generic", "elements": [{"title": "x"}]}},
                [("invalid", "content.elements.0.title")],
            ),
            (
                {
                    "message_type": "template",
                    "content": {"template_type": "button", "text": "x" * 640, "buttons": [LINK] * 3},
                },
                [],
            ),
            (
                {
                    "message_type": "template",
                    "content": {"template_type": "button", "text": "x" * 641, "buttons": [LINK]},
                },
                [("max_length", "content.text")],
            ),
            (
                {
                    "message_type": "template",
                    "content": {"template_type": "button", "text": "x", "buttons": [LINK] * 4},
                },
                [("max_length", "content.buttons")],
            ),
            (
                {
                    "message_type": "template",
                    "content": {
                        "template_type": "button",
                        "text": "x",
                        "buttons": [
                            {"type": "web_url", "title": "x" * 21, "url": "https://a.example"},
                            {"type": "postback", "title": "x", "url": "https://a.example"},
                            {"type": "phone_number", "title": "x", "payload": "123"},
                        ],
                    },
                },
                [
                    ("max_length", "content.buttons.0.title"),
                    ("required", "content.buttons.1.payload"),
                    ("invalid", "content.buttons.1.url"),
                    ("invalid", "content.buttons.2.payload"),
                ],
            ),
            ({"message_type": "quick_reply", "content": {"text": "x", "quick_replies": [REPLY] * 13}}, []),
            (
                {"message_type": "quick_reply", "content": {"text": "x", "quick_replies": [REPLY] * 14}},
                [("max_length", "content.quick_replies")],
            ),
            (
                {"message_type": "quick_reply", "content": {"text": "x", "quick_replies": []}},
                [("min_length", "content.quick_replies")],
            ),
            (
                {"message_type": "quick_reply", "content": {"text": "x", "quick_replies": [{"payload": "x"}]}},
                [("required", "content.quick_replies.0.title")],
            ),
            (
                {
                    "message_type": "quick_reply",
                    "content": {"text": "x", "quick_replies": [{"content_type": "user_email", "title": "x"}]},
                },
                [("invalid", "content.quick_replies.0.title")],
            ),
            ({"messaging_type": "UPDATE"}, []),
            ({"messaging_type": "MESSAGE_TAG"}, [("required", "tag")]),
            ({"messaging_type": "UPDATE", "tag": "HUMAN_AGENT"}, [("invalid", "tag")]),
            ({**TAGGED, "tag": "PROMOTION"}, [("invalid_choice", "tag")]),
            (TAGGED, []),
            ({"purpose": "private"}, [("invalid_choice", "purpose")]),
        ],
    )
    def test_is_checked(self, account, connection, changes, expected):
        assert refusals("send_messenger", config_of(connection, **changes), account.id) == expected

    def test_stores_the_connection_of_a_page_named_by_its_own_id(self, account, connection):
        cleaned = KIND.clean_config(config_of(connection, page_id=PAGE), account_id=account.id)
        assert cleaned["page_id"] == str(connection.id)

    def test_does_not_know_pages_of_other_accounts_or_other_connections(self, account, connection):
        other = ConnectionFactory(kind="messenger", settings={"page_id": "55555"})
        mail = ConnectionFactory(account=account)
        for page_id in (str(other.id), "55555", str(mail.id)):
            changed = config_of(connection, page_id=page_id)
            assert refusals("send_messenger", changed, account.id) == [("page_not_found", "page_id")]

    def test_takes_pictures_of_the_account_alone(self, account, connection):
        def refused(media):
            config = config_of(connection, message_type="image", content={"media_id": str(media.id)})
            return refusals("send_messenger", config, account.id)

        assert refused(MediaFactory(account=account, content_type="image/png")) == []
        assert refused(MediaFactory(account=account)) == [("invalid", "content.media_id")]
        assert refused(MediaFactory(account=account, content_type="image/png", size=8 * 1024**2 + 1)) == [
            ("invalid", "content.media_id")
        ]
        assert refused(MediaFactory(content_type="image/png")) == [("media_not_found", "content.media_id")]

    def test_is_not_ready_without_an_enabled_connection(self, account, connection):
        config = config_of(connection)
        assert KIND.unready(config, account_id=account.id) == []
        connection.is_enabled = False
        connection.save()
        (problem,) = KIND.unready(config, account_id=account.id)
        assert (problem.code, problem.attr) == ("page_not_found", "page_id")


class TestSending:
    def test_arrives_in_the_chat(self, send, postbox):
        outcome, message = send()
        (entry,) = postbox.chats()
        assert outcome == Done({"message_id": str(message.id), "provider_message_id": entry["key"], "to": PERSON})
        assert entry["path"].startswith(f"/v26.0/{PAGE}/messages?appsecret_proof=")
        assert json.loads(entry["body"]) == {
            "recipient": {"id": PERSON},
            "messaging_type": "RESPONSE",
            "message": {"text": "Hello Zoë", "metadata": str(message.id)},
        }

    def test_is_a_message(self, send, connection, postbox):
        _, message = send(purpose="transactional")
        assert (message.channel, message.direction, message.status) == ("messenger", "outbound", "sent")
        assert (message.sender, message.recipient, message.text) == (PAGE, PERSON, "Hello Zoë")
        assert (message.sent_at, message.purpose) == (NOW, "transactional")
        assert (message.connection_id, message.provider_message_id) == (connection.id, postbox.chats()[0]["key"])

    @pytest.mark.parametrize(
        ("message_type", "content", "message", "text"),
        [
            (
                "quick_reply",
                {
                    "text": "Yes?",
                    "quick_replies": [{"title": "{{ contact.first_name }}"}, {"content_type": "user_email"}],
                },
                {
                    "text": "Yes?",
                    "quick_replies": [
                        {"content_type": "text", "title": "Zoë", "payload": "Zoë"},
                        {"content_type": "user_email"},
                    ],
                },
                "Yes?",
            ),
            (
                "image",
                {"image_url": "https://a.example/{{ contact.first_name }}.png"},
                {
                    "attachment": {
                        "type": "image",
                        "payload": {"url": "https://a.example/Zoë.png", "is_reusable": False},
                    }
                },
                "",
            ),
            (
                "template",
                {"template_type": "button", "text": "Well?", "buttons": [BUTTON, LINK]},
                {
                    "attachment": {
                        "type": "template",
                        "payload": {"template_type": "button", "text": "Well?", "buttons": [BUTTON, LINK]},
                    }
                },
                "Well?",
            ),
            (
                "template",
                {"template_type": "generic", "elements": [{**CARD, "default_action": {"url": "https://a.example"}}]},
                {
                    "attachment": {
                        "type": "template",
                        "payload": {
                            "template_type": "generic",
                            "elements": [{**CARD, "default_action": {"type": "web_url", "url": "https://a.example"}}],
                        },
                    }
                },
                "A card\nMore",
            ),
        ],
        ids=["quick_reply", "image", "button", "generic"],
    )
    def test_has_the_shape_of_its_type(self, send, postbox, message_type, content, message, text):
        outcome, row = send(message_type=message_type, content=content)
        assert isinstance(outcome, Done), outcome
        sent = json.loads(postbox.chats()[0]["body"])["message"]
        assert sent == {**message, "metadata": str(row.id)}
        assert row.text == text
        assert row.media_urls == (["https://a.example/Zoë.png"] if message_type == "image" else [])

    def test_carries_a_picture_of_the_account(self, send, account, postbox):
        picture = b"\x89PNG\r\n\x1a\n--not the end\r\n"
        media = MediaFactory(
            account=account, name="ménu.png", content_type="image/png", file=ContentFile(picture, name="menu.png")
        )
        outcome, message = send(message_type="image", content={"media_id": str(media.id)})
        assert isinstance(outcome, Done), outcome
        (entry,) = postbox.chats()
        assert message.subject == "ménu.png"
        assert entry["recipients"] == [PERSON]
        body = base64.b64decode(entry["body_base64"])
        assert b'name="filedata"; filename="m?nu.png"\r\nContent-Type: image/png\r\n\r\n' + picture + b"\r\n--" in body
        assert (
            json.dumps(
                {"attachment": {"type": "image", "payload": {"is_reusable": False}}, "metadata": str(message.id)}
            ).encode()
            in body
        )

    def test_bears_its_tag(self, send, postbox):
        send(**TAGGED)
        sent = json.loads(postbox.chats()[0]["body"])
        assert (sent["messaging_type"], sent["tag"]) == ("MESSAGE_TAG", "ACCOUNT_UPDATE")

    def test_logs_all_but_the_text(self, prepare):
        request = prepare()
        assert request.guard_channel == "messenger"
        assert (request.data["to"], request.data["message_type"]) == (PERSON, "text")
        assert request.data["gate"]["verdict"] == "allowed"
        assert "Hello" not in str(request.data)
        assert "page token" not in str(request.payload)
        assert POSTBOX_APP_SECRET not in str(request.payload)

    def test_needs_as_many_queries_for_many(self, account, contact, connection):
        others = ContactFactory.create_batch(20, account=account)
        for number, other in enumerate(others):
            know(other, str(3000 + number))
            wrote(other)
        steps_few, steps_many = steps_of([contact], connection), steps_of(others, connection)
        with CaptureQueriesContext(database) as few:
            KIND.prepare_many(steps_few)
        with CaptureQueriesContext(database) as many:
            outcomes = KIND.prepare_many(steps_many)
        assert all(isinstance(outcome, Request) for outcome in outcomes)
        assert len(many) == len(few)


class TestWindow:
    @pytest.mark.parametrize("purpose", ["marketing", "transactional"])
    @pytest.mark.parametrize("messaging_type", ["RESPONSE", "UPDATE"])
    def test_is_open_for_a_day_to_the_second(self, prepare, purpose, messaging_type):
        options = {"purpose": purpose, "messaging_type": messaging_type}
        last = prepare(now=NOW + DAY - 2 * SECOND, **options)
        assert isinstance(last, Request)
        assert last.guard_until == NOW + DAY - SECOND
        refusal = prepare(now=NOW + DAY - SECOND, **options)
        assert isinstance(refusal, Skipped)
        assert refusal.reason == "outside_24h_window"

    def test_is_not_needed_with_a_tag(self, prepare):
        request = prepare(now=NOW + 30 * DAY, **TAGGED)
        assert isinstance(request, Request)
        assert request.guard_until is None

    def test_of_a_human_agent_is_a_week(self, prepare):
        tagged = {**TAGGED, "tag": "HUMAN_AGENT"}
        assert isinstance(prepare(now=NOW + 7 * DAY - 2 * SECOND, **tagged), Request)
        assert prepare(now=NOW + 7 * DAY - SECOND, **tagged).reason == "outside_7d_window"

    def test_of_another_page_does_not_count(self, account, prepare):
        other = ContactFactory(account=account)
        know(other, "2002")
        wrote(other, page_id="55555")
        assert prepare(other).reason == "outside_24h_window"

    def test_that_never_opened_is_closed(self, account, prepare):
        assert prepare(ContactFactory(account=account)).reason == "outside_24h_window"

    def test_does_not_help_who_opted_out(self, contact, prepare):
        change = ConsentChange(contact.id, "messenger", "opt_out", NOW - DAY, evidence="STOP")
        set_consents(account_id=contact.account_id, changes=[change], now=NOW)
        assert prepare(**TAGGED).reason == "Contact opted out of Messenger"
        assert not Message.objects.filter(direction="outbound").exists()

    def test_that_meta_says_is_closed_skips(self, send, postbox):
        body = '{"error": {"code": 10, "error_subcode": 2018278, "message": "outside of allowed window"}}'
        postbox.add_rule("status", protocol="messenger", status=400, body=body)
        outcome, message = send()
        assert outcome == Skipped("outside_24h_window", {"provider_code": 10, "provider_subcode": 2018278})
        assert (message.status, message.error_message) == ("failed", "outside_24h_window")


class TestPeople:
    def test_without_an_id_are_passed_over(self, account, prepare):
        stranger = ContactFactory(account=account)
        know(stranger, "2002", page_id="55555")
        wrote(stranger)
        refusal = prepare(stranger)
        assert isinstance(refusal, Skipped)
        assert refusal.reason == UNKNOWN_PERSON

    def test_may_have_an_id_that_names_no_page(self, account, prepare):
        contact = ContactFactory(account=account)
        ContactIdentity.objects.create(
            account=account, contact=contact, kind="external", source="messenger", value="2003"
        )
        wrote(contact)
        assert prepare(contact).payload["person"] == "2003"
        know(contact, "2004")
        assert prepare(contact).payload["person"] == "2004"

    @pytest.mark.parametrize(("code", "subcode"), [(551, 1545041), (10, 2018108), (200, 1545041)])
    def test_that_cannot_be_reached_are_skipped(self, send, postbox, code, subcode):
        body = json.dumps({"error": {"code": code, "error_subcode": subcode, "message": "Not available"}})
        postbox.add_rule("status", protocol="messenger", status=400, body=body)
        outcome, message = send()
        assert outcome == Skipped(UNREACHABLE, {"provider_code": code, "provider_subcode": subcode})
        assert message.status == "failed"


class TestUnsendable:
    @pytest.mark.parametrize(
        ("changes", "detail"),
        [
            ({"content": {"text": "{{ contact.custom_fields.none }}"}}, "The message is empty."),
            (
                {"content": {"text": "{{ contact.last_name }}" * 21}},
                "text has more than 2000 characters after rendering.",
            ),
            (
                {"message_type": "image", "content": {"image_url": "{{ contact.first_name }}"}},
                "image_url: Give an address that begins with https://.",
            ),
            (
                {
                    "message_type": "quick_reply",
                    "content": {"text": "x", "quick_replies": [{"title": "Yes, {{ contact.last_name }}"}]},
                },
                "quick_replies.0.title has more than 20 characters after rendering.",
            ),
        ],
        ids=["empty", "too-long", "no-https", "title-too-long"],
    )
    def test_is_what_does_not_fit_once_rendered(self, contact, prepare, changes, detail):
        contact.custom_fields = {"none": ""}
        contact.last_name = "x" * 100
        contact.save()
        failed = prepare(**changes)
        assert (failed.error_class, failed.message) == ("rejected", detail)

    def test_is_what_comes_from_a_page_that_is_gone(self, contact, connection):
        steps = steps_of([contact], connection)
        connection.delete()
        (failed,) = KIND.prepare_many(steps)
        assert isinstance(failed, Failed)
        assert (failed.error_class, failed.result) == ("invalid_config", {"code": "page_not_found"})

    def test_is_a_picture_that_is_gone(self, contact, connection, account):
        media = MediaFactory(account=account, content_type="image/png")
        steps = steps_of([contact], connection, message_type="image", content={"media_id": str(media.id)})
        (request,) = KIND.prepare_many(steps)
        media.file.delete()
        with pytest.raises(Permanent) as failure:
            KIND.perform(request.payload, key=steps[0].key)
        assert failure.value.result == {"code": "media_not_found"}
        media.delete()
        (failed,) = KIND.prepare_many(steps)
        assert failed.result == {"code": "media_not_found"}


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "error", "kind", "error_class"),
        [
            (400, {"code": 190}, Permanent, "authentication"),
            (403, {"code": 10}, Permanent, "authentication"),
            (403, {"code": 200, "error_subcode": 2018028}, Permanent, "authentication"),
            (400, {"code": 100, "error_subcode": 2018001}, Permanent, "rejected"),
            (400, {"code": 987}, Permanent, "rejected"),
            (400, {"code": 987, "is_transient": True}, Retryable, "unavailable"),
            (400, {"code": 4}, Retryable, "rate_limited"),
            (400, {"code": 32}, Retryable, "rate_limited"),
            (400, {"code": 613}, Retryable, "rate_limited"),
            (400, {"code": 80006}, Retryable, "rate_limited"),
            (429, {}, Retryable, "rate_limited"),
            (500, {"code": 1}, Retryable, "unavailable"),
            (503, {"code": 2}, Retryable, "unavailable"),
            (400, {"code": 1200}, Retryable, "unavailable"),
        ],
    )
    def test_have_their_class(self, send, postbox, status, error, kind, error_class):
        body = json.dumps({"error": {"message": "No", **error}})
        postbox.add_rule("status", protocol="messenger", method="POST", status=status, body=body, retry_after="7")
        outcome, message = send()
        assert (type(outcome), outcome.error_class) == (kind, error_class)
        assert outcome.result.get("provider_code") == error.get("code")
        assert message.status == ("queued" if kind is Retryable else "failed")
        assert message.error_message.endswith(": No")
        if kind is Retryable:
            assert outcome.retry_after == timedelta(seconds=7)

    def test_tell_in_the_usage_header_how_long_to_wait(self, send, postbox):
        usage = json.dumps({PAGE: [{"type": "messenger", "estimated_time_to_regain_access": 19}]})
        body = '{"error": {"code": 80006}}'
        headers = {"X-Business-Use-Case-Usage": usage}
        postbox.add_rule("status", protocol="messenger", status=400, body=body, headers=headers)
        outcome, _ = send()
        assert outcome.retry_after == timedelta(minutes=19)

    @pytest.mark.parametrize("body", ["", "[]", "null", '{"error": []}', '{"error": {"code": "x"}}', "[" * 5000])
    def test_may_be_of_any_shape(self, send, postbox, body):
        postbox.add_rule("status", protocol="messenger", status=400, body=body)
        outcome, _ = send()
        assert (type(outcome), outcome.error_class) == (Permanent, "rejected")


class TestLostAnswers:
    @pytest.mark.parametrize("body", ["", "[]", "{}", '{"message_id": 5}', '{"message_id": ""}'])
    def test_that_cannot_be_understood_are_unknown(self, send, postbox, body):
        postbox.add_rule("accept", protocol="messenger", body=body)
        outcome, message = send()
        assert isinstance(outcome, OutcomeUnknown)
        assert (message.status, message.provider_message_id) == ("queued", "")

    def test_stay_unknown_without_an_echo(self, send, postbox):
        postbox.add_rule("drop_reply", protocol="messenger", method="POST", times=1)
        outcome, _ = send()
        assert isinstance(outcome, OutcomeUnknown)
        assert outcome.error_class == "outcome_unknown"

    @pytest.mark.parametrize(("behaviour", "options"), [("reset", {}), ("accept", {"status": 500})])
    def test_are_known_by_an_echo(self, contact, connection, postbox, behaviour, options):
        postbox.add_rule(behaviour, protocol="messenger", method="POST", times=1, **options)
        steps = steps_of([contact], connection)
        (request,) = KIND.prepare_many(steps)
        Message.objects.filter(id=steps[0].key).update(provider_message_id="m_1")
        done = KIND.perform(request.payload, key=steps[0].key)
        assert done.result["provider_message_id"] == "m_1"

    def test_that_a_person_settled_as_sent_leave_a_sent_message(self, contact, connection):
        steps = steps_of([contact], connection)
        KIND.prepare_many(steps)
        KIND.record_many(
            [Performed(steps[0], {}, Done({"settled": "sent"}), True)], account_id=contact.account_id, now=NOW
        )
        message = Message.objects.get(id=steps[0].key)
        assert (message.status, message.sent_at, message.provider_message_id) == ("sent", NOW, "")

    def test_of_a_page_that_was_never_asked_are_none(self, send, settings, tmp_path):
        settings.DATA_DIR = tmp_path / "elsewhere"
        outcome, _ = send()
        assert (type(outcome), outcome.error_class) == (Retryable, "network")
