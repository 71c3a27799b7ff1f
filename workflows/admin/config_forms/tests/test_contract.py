"""What the form of every registered type owes, whoever wrote the type."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework import serializers

from accounts.models import Account
from accounts.problems import Invalid
from workflows.actions.base import ActionType
from workflows.actions.registry import registry as action_types
from workflows.actions.tests.referenced import make_referenced
from workflows.admin.config_forms import ConfigForm
from workflows.admin.config_forms.parts import Part
from workflows.admin.config_forms.tests.posting import inputs_of, post_of, posted
from workflows.admin.config_forms.texts import TextPart
from workflows.admin.config_forms.values import JsonPart, ValuePart
from workflows.triggers.base import TriggerType
from workflows.triggers.registry import registry as trigger_types

pytestmark = pytest.mark.django_db

Kind = ActionType | TriggerType
KINDS: list[Kind] = [*action_types, *trigger_types]
WRONG_TEXTS = (
    "\x00",
    "\ud800",
    "{{ nobody.name }}",
    "{% if %}",
    "9" * 5000,
    "-1",
    "x" * 3000,
    "[" * 3000,
    "<script>alert(1)</script>",
)
HANDLER = re.compile(r"<[^>]*\s(on\w+|style)=", re.IGNORECASE)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.slug)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture(autouse=True)
def referenced(kind: Kind, account: Account) -> None:
    """Make what the type's example names."""
    if isinstance(kind, ActionType):
        make_referenced(kind, kind.example, account)


def config_of(kind: Kind) -> Any:
    return kind.Config() if isinstance(kind, ActionType) else kind.Settings()


def refusals(kind: Kind, config: Any, account: Account) -> set[tuple[str, str]]:
    """Return (path, detail) of what the API says to a config."""
    clean = kind.clean_config if isinstance(kind, ActionType) else kind.clean_settings
    try:
        clean(config, account_id=account.id)
    except Invalid as refusal:
        return {(problem.attr or "", problem.detail) for problem in refusal.problems}
    return set()


def addable(form: ConfigForm) -> Iterator[Part]:
    for part in form.parts():
        yield part
        yield from part.addable()


class TestTheFormOfAnyType:
    def test_sends_the_example_back_as_it_is(self, kind: Kind, account: Account) -> None:
        page = ConfigForm(kind, account_id=account.id, config=kind.example).render()

        form = ConfigForm(kind, account_id=account.id, config=kind.example, data=posted(page))

        assert (form.is_valid(), form.errors) == (True, {})
        assert form.config == kind.example

    def test_sends_the_complete_example_back_as_it_is(self, kind: Kind, account: Account) -> None:
        if isinstance(kind, TriggerType):
            pytest.skip("triggers store no defaults")
        config = kind.complete_config(kind.example)
        page = ConfigForm(kind, account_id=account.id, config=config).render()

        form = ConfigForm(kind, account_id=account.id, config=config, data=posted(page))

        assert (form.is_valid(), form.errors) == (True, {})
        belonging = {part.name.removeprefix("config.") for part in form.root.fields.values() if part.belongs}
        assert form.config == {name: value for name, value in config.items() if name in belonging}

    def test_says_of_an_empty_form_what_the_api_says_of_no_config(self, kind: Kind, account: Account) -> None:
        page = ConfigForm(kind, account_id=account.id).render()

        form = ConfigForm(kind, account_id=account.id, data=posted(page))
        form.is_valid()

        said = {detail for details in form.errors.values() for detail in details}
        expected = {detail for _, detail in refusals(kind, {}, account)}
        assert said >= expected
        assert bool(said) == bool(expected)

    def test_puts_each_problem_at_its_field(self, kind: Kind, account: Account) -> None:
        """Every text, wherever it stands, is spoilt alone; what the API says lands at the field itself."""
        data = posted(ConfigForm(kind, account_id=account.id, config=kind.example).render())
        for name in [name for name, value in data.items() if value and not name.endswith((".rows", ".key", ".type"))]:
            for wrong in WRONG_TEXTS:
                spoilt = data.copy()
                spoilt[name] = wrong
                form = ConfigForm(kind, account_id=account.id, data=spoilt)
                if form.is_valid():
                    continue
                form.render()
                assert name in form.errors, (name, wrong, form.errors)

    def test_loses_nothing_that_was_typed(self, kind: Kind, account: Account) -> None:
        shown = ConfigForm(kind, account_id=account.id, config=kind.example)
        data = posted(shown.render())
        for part in shown.parts():
            if isinstance(part, (TextPart, ValuePart, JsonPart)) and data.get(part.name):
                data[part.name] = f"{data[part.name]} <&\"' typed"
        form = ConfigForm(kind, account_id=account.id, data=data)
        form.is_valid()

        again = posted(form.render())

        for name, values in data.lists():
            assert again.getlist(name) == values, name

    def test_shows_the_help_of_every_field(self, kind: Kind, account: Account) -> None:
        form = ConfigForm(kind, account_id=account.id, config=kind.example)
        html = form.render()
        fields = config_of(kind).fields
        for name, part in form.root.fields.items():
            assert part.help_html in html
            assert fields[name].help_text
        shown = {part.field.field_name for part in form.parts() if isinstance(part.field, serializers.Field)}
        hidden = {name for name, hint in config_of(kind).hints.items() if hint.widget == "hidden"}
        assert shown >= fields.keys() - hidden

    def test_labels_every_input(self, kind: Kind, account: Account) -> None:
        for config in (kind.example, None):
            inputs = inputs_of(ConfigForm(kind, account_id=account.id, config=config).render())
            silent = [
                control
                for control in inputs.controls
                if control.get("id") not in inputs.labels and not control.get("aria-label")
            ]
            assert silent == []
            ids = [control["id"] for control in inputs.controls if control.get("id")]
            assert len(ids) == len(set(ids))

    def test_runs_no_script_and_loads_nothing(self, kind: Kind, account: Account) -> None:
        html = ConfigForm(kind, account_id=account.id, config=kind.example).render()
        assert HANDLER.search(html) is None
        assert not any(mark in html for mark in ("<script", "javascript:", "http-equiv", "<link", "<img", "<iframe"))

    def test_reads_no_more_from_the_database_for_more_rows(self, kind: Kind, account: Account) -> None:
        counts = set()
        for rows in (1, 5):
            lists = {name: value * rows for name, value in kind.example.items() if isinstance(value, list)}
            form = ConfigForm(kind, account_id=account.id, config={**kind.example, **lists})
            with CaptureQueriesContext(connection) as queries:
                form.render()
            counts.add(len(queries))
        assert len(counts) == 1

    def test_answers_any_post_without_an_exception(self, kind: Kind, account: Account) -> None:
        paths = [part.name.removeprefix("config.") for part in addable(ConfigForm(kind, account_id=account.id))]
        for wrong in WRONG_TEXTS:
            for suffix in ("", ".rows", ".type", ".0", ".0.key", ".0.value"):
                data = post_of(**{f"{path}{suffix}": wrong for path in paths})
                form = ConfigForm(kind, account_id=account.id, config=kind.example, data=data)
                form.is_valid()
                form.render().encode()
