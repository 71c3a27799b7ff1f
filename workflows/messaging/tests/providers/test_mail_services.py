"""Mail services by Anymail's backends against the postbox, which speaks their wire formats."""

import json
from email import policy
from email.parser import BytesParser

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from accounts.actors import SYSTEM
from workflows.messaging.postbox.mail_services import TOPIC_ARN, verification_key
from workflows.messaging.providers.mail import hand_over, way_out, write
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


def sent(connection, **changes):
    payload = payload_of(connection, **changes)
    return hand_over(payload, write(payload), key=KEY)


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
