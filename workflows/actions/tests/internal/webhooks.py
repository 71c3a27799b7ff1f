"""Webhooks for tests: saved as authoring does, prepared and called as a lane does."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
import pytest
from uuid_utils.compat import uuid7

from accounts.actors import Actor
from workflows.actions.base import StepBatch
from workflows.actions.outcomes import Done
from workflows.actions.outside import CallFailed, Request
from workflows.actions.registry import registry
from workflows.actions.tests.batches import batch_of

ACTOR = Actor(label="Test")


def saved(account_id: UUID, config: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the config as authoring stores it."""
    kind = registry.get("webhook_call")
    cleaned = kind.clean_config(config, account_id=account_id)
    return kind.keep_secrets(cleaned, before or {}, account_id=account_id, actor=ACTOR)


def steps_of(contacts: Sequence[Any], **config: Any) -> StepBatch:
    kind = registry.get("webhook_call")
    steps = batch_of(contacts, kind.complete_config(saved(contacts[0].account_id, {"method": "POST", **config})))
    for step in steps:
        step.key = uuid7()
    return steps


def prepare(contact: Any, **config: Any) -> Any:
    (prepared,) = registry.get("webhook_call").prepare_many(steps_of([contact], **config))
    return prepared


def call(contact: Any, *, key: UUID | None = None, **config: Any) -> Done:
    request = prepare(contact, **config)
    assert isinstance(request, Request), request
    outcome = registry.get("webhook_call").perform(orjson.loads(orjson.dumps(request.payload)), key=key or uuid7())
    assert isinstance(outcome, Done)
    return outcome


def failure(contact: Any, **config: Any) -> CallFailed:
    with pytest.raises(CallFailed) as failed:
        call(contact, **config)
    return failed.value


def headers_of(entry: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers of an arrival at the postbox, names in lower case."""
    return {name.lower(): value for name, value in entry["headers"]}
