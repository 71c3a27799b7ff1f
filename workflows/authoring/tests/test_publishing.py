"""The states of a workflow and the versions it leaves."""

from typing import Any
from uuid import uuid4

import pytest

from accounts.actors import SYSTEM
from accounts.models import Account, AuditEntry
from accounts.problems import Conflict, Invalid, Missing
from workflows.authoring import publishing, workflows
from workflows.authoring.tests.authors import Author
from workflows.models import (
    Action,
    CompletionReason,
    ExecutionStatus,
    PauseReason,
    Trigger,
    Workflow,
    WorkflowExecution,
    WorkflowStatus,
    WorkflowVersion,
)
from workflows.tests.factories import ExecutionFactory, TriggerFactory

pytestmark = pytest.mark.django_db

VERBS = {
    "activate": publishing.activate_workflow,
    "pause": publishing.pause_workflow,
    "archive": publishing.archive_workflow,
    "restore": publishing.restore_workflow,
}
TRANSITIONS = {
    ("draft", "activate"): "active",
    ("draft", "archive"): "archived",
    ("active", "pause"): "paused",
    ("active", "archive"): "archived",
    ("paused", "activate"): "active",
    ("paused", "archive"): "archived",
    ("archived", "restore"): "draft",
}


class Publisher(Author):
    """Also leads the workflow through its states."""

    def change(self, verb: str, **fields: Any) -> Any:
        return VERBS[verb](**self.who, **fields)

    def stored(self) -> Workflow:
        return Workflow.objects.get(id=self.workflow.id)

    def versions(self) -> list[int]:
        return list(
            WorkflowVersion.objects.filter(workflow=self.workflow).order_by("number").values_list("number", flat=True)
        )

    def definition(self) -> dict[str, Any]:
        return WorkflowVersion.objects.get(workflow=self.workflow, number=self.stored().version).definition


@pytest.fixture
def publisher() -> Publisher:
    publisher = Publisher()
    publisher.add_keys("abc")
    return publisher


class TestTransitions:
    @pytest.mark.parametrize("status", WorkflowStatus.values)
    @pytest.mark.parametrize("verb", VERBS)
    def test_allows_what_the_table_allows_and_nothing_else(self, publisher: Publisher, status: str, verb: str) -> None:
        Workflow.objects.filter(id=publisher.workflow.id).update(status=status)
        before = publisher.stored()
        AuditEntry.objects.all().delete()

        if (status, verb) in TRANSITIONS:
            publisher.change(verb)

            after = publisher.stored()
            assert (after.status, after.revision) == (TRANSITIONS[status, verb], before.revision + 1)
            entry = AuditEntry.objects.get()
            assert (entry.object_id, entry.before["status"], entry.after["status"]) == (after.id, status, after.status)
        else:
            with pytest.raises(Conflict) as refusal:
                publisher.change(verb)

            assert refusal.value.problem.code == "invalid_transition"
            assert (publisher.stored().status, publisher.stored().revision) == (status, before.revision)
            assert not AuditEntry.objects.exists()

    @pytest.mark.parametrize("verb", VERBS)
    def test_do_not_reach_another_account(self, publisher: Publisher, other_account: Account, verb: str) -> None:
        publisher.who["account_id"] = other_account.id

        with pytest.raises(Missing):
            publisher.change(verb)

        assert publisher.stored().status == WorkflowStatus.DRAFT


class TestVersions:
    def test_are_numbered_from_one(self, publisher: Publisher) -> None:
        activation = publisher.change("activate")

        assert (activation.workflow.version, publisher.stored().version, publisher.versions()) == (1, 1, [1])

    def test_hold_everything_that_is_run(self, publisher: Publisher) -> None:
        rule = {"max_retries": 2, "strategy": "linear"}
        wait = {"duration": 2, "unit": "days"}
        publisher.add("wait_time", wait, key="wait", is_enabled=False, on_error="continue", retry=rule)
        trigger = TriggerFactory(workflow=publisher.workflow)

        publisher.change("activate")

        definition = publisher.definition()
        assert definition["settings"] == {"reentry": "after_exit", "timezone": ""}
        assert definition["triggers"] == [
            {"id": str(trigger.id), "trigger_type": "manual", "filters": None, "settings": {}, "is_active": True}
        ]
        assert [action["key"] for action in definition["actions"]] == ["a", "b", "c", "wait"]
        stored = definition["actions"][3]
        assert stored["config"]["duration"] == 2
        assert stored["config"].keys() > {"duration", "unit"}, "defaults are filled in"
        assert stored["previous_action_id"] == definition["actions"][2]["id"]
        assert (stored["branch_id"], stored["is_enabled"], stored["on_error"], stored["retry"]) == (
            None,
            False,
            "continue",
            rule,
        )

    def test_are_not_made_when_nothing_changed(self, publisher: Publisher) -> None:
        publisher.change("activate")
        publisher.change("pause")

        publisher.change("activate")

        assert (publisher.stored().version, publisher.versions()) == (1, [1])

    def test_are_not_made_for_what_changes_at_any_time(self, publisher: Publisher) -> None:
        publisher.change("activate")
        workflows.update_workflow(
            **publisher.who,
            changes={"name": "Renamed", "description": "New", "settings": {"notify_on_failure": False}},
        )
        publisher.change("pause")

        publisher.change("activate")

        assert publisher.versions() == [1]

    @pytest.mark.parametrize("change", ["config", "order", "trigger", "timezone", "disabled", "name"])
    def test_are_made_for_every_change_of_what_is_run(self, publisher: Publisher, change: str) -> None:
        publisher.change("activate")
        publisher.change("pause")
        first = publisher.items()[0].action.id

        match change:
            case "config":
                publisher.update(first, action_config={"tag_name": "Other"})
            case "order":
                publisher.move(first, 2)
            case "trigger":
                TriggerFactory(workflow=publisher.workflow)
            case "timezone":
                workflows.update_workflow(**publisher.who, changes={"settings": {"timezone": "Asia/Tokyo"}})
            case "disabled":
                publisher.update(first, is_enabled=False)
            case "name":
                publisher.update(first, name="Label")
        publisher.change("activate")

        assert (publisher.stored().version, publisher.versions()) == (2, [1, 2])

    def test_never_change(self, publisher: Publisher) -> None:
        publisher.change("activate")
        definition = publisher.definition()
        publisher.change("pause")
        publisher.reorder({publisher.items()[0].action.id: 2})
        publisher.change("activate")

        assert WorkflowVersion.objects.get(workflow=publisher.workflow, number=1).definition == definition

    def test_go_on_counting_after_an_archived_workflow_was_restored(self, publisher: Publisher) -> None:
        publisher.change("activate")
        publisher.change("archive")
        publisher.change("restore")
        publisher.add()

        publisher.change("activate")

        assert publisher.versions() == [1, 2]


class TestActivationOfWhatIsWrong:
    def test_reports_everything_and_changes_nothing(self, publisher: Publisher) -> None:
        first, second, _ = (item.action.id for item in publisher.items())
        Action.objects.filter(id=first).update(action_config={"tag_nam": "x"})
        Action.objects.filter(id=second).update(action_type="send_pigeon")
        trigger = Trigger.objects.create(
            account=publisher.workflow.account, workflow=publisher.workflow, trigger_type="full_moon"
        )
        revision = publisher.revision()

        with pytest.raises(Invalid) as refusal:
            publisher.change("activate")

        assert {(problem.code, problem.attr) for problem in refusal.value.problems} == {
            ("unknown_field", f"actions.{first}.action_config.tag_nam"),
            ("required", f"actions.{first}.action_config.tag_name"),
            ("invalid_action_type", f"actions.{second}.action_type"),
            ("invalid_trigger_type", f"triggers.{trigger.id}.trigger_type"),
        }
        assert (publisher.stored().status, publisher.revision(), publisher.versions()) == ("draft", revision, [])

    def test_needs_an_enabled_action(self) -> None:
        publisher = Publisher()
        publisher.add(is_enabled=False)

        with pytest.raises(Invalid) as refusal:
            publisher.change("activate")

        assert [(problem.code, problem.attr) for problem in refusal.value.problems] == [
            ("no_enabled_action", "actions")
        ]

    def test_refuses_an_unknown_choice_for_contacts_inside(self, publisher: Publisher) -> None:
        with pytest.raises(Invalid) as refusal:
            publisher.change("activate", contacts_inside="drop")

        assert [(problem.code, problem.attr) for problem in refusal.value.problems] == [
            ("invalid_choice", "contacts_inside")
        ]


class TestContactsInside:
    @pytest.fixture
    def inside(self, publisher: Publisher) -> list[WorkflowExecution]:
        """One contact at each of the three steps of a paused workflow."""
        publisher.change("activate")
        workflow = publisher.stored()
        executions = [
            ExecutionFactory(workflow=workflow, current_action_id=item.action.id) for item in publisher.items()
        ]
        publisher.change("pause")
        return executions

    def test_are_held_by_pause_and_go_on_after_activate(
        self, publisher: Publisher, inside: list[WorkflowExecution]
    ) -> None:
        held = WorkflowExecution.objects.get(id=inside[0].id)
        assert (held.status, held.pause_reason, held.due_at) == (
            ExecutionStatus.PAUSED,
            PauseReason.WORKFLOW_PAUSED,
            None,
        )

        publisher.change("activate")

        freed = WorkflowExecution.objects.get(id=inside[0].id)
        assert (freed.status, freed.pause_reason, freed.due_at) == (ExecutionStatus.QUEUED, "", inside[0].due_at)

    def test_keep_their_version(self, publisher: Publisher, inside: list[WorkflowExecution]) -> None:
        publisher.add()

        activation = publisher.change("activate")

        assert activation.contacts_inside == publishing.ContactsInside(kept=3, moved=0, completed=0)
        assert set(WorkflowExecution.objects.values_list("version__number", flat=True)) == {1}

    def test_move_to_the_next_step_that_is_left(self, publisher: Publisher, inside: list[WorkflowExecution]) -> None:
        _, second, third = (item.action.id for item in publisher.items())
        publisher.remove(publisher.items()[0].action.id)
        publisher.remove(third)

        activation = publisher.change("activate", contacts_inside="move")

        assert activation.contacts_inside == publishing.ContactsInside(kept=0, moved=2, completed=1)
        places = [WorkflowExecution.objects.get(id=execution.id) for execution in inside]
        assert [execution.current_action_id for execution in places] == [second, second, None]
        assert [execution.version.number for execution in places] == [2, 2, 2]
        assert (places[2].status, places[2].completion_reason) == (ExecutionStatus.COMPLETED, CompletionReason.FINISHED)

    def test_are_cancelled_by_archive(self, publisher: Publisher, inside: list[WorkflowExecution]) -> None:
        publisher.change("archive")

        reasons = set(WorkflowExecution.objects.values_list("status", "completion_reason", "due_at"))
        assert reasons == {(ExecutionStatus.CANCELLED, CompletionReason.WORKFLOW_ARCHIVED, None)}

    def test_of_other_workflows_are_left_alone(self, publisher: Publisher, inside: list[WorkflowExecution]) -> None:
        other = ExecutionFactory()

        publisher.change("archive")

        assert WorkflowExecution.objects.get(id=other.id).status == ExecutionStatus.QUEUED


class TestTheAuditLog:
    def test_names_the_state_and_the_version(self, publisher: Publisher) -> None:
        publisher.change("activate")

        entry = AuditEntry.objects.latest("id")
        assert (entry.verb, entry.actor_label) == ("workflow.activated", "author")
        assert entry.before == {"status": "draft", "version": 0}
        assert entry.after == {"status": "active", "version": 1}


def test_a_workflow_that_does_not_exist_is_missing(account: Account) -> None:
    with pytest.raises(Missing):
        publishing.activate_workflow(account_id=account.id, actor=SYSTEM, workflow_id=uuid4())


class TestHasUnpublishedChanges:
    def asked(self, author: Publisher) -> bool:
        triggers = list(Trigger.objects.filter(workflow=author.workflow))
        return publishing.has_unpublished_changes(author.stored(), author.items(), triggers)

    def test_is_so_until_the_first_version(self) -> None:
        author = Publisher()
        author.add()

        assert self.asked(author)

    def test_is_not_so_right_after_activation(self) -> None:
        author = Publisher()
        author.add()
        author.change("activate")

        assert not self.asked(author)

    def test_is_so_after_an_edit_and_not_when_it_was_taken_back(self) -> None:
        author = Publisher()
        author.add(key="first")
        author.change("activate")
        author.change("pause")
        added = author.add(key="second").action.id

        assert self.asked(author)
        author.remove(added)
        assert not self.asked(author)

    def test_is_so_when_a_type_is_gone(self) -> None:
        author = Publisher()
        author.add()
        author.change("activate")
        Action.objects.update(action_type="gone")

        assert self.asked(author)
