"""Mail services by Anymail's backends against the postbox, which speaks their wire formats."""

import json
from datetime import timedelta
from email import policy
from email.parser import BytesParser

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from uuid_utils.compat import uuid7

from accounts.actors import SYSTEM
from accounts.tests.factories import AccountFactory
from workflows.messaging.outbound import NotSent, OutboundError, SentUnknown
from workflows.messaging.postbox.mail_services import TOPIC_ARN, verification_key
from workflows.messaging.providers.mail import find, hand_over, way_out, write
from workflows.messaging.providers.mail_services import SERVICES, Refused, ServiceAccount, sign_in
from workflows.messaging.providers.mail_services.ses import client_of, parameters
from workflows.messaging.secrets import create_secret
from workflows.messaging.tests.factories import ConnectionFactory

pytestmark = pytest.mark.django_db
KEY = "0190a1b2-0000-7000-8000-000000000001"
SETTINGS = {
    "sendgrid": {"api_host": "postbox.test", "verification_key": verification_key()},
    "mailgun": {"api_host": "postbox.test", "domain": "mg.acme.example"},
    "postmark": {"api_host": "postbox.test", "message_stream": "outbound"},
    "ses": {
        "api_host": "postbox.test",
        "region": "us-east-1",
        "access_key_id": "AKIA0123456789ABCDEF",
        "configuration_set": "tracking",
        "topic_arn": TOPIC_ARN,
    },
}
SENDING = {
    "sendgrid": "/v3/mail/send",
    "mailgun": "/v3/mg.acme.example/messages",
    "postmark": "/email",
    "ses": "/v2/email/outbound-emails",
}
KINDS = sorted(SETTINGS)
CAN_BE_ASKED = ("mailgun", "postmark")


@pytest.fixture
def at_the_postbox(settings, postbox_server, postbox, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.PUBLIC_URL = "http://127.0.0.1:1"
    postbox_server.address.write(tmp_path)
    return postbox


@pytest.fixture
def connected(account, at_the_postbox):
    """Make a connection of a kind."""

    def connect(kind, **changes):
        secret = create_secret(account_id=account.id, actor=SYSTEM, name=f"{kind} key", value=f"the key of {kind}")
        settings = {**SETTINGS[kind], **changes}
        return ConnectionFactory(account=account, kind=kind, name=kind, settings=settings, secret=secret)

    return connect


def payload_of(connection, **changes):
    mail = {
        **way_out(connection),
        "subject": "Grüße an Zoë",
        "html": '<p>Hello <a href="https://acme.example/ü">Zoë</a></p>',
        "text": "Hello Zoë\n.\nBye",
        "headers": {
            "List-Unsubscribe": "<https://crm.example/unsubscribe/token>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
        "from": ['Ada "the" Löwe, Acme', "ada@acme.example"],
        "to": ["Zoë (Z) Ünal", "zoe@example.com"],
        "reply_to": "help@acme.example",
        "cc": ["copy@example.com"],
        "bcc": ["hidden@example.com"],
        "attachments": [],
        "message_id": f"<{KEY}@acme.example>",
    }
    return {**mail, **changes}


def sent(connection, *, key=KEY, **changes):
    payload = payload_of(connection, **changes)
    return hand_over(payload, write(payload), key=key)


class TestSending:
    @pytest.mark.parametrize("kind", KINDS)
    def test_hands_over_the_same_mail_by_every_service(self, connected, postbox, kind):
        name = default_storage.save("price list.txt", ContentFile("5 €".encode()))
        attachment = {"name": "Preisliste ü.txt", "content_type": "text/plain", "file": name}
        delivered = sent(connected(kind), attachments=[attachment])
        (entry,) = postbox.mails()
        mail = BytesParser(policy=policy.default).parsebytes(entry["body"].encode())
        assert str(mail["Subject"]) == "Grüße an Zoë"
        (sender,), (recipient,) = mail["From"].addresses, mail["To"].addresses
        assert (sender.display_name, sender.addr_spec) == ('Ada "the" Löwe, Acme', "ada@acme.example")
        assert (recipient.display_name, recipient.addr_spec) == ("Zoë (Z) Ünal", "zoe@example.com")
        assert (str(mail["Cc"]), str(mail["Reply-To"]), mail["Bcc"]) == ("copy@example.com", "help@acme.example", None)
        assert entry["recipients"] == ["zoe@example.com", "copy@example.com", "hidden@example.com"]
        assert str(mail["List-Unsubscribe"]) == "<https://crm.example/unsubscribe/token>"
        assert str(mail["List-Unsubscribe-Post"]) == "List-Unsubscribe=One-Click"
        assert str(mail["Message-ID"]) == f"<{KEY}@acme.example>"
        html, text = mail.get_body(("html",)).get_content(), mail.get_body(("plain",)).get_content()
        assert html.strip() == '<p>Hello <a href="https://acme.example/ü">Zoë</a></p>'
        assert text.splitlines()[:3] == ["Hello Zoë", ".", "Bye"]
        (file,) = mail.iter_attachments()
        assert (file.get_filename(), file.get_payload(decode=True).strip()) == ("Preisliste ü.txt", "5 €".encode())
        about = dict(entry["headers"])
        assert json.loads(about["Postbox-Metadata"]) == {"followthrough_id": KEY}
        assert delivered.provider_message_id == about["Postbox-Id"]
        assert "the key of" not in json.dumps(entry)

    @pytest.mark.parametrize("kind", KINDS)
    def test_switches_the_services_own_tracking_off(self, connected, postbox, kind):
        """Our own pixel and links tell already; another's would hide where links lead."""
        connection = connected(kind)
        service = SERVICES[kind]
        backend = service.backend(ServiceAccount.of(connection))
        message = write(payload_of(connection))
        service.dress(message, ServiceAccount.of(connection))
        if kind == "ses":
            assert not hasattr(message, "track_opens")  # it tracks only where a configuration set says so
            return
        seen = backend.build_message_payload(message, {}).data
        expected = {
            "sendgrid": {
                "tracking_settings": {
                    "open_tracking": {"enable": False},
                    "click_tracking": {"enable": False, "enable_text": False},
                    "subscription_tracking": {"enable": False},
                }
            },
            "mailgun": {"o:tracking": "no", "o:tracking-opens": "no", "o:tracking-clicks": "no"},
            "postmark": {"TrackOpens": False, "TrackLinks": "None", "MessageStream": "outbound"},
        }
        assert {name: seen[name] for name in expected[kind]} == expected[kind]

    def test_of_ses_goes_by_its_configuration_set(self, connected, postbox):
        service = SERVICES["ses"]
        account = ServiceAccount.of(connected("ses"))
        backend = service.backend(account)
        payload = backend.build_message_payload(write(payload_of(connected("sendgrid"))), {})
        assert payload.params["ConfigurationSetName"] == "tracking"

    @pytest.mark.parametrize("kind", KINDS)
    def test_needs_a_key(self, connected, postbox, kind):
        connection = connected(kind)
        connection.secret_id = None
        with pytest.raises(NotSent) as refused:
            sent(connection)
        assert refused.value.error_class == "invalid_config"
        assert postbox.mails() == []

    def test_does_not_take_another_accounts_key(self, connected, postbox):
        connection = connected("postmark")
        connection.account_id = AccountFactory().id
        with pytest.raises(NotSent) as refused:
            sent(connection)
        assert refused.value.error_class == "invalid_config"


class TestRefusals:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize(
        ("status", "error_class"),
        [
            (400, "rejected"),
            (401, "authentication"),
            (403, "authentication"),
            (413, "rejected"),
            (429, "rate_limited"),
            (500, "unavailable"),
            (503, "unavailable"),
        ],
    )
    def test_are_told_apart_by_their_status(self, connected, postbox, kind, status, error_class):
        connection = connected(kind)
        postbox.add_rule("status", path=SENDING[kind], status=status, retry_after="120", body="{}")
        with pytest.raises(Refused) as refused:
            sent(connection)
        error = refused.value
        assert (error.error_class, error.status, error.retry_after) == (error_class, status, timedelta(seconds=120))
        assert postbox.counts(outcome="new")["total"] == 0

    @pytest.mark.parametrize(
        ("kind", "status", "body", "error_class", "said"),
        [
            (
                "sendgrid",
                403,
                {"errors": [{"message": "from is not verified"}]},
                "authentication",
                "from is not verified",
            ),
            (
                "postmark",
                422,
                {"ErrorCode": 400, "Message": "No signature"},
                "invalid_config",
                "error 400: No signature",
            ),
            ("postmark", 422, {"ErrorCode": 429, "Message": "Slow down"}, "rate_limited", "Slow down"),
            (
                "postmark",
                422,
                {
                    "ErrorCode": 406,
                    "Message": "Found inactive addresses: zoe@example.com. Inactive recipients are ones",
                },
                "rejected",
                "does not send to this address",
            ),
            ("mailgun", 404, {"message": "Domain not found: x"}, "invalid_config", "Domain not found"),
            ("mailgun", 400, {"message": "to parameter is not a valid address"}, "rejected", "not a valid address"),
        ],
    )
    def test_are_told_apart_by_what_they_say(self, connected, postbox, kind, status, body, error_class, said):
        connection = connected(kind)
        postbox.add_rule("status", path=SENDING[kind], status=status, body=json.dumps(body))
        with pytest.raises(Refused) as refused:
            sent(connection)
        assert refused.value.error_class == error_class
        assert said in refused.value.message

    @pytest.mark.parametrize(
        ("code", "error_class"),
        [
            ("MessageRejected", "rejected"),
            ("LimitExceededException", "rate_limited"),
            ("AccountSuspendedException", "authentication"),
            ("MailFromDomainNotVerifiedException", "invalid_config"),
        ],
    )
    def test_of_amazon_have_names(self, connected, postbox, code, error_class):
        connection = connected("ses")
        headers = {"x-amzn-ErrorType": code}
        body = json.dumps({"message": "No"})
        postbox.add_rule("status", path=SENDING["ses"], status=400, headers=headers, body=body)
        with pytest.raises(Refused) as refused:
            sent(connection)
        assert (refused.value.error_class, refused.value.code) == (error_class, code)

    def test_of_the_contact_alone_count_though_copies_went_out(self, connected, postbox):
        connection = connected("postmark")
        text = (
            "Message OK, but will not deliver to these inactive addresses: zoe@example.com. Inactive recipients are x"
        )
        answer = {"ErrorCode": 0, "Message": text, "MessageID": "1", "To": "zoe@example.com"}
        postbox.add_rule("accept", path="/email", body=json.dumps(answer))
        with pytest.raises(Refused) as refused:
            sent(connection)
        assert refused.value.error_class == "rejected"

    def test_of_copies_are_told(self, connected, postbox):
        connection = connected("postmark")
        text = (
            "Message OK, but will not deliver to these inactive addresses: copy@example.com. Inactive recipients are x"
        )
        answer = {"ErrorCode": 0, "Message": text, "MessageID": "1", "To": "zoe@example.com"}
        postbox.add_rule("accept", path="/email", body=json.dumps(answer))
        delivered = sent(connection)
        assert (delivered.provider_message_id, list(delivered.refused)) == ("1", ["copy@example.com"])

    def test_of_what_cannot_be_given_are_before_anything_is_sent(self, connected, postbox):
        connection = connected("mailgun", domain="a/b")
        with pytest.raises(NotSent) as refused:
            sent(connection)
        assert refused.value.error_class == "rejected"
        assert postbox.entries() == []


class TestLostAnswers:
    @pytest.mark.parametrize("kind", KINDS)
    def test_are_unknown_once_the_request_went_out(self, connected, postbox, kind):
        connection = connected(kind)
        for behaviour in ("drop_reply", "reset", "garbage"):
            postbox.clear_rules()
            postbox.add_rule(behaviour, path=SENDING[kind])
            with pytest.raises(SentUnknown):
                sent(connection)
        assert len(postbox.mails(outcome="new")) == 1  # each was handed in once: nothing is tried again in silence
        assert len(postbox.entries(method="POST")) == 3

    @pytest.mark.parametrize("kind", sorted(set(KINDS) - {"sendgrid"}))  # its answer says nothing but its status
    def test_that_cannot_be_understood_are_unknown(self, connected, postbox, kind):
        connection = connected(kind)
        for body in ("", "[]", "null", "{", '{"MessageID": null}', '"text"', "[" * 5000):
            postbox.clear_rules()
            postbox.add_rule("accept", path=SENDING[kind], body=body)
            with pytest.raises(SentUnknown):
                sent(connection)

    @pytest.mark.parametrize("kind", KINDS)
    def test_that_lead_elsewhere_are_not_followed(self, connected, postbox, kind):
        connection = connected(kind)
        postbox.add_rule("redirect", path=SENDING[kind], to="/elsewhere", status=307)
        with pytest.raises(OutboundError):
            sent(connection)
        assert postbox.requests(path="/elsewhere*") == []

    @pytest.mark.parametrize("kind", KINDS)
    def test_of_nobody_are_no_sending(self, connected, settings, tmp_path, kind):
        connection = connected(kind)
        settings.DATA_DIR = tmp_path / "empty"
        with pytest.raises(NotSent) as refused:
            sent(connection)
        assert refused.value.error_class == "network"

    @pytest.mark.parametrize("kind", CAN_BE_ASKED)
    def test_are_looked_up_where_the_service_can_be_asked(self, connected, postbox, kind):
        connection = connected(kind)
        payload = payload_of(connection)
        assert find(payload, key=KEY) == ""
        sent(connection)
        other = KEY.replace("1", "2")
        sent(connection, key=other, message_id=f"<{other}@acme.example>")
        (first, _) = postbox.mails()
        assert find(payload, key=KEY).strip("<>") == dict(first["headers"])["Postbox-Id"].strip("<>")
        assert find({**payload, "message_id": "<none@acme.example>"}, key=str(uuid7())) == ""

    @pytest.mark.parametrize("kind", sorted(set(KINDS) - set(CAN_BE_ASKED)))
    def test_are_asked_nowhere_else(self, connected, postbox, kind):
        assert find(payload_of(connected(kind)), key=KEY) == ""
        assert postbox.requests() == []


class TestTrying:
    @pytest.mark.parametrize("kind", KINDS)
    def test_signs_in_and_sends_nothing(self, connected, postbox, kind):
        sign_in(ServiceAccount.of(connected(kind)))
        assert [entry for entry in postbox.mails() if entry["outcome"] == "new"] == []

    @pytest.mark.parametrize("kind", KINDS)
    def test_says_when_the_key_is_wrong(self, connected, postbox, kind):
        postbox.add_rule("status", status=401, body="{}")
        with pytest.raises(Refused) as refused:
            sign_in(ServiceAccount.of(connected(kind)))
        assert refused.value.error_class == "authentication"

    def test_wants_a_key_that_may_send(self, connected, postbox):
        postbox.add_rule("accept", path="/v3/scopes", body='{"scopes": ["stats.read"]}')
        with pytest.raises(Refused, match="may not send mail"):
            sign_in(ServiceAccount.of(connected("sendgrid")))

    def test_wants_amazon_to_send(self, connected, postbox):
        postbox.add_rule("accept", path="/v2/email/account", body='{"SendingEnabled": false}')
        with pytest.raises(Refused, match="switched sending off"):
            sign_in(ServiceAccount.of(connected("ses")))


class TestAddresses:
    @pytest.mark.parametrize(
        ("kind", "host", "url"),
        [
            ("sendgrid", "api.eu.sendgrid.com", "https://api.eu.sendgrid.com/v3/"),
            ("mailgun", "api.eu.mailgun.net", "https://api.eu.mailgun.net/v3/"),
            ("postmark", "api.postmarkapp.com", "https://api.postmarkapp.com/"),
        ],
    )
    def test_are_the_services_own(self, connected, kind, host, url):
        account = ServiceAccount.of(connected(kind, api_host=host))
        assert SERVICES[kind].backend(account).api_url == url
        assert account.own_headers == {}

    def test_of_amazon_goes_by_the_region(self, connected):
        account = ServiceAccount.of(connected("ses", api_host="amazonaws.com", region="eu-west-1"))
        client = client_of(parameters(account))
        assert client.meta.endpoint_url == "https://email.eu-west-1.amazonaws.com"
        assert client.meta.config.retries["total_max_attempts"] == 1
