"""What every registered action type owes, whoever wrote it."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from rest_framework import serializers

from accounts.models import Account
from accounts.problems import Invalid
from accounts.tests.factories import MembershipFactory
from workflows.actions.base import SUMMARY_LENGTH, ActionType, Category
from workflows.actions.outcomes import (
    CancelRuns,
    Done,
    End,
    Enroll,
    Jump,
    Outcome,
    Perform,
    SkipNext,
    WaitUntil,
)
from workflows.actions.registry import registry
from workflows.actions.tests.batches import batch_of, refusals
from workflows.actions.tests.referenced import make_referenced
from workflows.configs.schema import schema_of
from workflows.crm.catalogue import EVENT_TYPES
from workflows.crm.copies import ContactView
from workflows.crm.models import Event
from workflows.crm.tests.factories import ContactFactory
from workflows.templating import compile_template, templates_in, validate_template

pytestmark = pytest.mark.django_db

WRONG_VALUES: tuple[Any, ...] = (
    None,
    True,
    7,
    1.5,
    "",
    "\x00",
    "\ud800",
    [],
    [[]],
    {},
    {"": {}},
    "{{ nobody.name }}",
    10**400,
)


@pytest.fixture(params=list(registry), ids=lambda kind: kind.slug)
def kind(request: pytest.FixtureRequest) -> ActionType:
    return request.param


@pytest.fixture(autouse=True)
def referenced(kind: ActionType, account: Account) -> None:
    """Make what the type's example names, and somebody who can be told."""
    MembershipFactory(account=account, role="owner")
    make_referenced(kind, kind.example, account)


def all_fields(config: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for name, field in config.fields.items():
        yield f"{path}{name}", field
        nested = getattr(field, "child", field)
        if isinstance(nested, serializers.Serializer):
            yield from all_fields(nested, f"{path}{name}.")


class TestAnyActionType:
    def test_accepts_its_own_example(self, kind, account):
        assert kind.clean_config(kind.example, account_id=account.id) == kind.example

    def test_completes_what_is_complete_to_itself(self, kind):
        complete = kind.complete_config(kind.example)
        assert kind.complete_config(complete) == complete
        assert complete.items() >= kind.example.items()

    def test_accepts_the_complete_example(self, kind, account):
        complete = kind.complete_config(kind.example)
        assert kind.clean_config(complete, account_id=account.id) == complete

    def test_refuses_an_unknown_field_and_names_the_nearest(self, kind, account):
        name = next(iter(kind.Config().fields))
        misspelt = f"{name}x"
        with pytest.raises(Invalid) as refusal:
            kind.clean_config({**kind.example, misspelt: 1}, account_id=account.id)
        (problem,) = refusal.value.problems
        assert (problem.code, problem.attr) == ("unknown_field", misspelt)
        assert problem.detail == f"unknown field `{misspelt}`; did you mean `{name}`?"

    @pytest.mark.parametrize("config", [None, True, 1, "text", [], [{}]])
    def test_refuses_what_is_no_object(self, kind, config, account):
        with pytest.raises(Invalid):
            kind.clean_config(config, account_id=account.id)

    @pytest.mark.parametrize("value", WRONG_VALUES, ids=lambda value: repr(value)[:20])
    def test_answers_any_value_with_acceptance_or_invalid(self, kind, value, account):
        for name in kind.Config().fields:
            config = {**kind.example, name: value}
            refused = [str(attr).split(".")[0] for _, attr in refusals(kind.slug, config, account.id)]
            if refused:
                assert name in refused
            else:
                cleaned = kind.clean_config(config, account_id=account.id)
                assert orjson.loads(orjson.dumps(cleaned)) == cleaned
                assert cleaned.keys() == config.keys()

    def test_reports_every_required_field_at_once(self, kind, account):
        required = {name for name, field in kind.Config().fields.items() if field.required}
        if not required:
            pytest.skip("nothing is required")
        with pytest.raises(Invalid) as refusal:
            kind.clean_config({}, account_id=account.id)
        assert {problem.attr for problem in refusal.value.problems if problem.code == "required"} >= required

    def test_documents_itself(self, kind):
        own = inspect.getdoc(type(kind)) or ""
        assert own.split("\n")[0].endswith((".", ":"))
        assert own != inspect.getdoc(ActionType)
        assert (kind.label, kind.icon, kind.category in Category) == (kind.label.strip(), kind.icon.lower(), True)
        assert all(meaning.endswith(".") for meaning in kind.results.values())

    def test_documents_every_field(self, kind):
        silent = [path for path, field in all_fields(kind.Config()) if not str(field.help_text or "").endswith(".")]
        assert silent == []

    def test_has_a_schema_that_names_every_field(self, kind):
        schema = schema_of(kind.Config)
        assert schema["properties"].keys() == kind.Config().fields.keys()
        assert orjson.loads(orjson.dumps(schema)) == schema

    def test_records_only_events_of_the_catalogue(self, kind):
        assert set(kind.events) <= EVENT_TYPES.keys()

    def test_sums_itself_up_in_a_line(self, kind):
        long_example = {
            name: "{{ contact.name }} " * 100 if isinstance(value, str) else value
            for name, value in kind.example.items()
        }
        for config in ({}, kind.example, long_example):
            summary = kind.summary(config)
            assert len(summary) <= SUMMARY_LENGTH
            assert "\n" not in summary

    def test_has_a_test_file_in_the_mirrored_place(self, kind):
        source = Path(inspect.getfile(type(kind)))
        actions = Path(settings.BASE_DIR) / "workflows" / "actions"
        test = actions / "tests" / source.relative_to(actions).with_name(f"test_{source.name}")
        assert source.stem == kind.slug
        assert test.is_file()

    def test_renders_its_example_for_a_contact(self, kind, account):
        contact = ContactFactory(account=account, first_name="Zoë <b>")
        (step,) = batch_of([contact], kind.complete_config(kind.example))
        for _, source in templates_in(kind.example):
            validate_template(source)
            text = compile_template(source).render(step.context())
            assert "{{" not in text
        assert step.context()["contact"] == ContactView(step.contact)

    def test_takes_the_step_for_two_contacts(self, kind, account):
        contacts = [ContactFactory(account=account), ContactFactory(account=account)]
        batch = batch_of(contacts, kind.complete_config(kind.example))
        outcomes = kind.run_many(batch)
        assert [good(outcome) for outcome in outcomes] == [True, True]
        for outcome in outcomes:
            assert orjson.loads(orjson.dumps(shown(outcome))) == shown(outcome)
            assert (
                isinstance(outcome, (Perform, Enroll, CancelRuns))
                or kind.results.keys() >= shown(outcome)["result"].keys()
            )
        assert set(Event.objects.values_list("event_type", flat=True)) <= set(kind.events)

    def test_uses_as_many_queries_for_fifty_contacts_as_for_two(self, kind, account):
        counts = []
        for size in (2, 50):
            with transaction.atomic():
                contacts = ContactFactory.create_batch(size, account=account)
                batch = batch_of(contacts, kind.complete_config(kind.example))
                with CaptureQueriesContext(connection) as queries:
                    kind.run_many(batch)
                transaction.set_rollback(True)
            counts.append(len(queries))
        assert counts[0] == counts[1]


def good(outcome: Outcome) -> bool:
    return isinstance(outcome, (Done, WaitUntil, Jump, SkipNext, End, Enroll, CancelRuns, Perform))


def shown(outcome: Outcome) -> dict[str, Any]:
    return {"result": dict(getattr(outcome, "result", {})), "data": dict(getattr(outcome, "data", {}))}
