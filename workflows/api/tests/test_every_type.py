"""Every action type over HTTP, from its making to what is read of it: as an API client meets it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from accounts.models import Account, Role
from accounts.tests.fixtures import client_for
from workflows.actions.base import ActionType, Category
from workflows.actions.outside import Lane
from workflows.actions.registry import registry
from workflows.api.tests.walks import WALKS, Config, Json, World
from workflows.configs.fields import (
    BooleanField,
    ChoiceField,
    IntegerField,
    ListField,
    MappingField,
    TemplateField,
    TextField,
)
from workflows.configs.references import ReferenceField
from workflows.engine.clock import VirtualClock
from workflows.engine.perform.lanes import perform_due
from workflows.engine.tests.conftest import virtual_clock  # noqa: F401 - a fixture
from workflows.engine.tests.leading import advance_all
from workflows.messaging.postbox.testing import PostboxClient
from workflows.messaging.providers.smtp import pool

pytestmark = pytest.mark.django_db

LARGEST_BODY = 1_000_000
"""Bytes of a body; a longer text never comes so far that its field is looked at."""
MISSING = object()
"""A field that is left out."""


@pytest.fixture
def world(
    account: Account,
    postbox: PostboxClient,
    virtual_clock: VirtualClock,  # noqa: F811
    settings: Any,
    tmp_path: Path,
) -> Iterator[World]:
    """The account's world; the engine's time stands on Monday 2026-03-02 at 09:00 UTC."""
    settings.DATA_DIR = tmp_path
    postbox.address.write(tmp_path)
    mail_server = {"host": postbox.address.host, "port": postbox.address.smtp, "security": "none"}
    made = World(client_for(account, Role.OWNER), mail_server=mail_server, hook=postbox.url())
    assert made.contact_id
    yield made
    pool.clear()


def live() -> None:
    """Let everything happen that is due."""
    for _ in range(4):
        advance_all()
        for lane in Lane:
            perform_due(lane)


def test_each_type_has_its_walk() -> None:
    """A type that is missing here needs an entry in `walks.py`; those that talk to a provider are walked beside it."""
    own = {kind.slug for kind in registry if kind.category != Category.COMMUNICATION}
    assert own <= WALKS.keys() <= {kind.slug for kind in registry}


@pytest.mark.parametrize("slug", WALKS)
class TestEveryType:
    def test_is_taken_with_the_least_that_it_needs(self, slug: str, world: World) -> None:
        walk = WALKS[slug]
        row, _ = taken(world, slug, walk.before(world), walk.least(world))
        assert row["status"] in ("completed", "waiting")

    def test_is_taken_with_all_of_its_fields_and_read_back(self, slug: str, world: World) -> None:
        walk, kind = WALKS[slug], registry.get(slug)
        fullest = walk.fullest(world)
        assert kind.Config().fields.keys() == {*fullest, *walk.apart}

        row, run = taken(world, slug, walk.before(world), fullest)

        assert row["status"] == walk.status
        assert walk.result.items() <= row["result_data"].items()
        entries = world.get(f"/contacts/{world.contact_id}/timeline", limit=200)["items"]
        assert row in [entry["step"] for entry in entries]
        events = [entry["event"] for entry in entries if entry["event"]]
        assert {event["event_type"] for event in events} >= set(walk.events)
        assert {event["event_type"] for event in events if event["caused_by_id"] == row["id"]} <= set(kind.events)
        walk.read(world, row)
        expected = ("waiting", None) if walk.status == "waiting" else ("completed", "ended_by_step")
        assert (run["status"], run["completion_reason"]) == expected

    def test_refuses_each_field_that_is_wrong(self, slug: str, world: World) -> None:
        workflow_id = world.post("/workflows", name="Walk")["id"]
        path = f"/workflows/{workflow_id}/actions"
        fullest = WALKS[slug].fullest(world)
        for name, field in registry.get(slug).Config().fields.items():
            for wrong, code in wrong_values(field):
                config = {key: value for key, value in {**fullest, name: wrong}.items() if value is not MISSING}
                answer = world.post(path, expected=400, action_type=slug, action_config=config)
                problems = [(error["code"], error["attr"]) for error in answer["errors"]]
                assert problems == [(code, f"action_config.{name}")], (name, wrong)
        answer = world.post(path, expected=400, action_type=slug, action_config={**fullest, "mesage": 1})
        assert [(error["code"], error["attr"]) for error in answer["errors"]] == [
            ("unknown_field", "action_config.mesage")
        ]
        assert world.get(path)["total"] == 0


def wrong_values(field: Any) -> Iterator[tuple[Any, str]]:
    """Yield values that a field refuses whatever stands beside it, each with the code of the refusal."""
    if field.required:
        yield MISSING, "required"
    if not field.allow_null:
        yield None, "null"
    if isinstance(field, BooleanField):
        yield "yes", "invalid"
    elif isinstance(field, IntegerField):
        yield "1", "invalid"
        yield field.min_value - 1, "min_value"
        yield field.max_value + 1, "max_value"
    elif isinstance(field, ChoiceField):
        yield "nonsense", "invalid_choice"
    elif isinstance(field, ListField):
        yield "x", "not_a_list"
        yield [None] * (field.max_length + 1), "max_length"
    elif isinstance(field, ReferenceField):
        yield "x", "invalid"
        yield str(uuid4()), f"{field.reference}_not_found"
    elif isinstance(field, TemplateField):
        yield True, "invalid"
        yield "{{ contact.name", "invalid_template"
        yield "{{ nobody.name }}", "invalid_template"
        if field.rendered_limit < LARGEST_BODY:
            yield "x" * (field.rendered_limit + 1), "max_length"
    elif isinstance(field, TextField):
        yield 7, "invalid"
    elif isinstance(field, MappingField):
        yield [], "not_a_dict"


def taken(world: World, slug: str, before: Sequence[tuple[str, Config]], config: Config) -> tuple[Json, Json]:
    """Make a workflow that ends with a step of the type, let the contact through it, return its log row and the run.

    Whatever the config, it is answered as it was sent, but for secrets, and the row tells no more than it may.
    """
    workflow_id = world.post("/workflows", name="Walk")["id"]
    actions = f"/workflows/{workflow_id}/actions"
    for each, its_config in before:
        world.post(actions, action_type=each, action_config=its_config)
    made = world.post(actions, action_type=slug, action_config=config, key="walked")
    kind = registry.get(slug)
    assert (made["action_type"], made["category"], made["name"]) == (slug, kind.category, kind.label)
    assert made["action_config"] == as_kept(kind, config)
    assert world.get(f"{actions}/{made['id']}") == made
    world.post(actions, action_type="end_workflow", action_config={}, key="last")
    assert world.get(f"/workflows/{workflow_id}/validate")["valid"]
    world.post(f"/workflows/{workflow_id}/activate", expected=200)
    run = world.post(f"/workflows/{workflow_id}/execute", contact_id=world.contact_id)
    live()
    (row,) = [row for row in world.get(f"/executions/{run['id']}/logs")["items"] if row["action_key"] == "walked"]
    assert (row["action_type"], row["error_message"], row["error_class"]) == (slug, None, None)
    assert row["result_data"].keys() <= kind.results.keys()
    return row, world.get(f"/executions/{run['id']}")


def as_kept(kind: ActionType, config: Config) -> Config:
    """Return the config as people may see it; a currency is kept in capitals."""
    shown = kind.shown_config(config)
    return {**shown, "currency": shown["currency"].upper()} if "currency" in shown else dict(shown)
