"""An action's config cannot name what another account has: its id is as unknown as one that nothing has."""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from rest_framework import serializers

from accounts.models import Account, Role
from accounts.tests.factories import MembershipFactory, TeamFactory
from accounts.tests.fixtures import client_for
from workflows.actions.base import ActionType
from workflows.actions.registry import registry
from workflows.api.tests.test_tenancy import rows_of
from workflows.configs.references import KINDS, ReferenceField
from workflows.crm.tests.factories import (
    CampaignFactory,
    CourseFactory,
    CustomFieldFactory,
    PipelineFactory,
    StageFactory,
    TagFactory,
)
from workflows.messaging.tests.factories import ConnectionFactory, EmailTemplateFactory, MediaFactory, SecretFactory
from workflows.tests.factories import ActionFactory, WorkflowFactory

FOREIGN: Mapping[str, Callable[[Account], Any]] = {
    "campaign": lambda account: CampaignFactory(account=account).id,
    "connection": lambda account: ConnectionFactory(account=account).id,
    "course": lambda account: CourseFactory(account=account).id,
    "custom_field": lambda account: CustomFieldFactory(account=account).id,
    "media": lambda account: MediaFactory(account=account).id,
    "page": lambda account: ConnectionFactory(account=account, kind="messenger", settings={"page_id": "12345"}).id,
    "pipeline": lambda account: PipelineFactory(account=account).id,
    "secret": lambda account: SecretFactory(account=account).id,
    "stage": lambda account: StageFactory(account=account).id,
    "step": lambda account: ActionFactory(workflow=WorkflowFactory(account=account)).id,
    "tag": lambda account: TagFactory(account=account).id,
    "team": lambda account: TeamFactory(account=account).id,
    "template": lambda account: EmailTemplateFactory(account=account).id,
    "user": lambda account: MembershipFactory(account=account).user_id,
    "workflow": lambda account: WorkflowFactory(account=account).id,
}
"""How to make an object of each kind that configs refer to."""


Path = tuple[str, ...]


def reference_paths(field: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield (path, kind) of each field of a config that takes an id; `*` stands for a place in a list."""
    if isinstance(field, ReferenceField):
        yield path, field.reference
    elif isinstance(field, serializers.ListField | serializers.ListSerializer):
        yield from reference_paths(field.child, (*path, "*"))
    elif isinstance(field, serializers.Serializer):
        for name, child in field.fields.items():
            yield from reference_paths(child, (*path, name))


def placed(config: Any, path: Path, value: str) -> Any:
    """Return the config with the value at the path."""
    if not path:
        return value
    if path[0] == "*":
        return [placed(config[0] if isinstance(config, list) and config else {}, path[1:], value)]
    config = dict(config) if isinstance(config, Mapping) else {}
    return {**config, path[0]: placed(config.get(path[0]), path[1:], value)}


CASES = [(kind, path, name) for kind in registry for path, name in reference_paths(kind.Config())]


def label(value: Any) -> str:
    return value.slug if isinstance(value, ActionType) else ".".join(value) if isinstance(value, tuple) else str(value)


def test_each_kind_of_object_has_a_foreign_one() -> None:
    assert KINDS.keys() <= FOREIGN.keys()


@pytest.mark.parametrize(("kind", "path", "name"), CASES, ids=label)
def test_foreign_ids_are_as_unknown_as_missing_ones(
    kind: ActionType, path: Path, name: str, account: Account, other_account: Account
) -> None:
    client = client_for(account, Role.OWNER)
    url = f"/api/v1/workflows/{WorkflowFactory(account=account).id}/actions"
    foreign = FOREIGN[name](other_account)
    before = rows_of(account), rows_of(other_account)
    answers = []
    for identifier in (str(foreign), str(uuid.uuid4())):
        config = placed(dict(kind.example), path, identifier)
        response = client.post(url, {"action_type": kind.slug, "action_config": config})
        answers.append((response.status_code, response.content.decode().replace(identifier, "…")))
    assert answers[0] == answers[1]
    status, body = answers[0]
    attr = ".".join(("action_config", *("0" if part == "*" else part for part in path)))
    codes = {error["attr"]: error["code"] for error in json.loads(body)["errors"]}
    assert (status, codes.get(attr)) == (400, f"{name}_not_found"), body
    assert (rows_of(account), rows_of(other_account)) == before
