"""Everything that is to be said about a workflow, at once."""

from typing import Any
from uuid import uuid4

import pytest

from accounts.models import Account
from accounts.problems import Missing
from workflows.actions.registry import registry
from workflows.authoring.tests.authors import Author
from workflows.authoring.validation import Finding, Severity, validate_workflow
from workflows.messaging.tests.factories import ConnectionFactory
from workflows.models import Action, Trigger
from workflows.tests.factories import TriggerFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def author() -> Author:
    """Edits a workflow that has a trigger."""
    author = Author()
    TriggerFactory(workflow=author.workflow)
    return author


def findings(author: Author) -> list[Finding]:
    return validate_workflow(account_id=author.workflow.account_id, workflow_id=author.workflow.id)


def codes(author: Author) -> list[tuple[str, str, Severity]]:
    return [(finding.code, finding.attr, finding.severity) for finding in findings(author)]


class TestValidateWorkflow:
    def test_has_nothing_to_say_about_a_sound_workflow(self, author: Author) -> None:
        author.add()

        assert findings(author) == []

    def test_misses_an_enabled_action(self, author: Author) -> None:
        assert codes(author) == [("no_enabled_action", "actions", Severity.ERROR)]

        author.add(is_enabled=False)
        assert codes(author) == [("no_enabled_action", "actions", Severity.ERROR)]

    @pytest.mark.parametrize("is_active", [None, False])
    def test_warns_that_nothing_enrolls(self, is_active: bool | None) -> None:
        author = Author()
        author.add()
        if is_active is not None:
            TriggerFactory(workflow=author.workflow, is_active=is_active)

        assert codes(author) == [("no_trigger", "triggers", Severity.WARNING)]

    def test_misses_what_the_account_still_lacks(self, author: Author) -> None:
        action = author.add("send_email", dict(registry.get("send_email").example)).action
        assert codes(author) == [("connection_not_found", f"actions.{action.id}.action_config", Severity.ERROR)]

        ConnectionFactory(account=author.workflow.account)
        assert findings(author) == []

    def test_names_the_action_and_the_field(self, author: Author) -> None:
        action = author.add().action
        Action.objects.filter(id=action.id).update(action_config={})

        (finding,) = findings(author)

        assert (finding.code, finding.action_id) == ("required", action.id)
        assert finding.attr == f"actions.{action.id}.action_config.tag_name"

    def test_judges_disabled_actions_as_well(self, author: Author) -> None:
        author.add()
        action = author.add(is_enabled=False).action
        Action.objects.filter(id=action.id).update(action_config={})

        assert [finding.action_id for finding in findings(author)] == [action.id]

    def test_knows_types_that_are_gone(self, author: Author) -> None:
        action = author.add().action
        Action.objects.filter(id=action.id).update(action_type="send_pigeon")
        trigger = Trigger.objects.get()
        Trigger.objects.update(trigger_type="full_moon")

        assert codes(author) == [
            ("invalid_action_type", f"actions.{action.id}.action_type", Severity.ERROR),
            ("invalid_trigger_type", f"triggers.{trigger.id}.trigger_type", Severity.ERROR),
        ]

    def test_changes_nothing(self, author: Author) -> None:
        author.add()
        revision = author.revision()

        findings(author)

        assert author.revision() == revision

    def test_does_not_reach_another_account(self, author: Author, other_account: Account) -> None:
        with pytest.raises(Missing):
            validate_workflow(account_id=other_account.id, workflow_id=author.workflow.id)
        with pytest.raises(Missing):
            validate_workflow(account_id=author.workflow.account_id, workflow_id=uuid4())


class TestStepsUsedByCode:
    def add_code(self, author: Author, code: str, **fields: Any) -> Action:
        return author.add("custom_code", {"code": code}, **fields).action

    @pytest.mark.parametrize(
        "code",
        [
            "return { a: steps.first.changed };",
            "const { first } = steps; return { a: first.changed };",
            "return { a: 'steps.nowhere', b: steps.hasOwnProperty('first'), c: steps.constructor.name };",
            "// {{ steps.nowhere }}\nreturn {};",
        ],
    )
    def test_may_be_earlier_ones(self, author: Author, code: str) -> None:
        author.add(key="first")
        self.add_code(author, code)

        assert findings(author) == []

    @pytest.mark.parametrize("code", ["return { a: steps.nowhere?.b };", "return { a: `${steps['nowhere']}` };"])
    def test_must_exist(self, author: Author, code: str) -> None:
        action = self.add_code(author, code)

        assert codes(author) == [("step_not_found", f"actions.{action.id}.action_config.code", Severity.ERROR)]

    def test_should_not_be_later_ones(self, author: Author) -> None:
        action = self.add_code(author, "return { a: steps.last };")
        author.add(key="last")

        assert codes(author) == [("step_not_before", f"actions.{action.id}.action_config.code", Severity.WARNING)]

    def test_are_named_beside_those_of_its_inputs(self, author: Author) -> None:
        config = {"code": "return { a: inputs.a };", "inputs": {"a": "{{ steps.nowhere.b }}"}}
        action = author.add("custom_code", config).action

        assert codes(author) == [("step_not_found", f"actions.{action.id}.action_config.inputs.a", Severity.ERROR)]


class TestStepsUsedByTemplates:
    NOTE = "{{ steps.%s.changed }}"

    def add_note(self, author: Author, used_key: str, **fields: Any) -> Action:
        return author.add("add_note", {"content": self.NOTE % used_key}, **fields).action

    def test_may_be_earlier_ones(self, author: Author) -> None:
        author.add(key="first")
        self.add_note(author, "first")

        assert findings(author) == []

    def test_must_exist(self, author: Author) -> None:
        action = self.add_note(author, "nowhere")

        assert codes(author) == [
            ("step_not_found", f"actions.{action.id}.action_config.content", Severity.ERROR),
        ]

    def test_should_not_be_later_ones(self, author: Author) -> None:
        action = self.add_note(author, "last")
        author.add(key="last")

        assert codes(author) == [
            ("step_not_before", f"actions.{action.id}.action_config.content", Severity.WARNING),
        ]

    def test_should_not_be_the_action_itself(self, author: Author) -> None:
        action = self.add_note(author, "note", key="note")

        assert codes(author) == [
            ("step_not_before", f"actions.{action.id}.action_config.content", Severity.WARNING),
        ]

    def test_are_not_looked_for_in_what_is_no_template(self, author: Author) -> None:
        author.add("end_workflow", {"reason": "{{ steps.nowhere"})

        assert findings(author) == []

    def test_follow_the_order_of_the_list(self, author: Author) -> None:
        author.add(key="first")
        action = self.add_note(author, "first")

        author.move(action.id, 0)

        assert [finding.code for finding in findings(author)] == ["step_not_before"]
