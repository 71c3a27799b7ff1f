"""What mail services tell, signed as each of them does."""

import base64
import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from anymail.exceptions import AnymailWebhookValidationFailure
from anymail.webhooks.mailgun import MailgunTrackingWebhookView
from anymail.webhooks.sendgrid import SendGridTrackingWebhookView
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.test import Client, RequestFactory
from uuid_utils.compat import uuid7

from accounts.actors import SYSTEM
from accounts.tests.factories import AccountFactory
from workflows.crm.models import Consent, Event
from workflows.crm.services.consents import ConsentChange, set_consents
from workflows.crm.tests.factories import ContactFactory
from workflows.messaging.models import Message
from workflows.messaging.postbox.mail_services import HAPPENINGS, TOPIC_ARN, WEBHOOK_SECRET, verification_key
from workflows.messaging.postbox.mail_services.base import Told
from workflows.messaging.postbox.mail_services.keys import amazon_key, sign_as_amazon, sign_as_sendgrid
from workflows.messaging.postbox.mail_services.mailgun import PlayedMailgun
from workflows.messaging.postbox.mail_services.postmark import PlayedPostmark
from workflows.messaging.postbox.mail_services.sendgrid import PlayedSendGrid
from workflows.messaging.postbox.mail_services.ses import PlayedSes
from workflows.messaging.providers.mail_services import sns
from workflows.messaging.secrets import create_secret
from workflows.messaging.services.mail_receipts import dead_addresses
from workflows.messaging.tests.factories import ConnectionFactory, MessageFactory

pytestmark = pytest.mark.django_db
PLAYED = {each.name: each for each in (PlayedMailgun(), PlayedPostmark(), PlayedSendGrid(), PlayedSes())}
KINDS = sorted(PLAYED)
SETTINGS = {
    "sendgrid": {"api_host": "postbox.test", "verification_key": verification_key()},
    "mailgun": {"api_host": "postbox.test", "domain": "mg.acme.example"},
    "postmark": {"api_host": "postbox.test", "message_stream": "outbound"},
    "ses": {"api_host": "postbox.test", "region": "us-east-1", "access_key_id": "AKIA", "topic_arn": TOPIC_ARN},
}
THEIRS = "Zoe@example.com"


@pytest.fixture(autouse=True)
def certificate(settings, postbox_server, tmp_path):
    """Let Amazon's certificate be fetched from the postbox."""
    settings.DATA_DIR = tmp_path
    postbox_server.address.write(tmp_path)
    sns.certificate.cache_clear()


@pytest.fixture
def contact(account):
    return ContactFactory(account=account, email=THEIRS)


def connect(account, kind, **changes):
    secret = create_secret(
        account_id=account.id, actor=SYSTEM, name=f"webhook {uuid7()}", value=changes.pop("secret", WEBHOOK_SECRET)
    )
    settings = {**SETTINGS[kind], **changes}
    return ConnectionFactory(account=account, kind=kind, settings=settings, webhook_secret=secret)


def mail_to(contact, connection, **changes):
    values = {
        "account": contact.account,
        "contact_id": contact.id,
        "connection_id": connection.id,
        "channel": "email",
        "status": "sent",
        "sent_at": datetime.now(tz=UTC),
        "recipient": contact.email,
        "subject": "Hello",
        "provider_message_id": "provider-1",
        "execution_id": uuid7(),
        "action_execution_id": uuid7(),
    }
    return MessageFactory(**{**values, **changes})


def told(message, **changes):
    values = {
        "id": "provider-1",
        "message_id": "x@acme.example",
        "sender": "ada@acme.example",
        "recipient": message.recipient.lower(),
        "subject": message.subject,
        "metadata": {"followthrough_id": str(message.id)},
        "source": b"",
    }
    return Told(**{**values, **changes})


def post(connection, headers, body):
    headers = dict(headers)
    content_type = headers.pop("Content-Type")
    path = f"/hooks/{connection.kind}/{connection.id}"
    return Client().post(path, body, content_type=content_type, headers=headers)


def tell(connection, message, happening, *, url="https://acme.example/start", **changes):
    return post(connection, *PLAYED[connection.kind].tell(happening, told(message, **changes), url=url))


class TestSignatures:
    @pytest.mark.parametrize("kind", KINDS)
    def test_are_asked_of_every_service(self, account, contact, kind):
        connection = connect(account, kind)
        message = mail_to(contact, connection)
        headers, body = PLAYED[kind].tell("complained", told(message), url="")
        unsigned = {"Content-Type": headers["Content-Type"]}
        changed = body.replace(str(message.id).encode(), str(uuid7()).encode())
        tampered = post(connection, headers, changed)
        assert tampered.status_code == (403 if kind in {"sendgrid", "ses"} else 200)  # the others sign no content
        bare = json.loads(body)
        if kind == "mailgun":
            bare["signature"]["signature"] = "0" * 64
        if kind == "ses":
            del bare["Signature"]
        response = post(connection, unsigned, json.dumps(bare))
        assert (response.status_code, response.content) == (403, b"")
        message.refresh_from_db()
        assert message.status == "sent"
        assert not Consent.objects.exists()

    @pytest.mark.parametrize("kind", KINDS)
    def test_of_another_key_are_refused(self, account, contact, kind):
        others = {
            "sendgrid": {"verification_key": other_public_key()},
            "ses": {"topic_arn": TOPIC_ARN.replace("postbox", "another")},
        }
        connection = connect(account, kind, secret="another", **others.get(kind, {}))
        message = mail_to(contact, connection)
        assert tell(connection, message, "complained").status_code == 403
        message.refresh_from_db()
        assert message.status == "sent"

    @pytest.mark.parametrize("kind", KINDS)
    def test_are_worth_nothing_where_no_key_was_set(self, account, contact, kind):
        connection = ConnectionFactory(account=account, kind=kind, settings={"api_host": "postbox.test"})
        assert tell(connection, mail_to(contact, connection), "complained").status_code == 403

    @pytest.mark.parametrize("kind", KINDS)
    def test_for_connections_that_are_not_there_look_the_same(self, account, contact, kind):
        connection = connect(account, kind)
        headers, body = PLAYED[kind].tell("opened", told(mail_to(contact, connection)), url="")
        smtp = ConnectionFactory(account=account)
        for unknown in (uuid7(), smtp.id):
            gone = ConnectionFactory.build(id=unknown, kind=kind)
            assert (post(gone, headers, body).status_code, post(gone, headers, body).content) == (403, b"")

    def test_of_mailgun_grow_old(self, account, contact, monkeypatch):
        connection = connect(account, "mailgun")
        message = mail_to(contact, connection)
        yesterday = (datetime.now(tz=UTC) - timedelta(hours=25)).timestamp()
        monkeypatch.setattr("workflows.messaging.postbox.mail_services.mailgun.time.time", lambda: yesterday)
        assert tell(connection, message, "complained").status_code == 403
        assert not Consent.objects.exists()

    def test_of_the_postbox_are_those_of_the_services(self, account, contact):
        """Anymail's own checks, written by others, take them, and nothing else."""
        message = mail_to(contact, connect(account, "sendgrid"))
        views = {
            "sendgrid": SendGridTrackingWebhookView(tracking_webhook_verification_key=verification_key()),
            "mailgun": MailgunTrackingWebhookView(webhook_signing_key=WEBHOOK_SECRET),
        }
        for kind, view in views.items():
            headers, body = PLAYED[kind].tell("delivered", told(message), url="")
            meta = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
            request = RequestFactory().post("/", body, content_type="application/json", **meta)
            view.run_validators(request)
            (event,) = view.parse_events(request)
            assert (event.event_type, event.metadata["followthrough_id"]) == ("delivered", str(message.id))
            forged = RequestFactory().post(
                "/", body.replace(b"signature", b"signaturf"), content_type="application/json"
            )
            with pytest.raises(AnymailWebhookValidationFailure):
                view.run_validators(forged)

    def test_are_asked_for_by_post_alone(self, account):
        assert Client().get(f"/hooks/sendgrid/{connect(account, 'sendgrid').id}").status_code == 405


class TestAmazonsCertificate:
    @pytest.mark.parametrize(
        "url",
        [
            "http://evil.example/SimpleNotificationService-1.pem",
            "http://postbox.test.evil.example/SimpleNotificationService-1.pem",
            "http://postbox.test@evil.example/SimpleNotificationService-1.pem",
            "http://postbox.test/other.pem",
            "http://postbox.test/SimpleNotificationService-none.pem",
            "file:///etc/passwd",
            "http://[",
            "",
        ],
    )
    def test_comes_from_amazon_alone(self, account, contact, postbox, url):
        connection = connect(account, "ses")
        message = mail_to(contact, connection)
        headers, body = PLAYED["ses"].tell("complained", told(message), url="")
        assert post(connection, headers, json.dumps({**json.loads(body), "SigningCertURL": url})).status_code == 403
        assert not Consent.objects.exists()
        assert postbox.requests(path="/other*") == []  # what is at no certificate's place is not even fetched

    def test_that_cannot_be_fetched_lets_amazon_try_again(self, account, contact, postbox):
        connection = connect(account, "ses")
        message = mail_to(contact, connection)
        postbox.add_rule("status", status=503, path=amazon_key()[2])
        response = tell(connection, message, "delivered")
        assert (response.status_code, response["Retry-After"]) == (503, "60")
        postbox.clear_rules()
        assert tell(connection, message, "delivered").status_code == 200
        message.refresh_from_db()
        assert message.status == "delivered"

    def test_is_fetched_once(self, account, contact, postbox):
        connection = connect(account, "ses")
        message = mail_to(contact, connection)
        for _ in range(3):
            tell(connection, message, "delivered")
        assert len(postbox.requests(path="/SimpleNotificationService-*")) == 1

    def test_of_another_region_is_refused(self):
        assert sns.host_of("eu-west-1") == "sns.eu-west-1.amazonaws.com"
        assert not sns.is_at("https://sns.us-east-1.amazonaws.com/x.pem", "https://sns.eu-west-1.amazonaws.com")
        assert not sns.is_at("http://sns.eu-west-1.amazonaws.com/x.pem", "https://sns.eu-west-1.amazonaws.com")


class TestHappenings:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize(
        ("happening", "status"),
        [
            ("delivered", "delivered"),
            ("opened", "opened"),
            ("clicked", "clicked"),
            ("bounced", "bounced"),
            ("returned", "failed"),
            ("complained", "complained"),
            ("unsubscribed", "sent"),
        ],
    )
    def test_become_the_state_of_the_mail(self, account, contact, kind, happening, status):
        connection = connect(account, kind)
        message = mail_to(contact, connection)
        assert tell(connection, message, happening).status_code == 200
        message.refresh_from_db()
        assert message.status == status
        assert (message.bounced_at is not None) == (happening == "bounced")
        assert Consent.objects.filter(state="opt_out").exists() == (happening in {"complained", "unsubscribed"})

    @pytest.mark.parametrize("kind", KINDS)
    def test_are_events_that_count_once(self, account, contact, kind):
        connection = connect(account, kind)
        message = mail_to(contact, connection)
        for happening in ("opened", "clicked", "unsubscribed") * 3:
            assert tell(connection, message, happening).status_code == 200
        message.refresh_from_db()
        assert (message.status, message.clicks) == ("clicked", 1)
        events = Event.objects.filter(contact_id=contact.id).exclude(event_type="contact_created")
        assert sorted(events.values_list("event_type", flat=True)) == ["email_clicked", "email_opened", "unsubscribed"]
        assert events.get(event_type="email_clicked").data["url"] == "https://acme.example/start"
        evidence = Consent.objects.get().evidence
        assert evidence.endswith(f"unsubscribed from the e-mail {message.id}")

    @pytest.mark.parametrize(("happening", "kind_of_bounce"), [("bounced", "hard"), ("returned", "soft")])
    @pytest.mark.parametrize("kind", KINDS)
    def test_that_are_bounces_say_whether_the_address_is_dead(self, account, contact, kind, happening, kind_of_bounce):
        connection = connect(account, kind)
        message = mail_to(contact, connection)
        for _ in range(2):
            tell(connection, message, happening)
        event = Event.objects.get(event_type="email_bounced")
        assert event.data["bounce_type"] == kind_of_bounce
        assert (event.data["email"], event.data["message_id"]) == (THEIRS, str(message.id))
        message.refresh_from_db()
        assert ("No such mailbox" if happening == "bounced" else "mailbox is full") in message.error_message
        dead = dead_addresses(account_id=account.id, contact_ids=[contact.id])
        assert dead == ({(contact.id, THEIRS.casefold())} if happening == "bounced" else set())

    def test_that_kill_an_address_are_undone_by_a_newer_opt_in(self, account, contact):
        connection = connect(account, "postmark")
        tell(connection, mail_to(contact, connection), "bounced")
        for hours, is_dead in ((-1, True), (1, False)):
            moment = datetime.now(tz=UTC) + timedelta(hours=hours)
            word = ConsentChange(contact.id, "email", "opt_in", moment, evidence="on the phone")
            set_consents(account_id=account.id, changes=[word], now=moment)
            assert bool(dead_addresses(account_id=account.id, contact_ids=[contact.id])) == is_dead

    @pytest.mark.parametrize("kind", KINDS)
    def test_to_copies_say_only_that_the_mail_went_out(self, account, contact, kind):
        connection = connect(account, kind)
        message = mail_to(contact, connection, status="queued", sent_at=None)
        for happening in HAPPENINGS:
            tell(connection, message, happening, recipient="copy@example.com")
        message.refresh_from_db()
        assert (message.status, message.bounced_at, message.opens) == ("sent", None, 0)
        assert not Consent.objects.exists()
        assert not Event.objects.exclude(event_type="contact_created").exists()

    def test_older_than_the_contacts_last_word_opt_nobody_out(self, account, contact):
        connection = connect(account, "postmark")
        message = mail_to(contact, connection)
        now = datetime.now(tz=UTC)
        word = ConsentChange(contact.id, "email", "opt_in", now - timedelta(hours=1), evidence="a form")
        set_consents(account_id=account.id, changes=[word], now=now)
        headers, body = PLAYED["postmark"].tell("complained", told(message), url="")
        old = {**json.loads(body), "BouncedAt": (now - timedelta(days=1)).isoformat()}
        assert post(connection, headers, json.dumps(old)).status_code == 200
        assert Consent.objects.get().state == "opt_in"
        tell(connection, message, "complained")
        assert Consent.objects.get().state == "opt_out"

    def test_on_our_own_links_are_left_to_us(self, account, contact, settings):
        settings.PUBLIC_URL = "https://crm.example"
        connection = connect(account, "sendgrid")
        message = mail_to(contact, connection)
        tell(connection, message, "clicked", url="https://crm.example/t/c/token")
        message.refresh_from_db()
        assert (message.status, message.clicks) == ("sent", 0)

    def test_find_the_mail_by_the_services_id_where_ours_was_lost(self, account, contact):
        connection = connect(account, "ses")
        message = mail_to(contact, connection)
        tell(connection, message, "delivered", metadata={})
        message.refresh_from_db()
        assert message.status == "delivered"

    def test_of_a_deleted_contact_change_the_mail_alone(self, account, contact):
        connection = connect(account, "mailgun")
        message = mail_to(contact, connection)
        contact.deleted_at = datetime.now(tz=UTC)
        contact.save(update_fields=["deleted_at"])
        assert tell(connection, message, "complained").status_code == 200
        message.refresh_from_db()
        assert message.status == "complained"
        assert not Consent.objects.exists()


class TestOrder:
    @pytest.mark.parametrize(
        ("first", "then", "status"),
        [
            ("opened", "delivered", "opened"),
            ("clicked", "opened", "clicked"),
            ("bounced", "delivered", "bounced"),
            ("complained", "opened", "complained"),
            ("complained", "bounced", "complained"),
            ("delivered", "bounced", "bounced"),
            ("delivered", "returned", "delivered"),
            ("opened", "bounced", "opened"),
            ("returned", "delivered", "failed"),
        ],
    )
    def test_of_callbacks_never_takes_a_state_back(self, account, contact, first, then, status):
        connection = connect(account, "sendgrid")
        message = mail_to(contact, connection)
        for happening in (first, then, first, then):
            tell(connection, message, happening)
        message.refresh_from_db()
        assert message.status == status

    def test_of_many_shuffled_and_tripled_does_not_matter(self, account):
        connection = connect(account, "sendgrid")
        chance = random.Random(7)
        fates = {
            ("delivered", "opened", "clicked"): "clicked",
            ("delivered",): "delivered",
            ("delivered", "opened", "complained"): "complained",
            ("bounced",): "bounced",
        }
        messages, events = {}, []
        for number in range(24):
            fate, status = list(fates.items())[number % len(fates)]
            contact = ContactFactory(account=account, email=f"c{number}@example.com")
            message = mail_to(contact, connection)
            messages[message.id] = status
            events += [(message, happening) for happening in fate] * 3
        chance.shuffle(events)
        for message, happening in events:
            assert tell(connection, message, happening).status_code == 200
        found = dict(Message.objects.values_list("id", "status"))
        assert found == messages
        assert Event.objects.filter(event_type="email_clicked").count() == 6
        assert Event.objects.filter(event_type="email_opened").count() == 12

    def test_lets_the_service_correct_that_a_mail_was_given_up(self, account, contact):
        connection = connect(account, "postmark")
        given_up = mail_to(contact, connection, status="failed", sent_at=None, error_message="No answer")
        tell(connection, given_up, "delivered")
        given_up.refresh_from_db()
        assert (given_up.status, given_up.error_message) == ("delivered", "")


class TestOtherAccounts:
    @pytest.mark.parametrize("kind", KINDS)
    def test_cannot_be_told_of(self, account, contact, kind):
        """Whoever has a connection signs for its mails, and for no other's."""
        own = mail_to(contact, connect(account, kind))
        other = AccountFactory()
        for stranger in (connect(other, kind), connect(account, kind)):
            for happening in HAPPENINGS:
                assert tell(stranger, own, happening).status_code == 200
        own.refresh_from_db()
        assert own.status == "sent"
        assert not Consent.objects.exists()
        assert not Event.objects.exclude(event_type="contact_created").exists()


HOSTILE = [
    b"",
    b"\0",
    b"null",
    b"[]",
    b"{}",
    b"[null, 1, {}, []]",
    b'"text"',
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"a": 1e400}',
    b'[{"event": "open", "email": 5, "followthrough_id": {}, "timestamp": 1e300, "url": []}]',
    b'[{"event": ["open"], "email": "\\ud800", "followthrough_id": "\\u0000", "timestamp": NaN}]',
    b'{"RecordType": "Open", "Metadata": [], "ReceivedAt": "yesterday", "Recipient": {}}',
    b'{"RecordType": "Bounce", "Type": {}, "Metadata": {"followthrough_id": 7}, "BouncedAt": -1e300}',
    b'{"RecordType": {}, "MessageID": []}',
]


class TestHostileBodies:
    @pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
    def test_that_are_unsigned_are_refused(self, account, body):
        for kind in KINDS:
            response = post(connect(account, kind), {"Content-Type": "application/json"}, body)
            assert response.status_code == 403, kind

    @pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
    def test_that_are_signed_change_nothing(self, account, contact, body):
        message = mail_to(contact, connect(account, "postmark"))
        for kind in KINDS:
            connection = connect(account, kind)
            assert post(connection, *signed(kind, body)).status_code == 200, kind
        message.refresh_from_db()
        assert message.status == "sent"

    @pytest.mark.parametrize("text", ["\0", "x" * 10_000, "\ud800", "'; --", "ünï@cödé"])
    def test_with_odd_texts_are_taken(self, account, contact, text):
        for kind in KINDS:
            connection = connect(account, kind)
            message = mail_to(contact, connection)
            assert tell(connection, message, "bounced", recipient=text).status_code == 200
            assert tell(connection, message, "clicked", url=f"https://acme.example/{text}").status_code == 200


def signed(kind, body):
    """Return headers and body of a callback with this content, however it is wrapped there."""
    message = Message(id=uuid7(), recipient="", subject="")
    headers, wrapped = PLAYED[kind].tell("opened", told(message), url="")
    if kind == "sendgrid":
        timestamp = headers["X-Twilio-Email-Event-Webhook-Timestamp"]
        return {**headers, "X-Twilio-Email-Event-Webhook-Signature": sign_as_sendgrid(timestamp.encode() + body)}, body
    if kind == "postmark":
        return headers, body
    fields, text = json.loads(wrapped), body.decode("utf-8", "replace")
    if kind == "ses":
        fields["Message"] = text
        names = ("Message", "MessageId", "Timestamp", "TopicArn", "Type")
        fields["Signature"] = sign_as_amazon("".join(f"{name}\n{fields[name]}\n" for name in names).encode())
        return headers, json.dumps(fields).encode()
    try:
        fields["event-data"] = json.loads(body)
    except (ValueError, RecursionError):
        fields["event-data"] = text
    return headers, json.dumps(fields).encode()


def other_public_key():
    key = derive_private_key(12345, SECP256R1()).public_key()
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
