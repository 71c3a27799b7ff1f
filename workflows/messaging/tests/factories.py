"""Templates, files, connections and messages for tests."""

import factory
from django.core.files.base import ContentFile
from factory.django import DjangoModelFactory

from accounts.tests.factories import AccountFactory
from workflows.crm.models import Channel
from workflows.crm.tests.factories import ContactFactory
from workflows.messaging.models import Call, Connection, EmailTemplate, Media, Message, MessageStatus, Secret
from workflows.messaging.tests.sounds import wave


class ConnectionFactory(DjangoModelFactory[Connection]):
    """An smtp connection; give `settings={"host", "port"}` of a postbox to send through it."""

    account = factory.SubFactory(AccountFactory)
    kind = "smtp"
    name = factory.Sequence(lambda number: f"Mail server {number}")
    settings = factory.LazyFunction(lambda: {"host": "127.0.0.1", "port": 1, "security": "none"})

    class Meta:
        model = Connection


class EmailTemplateFactory(DjangoModelFactory[EmailTemplate]):
    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence(lambda number: f"Template {number}")
    subject = "Hello {{ contact.first_name }}"
    body_html = "<p>Hello {{ contact.first_name }}</p>"

    class Meta:
        model = EmailTemplate


class SecretFactory(DjangoModelFactory[Secret]):
    """A secret that cannot be decrypted; `create_secret` makes readable ones."""

    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence(lambda number: f"Secret {number}")
    ciphertext = "none"
    key_id = "none"

    class Meta:
        model = Secret


class MediaFactory(DjangoModelFactory[Media]):
    """A PDF; with `is_sound` a second of silence that calls can play."""

    account = factory.SubFactory(AccountFactory)
    name = "offer.pdf"
    content_type = "application/pdf"
    size = 9
    file = factory.LazyFunction(lambda: ContentFile(b"%PDF-1.7\n", name="offer.pdf"))

    class Meta:
        model = Media

    class Params:
        is_sound = factory.Trait(
            name="hello.wav",
            content_type="audio/wav",
            size=len(wave()),
            file=factory.LazyFunction(lambda: ContentFile(wave(), name="hello.wav")),
        )


class MessageFactory(DjangoModelFactory[Message]):
    """A mail that was sent to a contact."""

    account = factory.SubFactory(AccountFactory)
    contact_id = factory.LazyAttribute(lambda message: ContactFactory(account=message.account).id)
    channel = Channel.EMAIL
    status = MessageStatus.SENT
    purpose = "marketing"
    sender = "Ada <ada@acme.example>"
    recipient = "zoe@example.com"
    subject = "Welcome"

    class Meta:
        model = Message


class CallFactory(DjangoModelFactory[Call]):
    """A call to a contact that is over, with its message."""

    account = factory.SubFactory(AccountFactory)
    message = factory.SubFactory(MessageFactory, account=factory.SelfAttribute("..account"), channel=Channel.VOICE)
    id = factory.SelfAttribute("message.id")
    script = factory.LazyFunction(lambda: {"does": "voicemail", "media_id": "", "plays_to_people": False})
    status = "completed"
    outcome = "voicemail_left"
    answered_by = "machine_end_beep"
    did = "play"
    duration_seconds = 75

    class Meta:
        model = Call
