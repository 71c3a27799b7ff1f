"""Mails through a real mail server: the postbox."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from workflows.actions.base import StepBatch
from workflows.actions.outcomes import Done, Failed, Skipped
from workflows.actions.outside import OutcomeUnknown, Performed, Permanent, Request, Retryable
from workflows.actions.registry import registry
from workflows.actions.tests.batches import NOW, batch_of, refusals
from workflows.crm.services.consents import ConsentChange, set_consents
from workflows.crm.tests.factories import ContactFactory
from workflows.messaging.models import Connection, Message
from workflows.messaging.providers.smtp import pool
from workflows.messaging.tests.factories import ConnectionFactory, EmailTemplateFactory, MediaFactory

pytestmark = pytest.mark.django_db
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


def steps_of(contacts: Sequence[Any], **config: Any) -> StepBatch:
    kind = registry.get("send_email")
    wanted = {**CONFIG, **config}
    if "template_id" in wanted:
        del wanted["body_html"]
    cleaned = kind.clean_config(wanted, account_id=contacts[0].account_id)
    steps = batch_of(contacts, kind.complete_config(cleaned))
    for step in steps:
        step.key = uuid7()
    return steps


def prepare(contacts: Sequence[Any], **config: Any) -> Sequence[Any]:
    return registry.get("send_email").prepare_many(steps_of(contacts, **config))


def send(contact: Any, **config: Any) -> tuple[Done, UUID]:
    steps = steps_of([contact], **config)
    (request,) = registry.get("send_email").prepare_many(steps)
    assert isinstance(request, Request), request
    return registry.get("send_email").perform(request.payload, key=steps[0].key), steps[0].key


def arrived(postbox: Any) -> Any:
    (mail,) = postbox.mails()
    return mail


class TestSending:
    def test_arrives(self, account, connection, postbox):
        contact = ContactFactory(account=account, first_name="Zoë", last_name="Smith", email="zoe@example.com")
        done, key = send(contact)
        mail = arrived(postbox)
        assert done.result == {
            "message_id": str(key),
            "provider_message_id": f"<{key}@acme.example>",
            "to": "zoe@example.com",
        }
        print(mail)
        assert mail["subject"] == "Welcome Zoë"
