"""Webhooks through a real receiver: the postbox."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from standardwebhooks.webhooks import Webhook
from uuid_utils.compat import uuid7

from accounts.actors import Actor
from accounts.problems import Invalid
from workflows.actions.base import StepBatch
from workflows.actions.outcomes import Done, Failed
from workflows.actions.outside import CallFailed, ErrorClass, OutcomeUnknown, Performed, Permanent, Request, Retryable
from workflows.actions.registry import registry
from workflows.actions.tests.batches import NOW, batch_of, refusals
from workflows.crm.models import Contact, Event
from workflows.crm.tests.factories import ContactFactory, CustomFieldFactory
from workflows.messaging.models import Secret
from workflows.messaging.secrets import MASK, create_secret, reveal_secrets
from workflows.messaging.signing import new_signing_secret

pytestmark = pytest.mark.django_db
KIND = registry.get("webhook_call")
ACTOR = Actor(label="Test")


def stored(account: Any, config: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Save a config as authoring does."""
    cleaned = KIND.clean_config(config, account_id=account.id)
    return KIND.keep_secrets(cleaned, before or {}, account_id=account.id, actor=ACTOR)


def steps_of(contacts: Sequence[Any], config: Mapping[str, Any], key: UUID | None = None) -> StepBatch:
    steps = batch_of(contacts, KIND.complete_config(stored(contacts[0].account, config)))
    for step in steps:
        step.key = key or uuid7()
    return steps


def prepare(contact: Any, **config: Any) -> Any:
    (prepared,) = KIND.prepare_many(steps_of([contact], {"method": "POST", **config}))
    return prepared


def call(contact: Any, *, key: UUID | None = None, **config: Any) -> Done:
    prepared = prepare(contact, **config)
    assert isinstance(prepared, Request), prepared
    return KIND.perform(orjson.loads(orjson.dumps(prepared.payload)), key=key or uuid7())


def failure(contact: Any, **config: Any) -> CallFailed:
    with pytest.raises(CallFailed) as failed:
        call(contact, **config)
    return failed.value


def headers_of(entry: Mapping[str, Any]) -> dict[str, str]:
    headers = entry["headers"]
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return {name.lower(): value for name, value in pairs}


@pytest.fixture
def contact(account: Any) -> Any:
    return ContactFactory(account=account, first_name="Zoë", email="zoe@example.com")


class TestCalling:
    def test_sends(self, contact, postbox):
        done = call(contact, url=postbox.url("/hooks/a"), payload={"name": "{{ contact.first_name }}"})
        assert done.result["status_code"] == 200
