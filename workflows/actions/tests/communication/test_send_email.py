"""Mails through a real mail server: the postbox."""

import base64
from collections.abc import Iterator, Sequence
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from uuid_utils.compat import uuid7

from workflows.actions.base import StepBatch
from workflows.actions.outcomes import Done, Failed, Skipped
from workflows.actions.outside import ErrorClass, OutcomeUnknown, Performed, Permanent, Request, Retryable
from workflows.actions.registry import registry
from workflows.actions.tests.batches import NOW, batch_of, problems, refusals
from workflows.crm.models import Contact
from workflows.crm.services.consents import ConsentChange, set_consents
from workflows.crm.tests.factories import ContactFactory
from workflows.messaging.models import Connection, EmailTemplate, Media, Message
from workflows.messaging.postbox.testing import PostboxClient
from workflows.messaging.providers.smtp import pool
from workflows.messaging.tests.factories import ConnectionFactory, EmailTemplateFactory, MediaFactory, MessageFactory

pytestmark = pytest.mark.django_db

KIND = registry.get("send_email")
CONFIG = {
    "subject": "Welcome {{ contact.first_name }}",
    "from_name": "Ada of Acme",
    "from_email": "ada@acme.example",
    "body_html": '<p>Hello {{ contact.first_name }}, <a href="https://acme.example/start">start</a></p>',
}


@pytest.fixture
def connection(account, postbox) -> Iterator[Connection]:
    settings = {"host": postbox.address.host, "port": postbox.address.smtp, "security": "none"}
    yield ConnectionFactory(account=account, settings=settings)
    pool.clear()


@pytest.fixture
def contact(account) -> Contact:
    return ContactFactory(account=account, first_name="Zoë", last_name="Smith", email="zoe@example.com")


def steps_of(contacts: Sequence[Contact], **changes: Any) -> StepBatch:
    config = {name: value for name, value in {**CONFIG, **changes}.items() if value is not None}
    cleaned = KIND.clean_config(config, account_id=contacts[0].account_id)
    steps = batch_of(contacts, KIND.complete_config(cleaned))
    for step in steps:
        step.key = uuid7()
    return steps


def prepare(*contacts: Contact, **changes: Any) -> Sequence[Any]:
    return KIND.prepare_many(steps_of(contacts, **changes))


def send(contact: Contact, **changes: Any) -> tuple[Done, UUID]:
    steps = steps_of([contact], **changes)
    (request,) = KIND.prepare_many(steps)
    assert isinstance(request, Request), request
    return KIND.perform(request.payload, key=steps[0].key), steps[0].key


def arrived(postbox: PostboxClient) -> EmailMessage:
    """Return the one mail that arrived, as a mail reader sees it."""
    (entry,) = postbox.mails()
    body = base64.b64decode(entry["body_base64"]) if "body_base64" in entry else entry["body"].encode()
    return message_from_bytes(body.replace(b"\r\n", b"\n"), policy=policy.default)


def part(mail: EmailMessage, kind: str) -> str:
    found = mail.get_body((kind,))
    assert found is not None
    return found.get_content()


def opt_out(contact: Contact, channel: str = "email") -> None:
    change = ConsentChange(contact.id, channel, "opt_out", NOW - timedelta(days=1))
    set_consents(account_id=contact.account_id, changes=[change], now=NOW)


class TestSending:
    def test_arrives_at_the_contact(self, contact, connection, postbox):
        done, key = send(contact)
        mail = arrived(postbox)
        assert done.result == {
            "message_id": str(key),
            "provider_message_id": f"<{key}@acme.example>",
            "to": "zoe@example.com",
        }
        assert mail["Message-ID"] == f"<{key}@acme.example>"
        assert mail["Subject"] == "Welcome Zoë"
        assert str(mail["From"]) == "Ada of Acme <ada@acme.example>"
        assert mail["To"].addresses[0].display_name == "Zoë Smith"
        assert mail["To"].addresses[0].addr_spec == "zoe@example.com"
        assert "Hello Zoë" in part(mail, "html")
        assert part(mail, "plain").startswith("Hello Zoë, start (https://acme.example/start)")

    def test_is_a_message_that_is_queued_first_and_sent_then(self, contact, connection, postbox):
        steps = steps_of([contact])
        (request,) = KIND.prepare_many(steps)
        message = Message.objects.get()
        assert (message.id, message.status, message.contact_id) == (steps[0].key, "queued", contact.id)
        assert (message.sender, message.recipient) == ("Ada of Acme <ada@acme.example>", "zoe@example.com")
        assert (message.subject, message.purpose, message.connection_id) == ("Welcome Zoë", "marketing", connection.id)
        assert (message.execution_id, message.action_execution_id) == (steps[0].execution_id, steps[0].log_id)

        done = KIND.perform(request.payload, key=steps[0].key)
        call = Performed(steps[0], request.payload, done, is_final=True)
        KIND.record_many([call], account_id=contact.account_id, now=NOW)

        message.refresh_from_db()
        assert (message.status, message.sent_at, message.error_message) == ("sent", NOW, "")

    def test_keeps_one_message_for_all_attempts(self, contact, connection):
        steps = steps_of([contact])
        KIND.prepare_many(steps)
        contact.first_name = "Zara"
        contact.save()
        again = steps_of([contact])
        again[0].key, again[0].attempt = steps[0].key, 1
        KIND.prepare_many(again)
        assert Message.objects.get().subject == "Welcome Zara"

    def test_leaves_a_message_alone_that_was_opened_already(self, contact, connection):
        steps = steps_of([contact])
        KIND.prepare_many(steps)
        Message.objects.update(status="opened")
        contact.first_name = "Zara"
        contact.save()
        again = steps_of([contact])
        again[0].key, again[0].attempt = steps[0].key, 1
        KIND.prepare_many(again)
        message = Message.objects.get()
        assert (message.status, message.subject) == ("opened", "Welcome Zoë")

    def test_tells_the_lane_whom_it_calls_and_whose_opt_out_counts(self, contact, connection):
        (request,) = prepare(contact)
        assert (request.host, request.guard_channel) == (str(connection.id), "email")

    def test_logs_all_but_the_bodies(self, contact, connection):
        (request,) = prepare(contact)
        assert request.data["subject"] == "Welcome Zoë"
        assert "Hello" not in str(request.data)
        assert "start" not in str(request.data)

    def test_reaches_copies_and_hides_blind_ones(self, contact, connection, postbox):
        send(contact, cc=["boss@acme.example"], bcc=["archive@acme.example"], reply_to="help@acme.example")
        (entry,) = postbox.mails()
        mail = arrived(postbox)
        assert entry["recipients"] == ["zoe@example.com", "boss@acme.example", "archive@acme.example"]
        assert (mail["Cc"], mail["Bcc"], mail["Reply-To"]) == ("boss@acme.example", None, "help@acme.example")

    def test_is_sent_though_a_copy_is_refused(self, contact, connection, postbox):
        postbox.add_rule("status", status=550, stage="rcpt", recipient="boss@*")
        done, _ = send(contact, cc=["boss@acme.example"])
        assert done.result["refused"] == ["boss@acme.example"]
        assert postbox.mails()[0]["recipients"] == ["zoe@example.com"]

    def test_carries_files(self, contact, connection, postbox):
        media = MediaFactory(account=contact.account, name="Angebot für Zoë.pdf")
        send(contact, attachments=[str(media.id)])
        (attachment,) = arrived(postbox).iter_attachments()
        assert attachment.get_filename() == "Angebot für Zoë.pdf"
        assert (attachment.get_content_type(), attachment.get_content()) == ("application/pdf", b"%PDF-1.7\n")

    def test_takes_the_text_of_a_template(self, contact, connection, postbox):
        template = EmailTemplateFactory(account=contact.account, body_html="<h1>Hi {{ contact.first_name }}</h1>")
        send(contact, template_id=str(template.id), body_html=None)
        mail = arrived(postbox)
        assert "<h1>Hi Zoë</h1>" in part(mail, "html")
        assert mail["Subject"] == "Welcome Zoë"

    def test_may_be_plain_text_alone(self, contact, connection, postbox):
        send(contact, body_html=None, body_text="Hello {{ contact.first_name }} & co", purpose="transactional")
        mail = arrived(postbox)
        assert mail.get_content_type() == "text/plain"
        assert mail.get_content().strip() == "Hello Zoë & co"

    def test_uses_few_queries_however_many_contacts(self, account, connection):
        media = MediaFactory(account=account)
        template = EmailTemplateFactory(account=account)
        changes = {"attachments": [str(media.id)], "template_id": str(template.id), "body_html": None}
        counts = []
        for size in (1, 30):
            steps = steps_of(ContactFactory.create_batch(size, account=account), **changes)
            with CaptureQueriesContext(database) as queries:
                assert all(isinstance(each, Request) for each in KIND.prepare_many(steps))
            counts.append(len(queries))
        assert counts == [6, 6]


class TestTheWayOut:
    def test_is_in_headers_and_both_bodies_of_marketing_mail(self, contact, connection, postbox):
        send(contact)
        mail = arrived(postbox)
        url = mail["List-Unsubscribe"].strip("<>")
        assert url.startswith("http://127.0.0.1:8000/unsubscribe/")
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert f'href="{url}"' in part(mail, "html")
        assert f"Unsubscribe: {url}" in part(mail, "plain")

    def test_is_not_in_transactional_mail(self, contact, connection, postbox):
        send(contact, purpose="transactional")
        mail = arrived(postbox)
        assert (mail["List-Unsubscribe"], mail["List-Unsubscribe-Post"]) == (None, None)
        assert "unsubscribe" not in part(mail, "html").lower()

    def test_stands_where_the_author_wants_it(self, contact, connection, postbox):
        send(contact, body_html='<p>Bye: <a href="{{ unsubscribe_url }}">leave</a></p>')
        mail = arrived(postbox)
        url = mail["List-Unsubscribe"].strip("<>")
        assert part(mail, "html").count(url) == 1


class TestTheGate:
    @pytest.mark.parametrize("purpose", ["marketing", "transactional"])
    def test_stops_mail_to_who_opted_out(self, contact, connection, purpose):
        opt_out(contact)
        (skipped,) = prepare(contact, purpose=purpose)
        assert (type(skipped), skipped.reason) == (Skipped, "Contact opted out of email")
        assert skipped.data["gate"]["verdict"] == "skipped"
        assert not Message.objects.exists()

    def test_stops_marketing_at_the_cap_of_the_account(self, contact, connection):
        MessageFactory.create_batch(3, account=contact.account, contact_id=contact.id, sent_at=NOW)
        assert prepare(contact)[0].reason == "Frequency cap reached: 3 of 3 marketing messages by email within 24 hours"
        assert isinstance(prepare(contact, purpose="transactional")[0], Request)

    def test_says_in_the_log_what_let_a_mail_through(self, contact, connection):
        (request,) = prepare(contact)
        assert request.data["gate"] == {
            "verdict": "allowed",
            "channel": "email",
            "purpose": "marketing",
            "consent": {"state": None, "recorded_at": None},
            "frequency": {"sent": 0, "cap": 3},
        }

    def test_lets_mail_to_who_opted_out_of_something_else_through(self, contact, connection):
        opt_out(contact, "sms")
        assert isinstance(prepare(contact)[0], Request)

    def test_stops_a_second_attempt_and_closes_its_message(self, contact, connection):
        steps = steps_of([contact])
        KIND.prepare_many(steps)
        opt_out(contact)
        again = steps_of([contact])
        again[0].key, again[0].attempt = steps[0].key, 1
        assert KIND.prepare_many(again)[0].reason == "Contact opted out of email"
        message = Message.objects.get()
        assert (message.status, message.error_message) == ("failed", "Contact opted out of email")

    @pytest.mark.parametrize(
        ("address", "reason"),
        [
            ("", "Contact has no e-mail address"),
            ("zoë@example.com", "Contact has an e-mail address that cannot be written to"),
            ("zoe@example.com\r\nBcc: all@example.com", "Contact has an e-mail address that cannot be written to"),
        ],
    )
    def test_passes_over_who_cannot_be_written_to(self, account, connection, address, reason):
        assert prepare(ContactFactory(account=account, email=address)) == [Skipped(reason)]

    def test_judges_each_contact_alone(self, account, contact, connection):
        silent = ContactFactory(account=account, email="")
        assert [type(each) for each in prepare(silent, contact)] == [Skipped, Request]

    def test_does_not_heed_other_accounts(self, contact, connection, other_account):
        stranger = ContactFactory(account=other_account, email="zoe@example.com")
        opt_out(stranger)
        assert isinstance(prepare(contact)[0], Request)


class TestWhatIsMissing:
    def test_no_connection(self, contact):
        (failed,) = prepare(contact)
        assert (failed.error_class, failed.result) == ("invalid_config", {"code": "connection_not_found"})

    def test_another_accounts_connection_is_none(self, contact, other_account):
        ConnectionFactory(account=other_account)
        assert prepare(contact)[0].error_class == "invalid_config"

    def test_a_disabled_connection_is_none(self, contact, connection):
        steps = steps_of([contact], connection_id=str(connection.id))
        Connection.objects.update(is_enabled=False)
        (failed,) = KIND.prepare_many(steps)
        assert failed.result == {"code": "connection_not_found"}

    @pytest.mark.parametrize(
        ("field", "factory", "model", "code"),
        [
            ("template_id", EmailTemplateFactory, EmailTemplate, "template_not_found"),
            ("attachments", MediaFactory, Media, "media_not_found"),
        ],
    )
    def test_what_was_deleted_since(self, contact, connection, field, factory, model, code):
        row = factory(account=contact.account)
        value = [str(row.id)] if field == "attachments" else str(row.id)
        steps = steps_of([contact], **{field: value, "body_html": None if field == "template_id" else "Hello"})
        model.objects.all().delete()
        (failed,) = KIND.prepare_many(steps)
        assert (failed.error_class, failed.result) == ("invalid_config", {"code": code})
        assert not Message.objects.exists()

    @pytest.mark.parametrize(
        ("field", "factory", "code"),
        [("template_id", EmailTemplateFactory, "template_not_found"), ("attachments", MediaFactory, "media_not_found")],
    )
    def test_what_belongs_to_another_account(self, contact, connection, other_account, field, factory, code):
        row = factory(account=other_account)
        steps = steps_of([contact])
        config = {name: value for name, value in steps.config.items() if name != "body_html" or field != "template_id"}
        steps.config = {**config, field: [str(row.id)] if field == "attachments" else str(row.id)}
        (failed,) = KIND.prepare_many(steps)
        assert failed.result == {"code": code}

    def test_the_file_itself(self, contact, connection):
        media = MediaFactory(account=contact.account)
        (request,) = prepare(contact, attachments=[str(media.id)])
        media.file.storage.delete(media.file.name)
        with pytest.raises(Permanent) as failure:
            KIND.perform(request.payload, key=uuid7())
        assert (failure.value.error_class, failure.value.result) == ("invalid_config", {"code": "media_not_found"})

    @pytest.mark.parametrize(
        ("subject", "message"),
        [
            ("{{ contact.source }}", "The subject is empty after rendering."),
            (
                "{% for i in (1..60) %}hello{% endfor %}",
                "The subject has 300 characters after rendering; 255 fit.",
            ),
        ],
    )
    def test_a_usable_subject(self, contact, connection, subject, message):
        assert prepare(contact, subject=subject) == [Failed("rejected", message)]

    def test_is_a_problem_at_activation(self, account, connection):
        assert KIND.unready(CONFIG, account_id=account.id) == []
        connection.delete()
        assert [problem.code for problem in KIND.unready(CONFIG, account_id=account.id)] == ["connection_not_found"]


class TestFailures:
    @pytest.mark.parametrize(
        ("rule", "kind", "error_class"),
        [
            ({"status": 550, "stage": "rcpt"}, Permanent, "rejected"),
            ({"status": 553, "stage": "mail"}, Permanent, "rejected"),
            ({"status": 554, "stage": "data"}, Permanent, "rejected"),
            ({"status": 530, "stage": "mail"}, Permanent, "authentication"),
            ({"status": 450, "stage": "rcpt"}, Retryable, "unavailable"),
            ({"status": 421, "stage": "data"}, Retryable, "unavailable"),
            ({"status": 451, "stage": "mail", "body": "4.7.0 Too many mails, slow down"}, Retryable, "rate_limited"),
        ],
    )
    def test_a_refusal_is_told_by_its_reply(self, contact, connection, postbox, rule, kind, error_class):
        postbox.add_rule("status", **rule)
        with pytest.raises(kind) as failure:
            send(contact)
        assert failure.value.error_class == error_class
        assert str(rule["status"]) in failure.value.message
        assert postbox.counts()["new"] == 0

    @pytest.mark.parametrize("stage", ["mail", "rcpt"])
    def test_a_break_before_the_end_is_safe_to_repeat(self, contact, connection, postbox, stage):
        postbox.add_rule("reset", stage=stage)
        with pytest.raises(Retryable) as failure:
            send(contact)
        assert failure.value.error_class == "network"

    @pytest.mark.parametrize("behaviour", ["drop_reply", "reset"])
    def test_a_reply_that_never_comes_leaves_the_outcome_unknown(self, contact, connection, postbox, behaviour):
        postbox.add_rule(behaviour)
        with pytest.raises(OutcomeUnknown) as failure:
            send(contact)
        assert failure.value.error_class == "outcome_unknown"

    def test_a_server_that_is_not_there_is_tried_again(self, contact, connection):
        Connection.objects.update(settings={"host": "127.0.0.1", "port": 1, "security": "none"})
        with pytest.raises(Retryable) as failure:
            send(contact)
        assert failure.value.error_class == "network"

    def test_a_server_that_must_not_be_called_is_not_called(self, contact, connection):
        Connection.objects.update(settings={"host": "10.0.0.7", "port": 25, "security": "none"})
        with pytest.raises(Permanent) as failure:
            send(contact)
        assert failure.value.error_class == "invalid_config"

    @pytest.mark.parametrize(
        ("failure", "is_final", "status"),
        [
            (Permanent(ErrorClass.REJECTED, "No."), True, "failed"),
            (Retryable(ErrorClass.NETWORK, "No."), True, "failed"),
            (Retryable(ErrorClass.NETWORK, "No."), False, "queued"),
            (OutcomeUnknown("No."), True, "queued"),
        ],
    )
    def test_are_kept_on_the_message(self, contact, connection, failure, is_final, status):
        steps = steps_of([contact])
        (request,) = KIND.prepare_many(steps)
        call = Performed(steps[0], request.payload, failure, is_final)
        KIND.record_many([call], account_id=contact.account_id, now=NOW)
        message = Message.objects.get()
        assert (message.status, message.error_message, message.sent_at) == (status, "No.", None)


HEADERS = {
    "Content-Type",
    "MIME-Version",
    "Subject",
    "From",
    "To",
    "Cc",
    "Date",
    "Message-ID",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
}
HOSTILE_NAMES = [
    "Zoe\r\nBcc: victim@example.com",
    "Zoe\nBcc: victim@example.com",
    "Zoe\rBcc: victim@example.com",
    "Zoe\r\n\r\n<h1>Another mail</h1>",
    "Zoe\x85Bcc: victim@example.com",
    "Zoe\u2028Bcc: victim@example.com",
    "Zoe\x0bBcc: victim@example.com",
    "Zoe\x1b[31m",
    '", <victim@example.com>, "',
    "Zoe <victim@example.com>",
    "Zoe, victim@example.com",
    "victim@example.com",
    "(comment) Zoe",
    "=?utf-8?q?=0d=0aBcc:_victim@example.com?=",
    "=?utf-8?b?DQpCY2M6IHZpY3RpbUBleGFtcGxlLmNvbQ==?=",
    "Zoë " * 24,
    "日本" * 50,
    "👩‍👩‍👧 Zoe",
    "\u202egro.elpmaxe",
    "\\",
    '"',
    "a" * 100,
]


class TestHostileContacts:
    @pytest.mark.parametrize("name", HOSTILE_NAMES)
    def test_cannot_add_headers_or_recipients(self, account, connection, postbox, name):
        contact = ContactFactory(account=account, first_name=name, last_name="", email="zoe@example.com")
        send(
            contact,
            subject="Hi {{ contact.first_name }}",
            preview_text="{{ contact.first_name }}",
            cc=["c@acme.example"],
        )
        (entry,) = postbox.mails()
        mail = arrived(postbox)
        assert entry["recipients"] == ["zoe@example.com", "c@acme.example"]
        assert [address.addr_spec for address in mail["To"].addresses] == ["zoe@example.com"]
        assert set(mail.keys()) == HEADERS
        assert len(mail.keys()) == len(HEADERS)
        assert "\n" not in mail["Subject"]
        assert mail["Subject"].startswith("Hi ")
        assert [each.get_content_type() for each in mail.iter_parts()] == ["text/plain", "text/html"]

    @pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "Tom & Jerry's"])
    def test_are_escaped_in_html_and_not_in_text(self, account, connection, postbox, name):
        contact = ContactFactory(account=account, first_name=name, email="zoe@example.com")
        send(contact, body_text="Hello {{ contact.first_name }}")
        mail = arrived(postbox)
        assert name not in part(mail, "html")
        assert f"Hello {name}" in part(mail, "plain")

    @pytest.mark.parametrize("text", [".", "..", "\n.\n", "\r\n.\r\nMAIL FROM:<x@example.com>\r\n", "\r.\r", "a\rb"])
    def test_cannot_end_the_mail_early(self, account, connection, postbox, text):
        contact = ContactFactory(account=account, first_name=f"x{text}y", email="zoe@example.com")
        send(contact, body_html=None, body_text="{{ contact.first_name }}END", purpose="transactional")
        content = arrived(postbox).get_content()
        assert content.strip() == f"x{text}yEND".replace("\r\n", "\n").replace("\r", "\n")

    def test_may_live_at_international_domains(self, account, connection, postbox):
        send(ContactFactory(account=account, email="zoe@bücher.example"))
        assert postbox.mails()[0]["recipients"] == ["zoe@xn--bcher-kva.example"]


class TestTheConfig:
    @pytest.mark.parametrize(
        ("changes", "attr", "code"),
        [
            ({"body_html": None}, "template_id", "invalid"),
            ({"body_html": "{{ nobody }}"}, "body_html", "invalid_template"),
            ({"body_html": "{% if %}"}, "body_html", "invalid_template"),
            ({"subject": "{{ unsubscribe_url }}"}, "subject", "invalid_template"),
            ({"subject": "x" * 256}, "subject", "max_length"),
            ({"subject": ""}, "subject", "blank"),
            ({"from_name": "Ada\nBcc: x"}, "from_name", "invalid"),
            ({"from_email": "Ada <ada@acme.example>"}, "from_email", "invalid"),
            ({"from_email": "ada@acme.example, bob@acme.example"}, "from_email", "invalid"),
            ({"from_email": "ada"}, "from_email", "invalid"),
            ({"reply_to": "x@y.example\r\nBcc: z@y.example"}, "reply_to", "invalid"),
            ({"cc": ["a@acme.example"] * 11}, "cc", "max_length"),
            ({"bcc": ["nobody"]}, "bcc.0", "invalid"),
            ({"purpose": "spam"}, "purpose", "invalid_choice"),
            ({"utm": {"sauce": "x"}}, "utm.sauce", "unknown_field"),
            (
                {"template_id": "0198a000-0000-7000-8000-000000000000", "body_html": None},
                "template_id",
                "template_not_found",
            ),
            ({"attachments": ["0198a000-0000-7000-8000-000000000000"]}, "attachments.0", "media_not_found"),
            ({"connection_id": "0198a000-0000-7000-8000-000000000000"}, "connection_id", "connection_not_found"),
        ],
    )
    def test_refuses_what_cannot_be_sent(self, account, changes, attr, code):
        config = {name: value for name, value in {**CONFIG, **changes}.items() if value is not None}
        assert refusals("send_email", config, account.id) == [(code, attr)]

    def test_refuses_two_sources(self, account):
        template = EmailTemplateFactory(account=account)
        (problem,) = problems("send_email", {**CONFIG, "template_id": str(template.id)}, account.id)
        assert problem.detail == "Give either `template_id`, or `body_html` and/or `body_text`."

    def test_refuses_what_belongs_to_another_account(self, account, other_account):
        config = {
            **{name: value for name, value in CONFIG.items() if name != "body_html"},
            "template_id": str(EmailTemplateFactory(account=other_account).id),
            "attachments": [str(MediaFactory(account=other_account).id)],
            "connection_id": str(ConnectionFactory(account=other_account).id),
        }
        assert set(refusals("send_email", config, account.id)) == {
            ("template_not_found", "template_id"),
            ("media_not_found", "attachments.0"),
            ("connection_not_found", "connection_id"),
        }

    def test_refuses_attachments_that_are_too_large_together(self, account):
        files = [MediaFactory(account=account, size=11 * 1024**2) for _ in range(2)]
        config = {**CONFIG, "attachments": [str(file.id) for file in files]}
        assert refusals("send_email", config, account.id) == [("too_large", "attachments")]

    def test_names_what_it_refers_to(self, account):
        template, media = EmailTemplateFactory(account=account), MediaFactory(account=account)
        config = {"template_id": str(template.id), "attachments": [str(media.id)]}
        assert KIND.references(config) == [
            ("template", template.id, "template_id"),
            ("media", media.id, "attachments.0"),
        ]
