"""Changing what enrolls contacts into a workflow."""

from typing import Any
from uuid import UUID

import pytest

from accounts.models import Account, AuditEntry
from accounts.problems import Conflict, Invalid, Missing, Stale
from workflows.authoring import triggers
from workflows.authoring.tests.authors import ACTOR
from workflows.models import Trigger, Workflow, WorkflowStatus
from workflows.tests.factories import TriggerFactory, WorkflowFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def workflow() -> Workflow:
    return WorkflowFactory()


def change(
    verb: str, workflow: Workflow, trigger_id: UUID | None = None, seen: int | None = None, **fields: Any
) -> Any:
    who = {
        "account_id": workflow.account_id, "actor": ACTOR, "workflow_id": workflow.id, "expected_revision": seen,
    }  # fmt: skip
    match verb:
        case "add":
            return triggers.add_trigger(**who, **{"trigger_type": "manual", **fields})
        case "update":
            return triggers.update_trigger(**who, trigger_id=trigger_id, changes=fields or {"is_active": False})
        case "remove":
            return triggers.remove_trigger(**who, trigger_id=trigger_id)


def attrs(refusal: pytest.ExceptionInfo[Invalid]) -> set[tuple[str, str | None]]:
    return {(problem.code, problem.attr) for problem in refusal.value.problems}


class TestEveryChange:
    @pytest.mark.parametrize("verb", ["add", "update", "remove"])
    @pytest.mark.parametrize("status", [WorkflowStatus.ACTIVE, WorkflowStatus.ARCHIVED])
    def test_needs_a_draft_or_paused_workflow(self, workflow: Workflow, verb: str, status: str) -> None:
        trigger = TriggerFactory(workflow=workflow)
        Workflow.objects.update(status=status)

        with pytest.raises(Conflict) as refusal:
            change(verb, workflow, trigger.id)

        assert refusal.value.problem.code == "workflow_must_be_in_draft"
        assert list(Trigger.objects.values_list("id", "is_active")) == [(trigger.id, True)]
        assert not AuditEntry.objects.exists()

    @pytest.mark.parametrize("verb", ["add", "update", "remove"])
    def test_is_stale_when_somebody_else_changed_the_workflow(self, workflow: Workflow, verb: str) -> None:
        trigger = TriggerFactory(workflow=workflow)

        with pytest.raises(Stale):
            change(verb, workflow, trigger.id, seen=workflow.revision - 1)

        assert list(Trigger.objects.values_list("id", "is_active")) == [(trigger.id, True)]
        assert not AuditEntry.objects.exists()

    @pytest.mark.parametrize("verb", ["add", "update", "remove"])
    def test_counts_the_revision_and_is_audited(self, workflow: Workflow, verb: str) -> None:
        trigger = TriggerFactory(workflow=workflow)

        change(verb, workflow, trigger.id)

        assert Workflow.objects.get(id=workflow.id).revision == workflow.revision + 1
        assert AuditEntry.objects.get().object_type == "trigger"

    @pytest.mark.parametrize("verb", ["add", "update", "remove"])
    def test_does_not_reach_another_account(self, workflow: Workflow, other_account: Account, verb: str) -> None:
        trigger = TriggerFactory(workflow=workflow)
        workflow.account_id = other_account.id

        with pytest.raises(Missing):
            change(verb, workflow, trigger.id)

        assert list(Trigger.objects.values_list("id", "is_active")) == [(trigger.id, True)]

    @pytest.mark.parametrize("verb", ["update", "remove"])
    def test_does_not_reach_another_workflow(self, workflow: Workflow, verb: str) -> None:
        trigger = TriggerFactory(workflow=WorkflowFactory(account=workflow.account))

        with pytest.raises(Missing):
            change(verb, workflow, trigger.id)

        assert Trigger.objects.get().is_active


class TestAddTrigger:
    def test_stores_it(self, workflow: Workflow) -> None:
        trigger = change("add", workflow, is_active=False)

        stored = Trigger.objects.get()
        assert (stored.id, stored.workflow_id, stored.trigger_type) == (trigger.id, workflow.id, "manual")
        assert (stored.filters, stored.settings, stored.is_active) == (None, {}, False)

    def test_refuses_an_unknown_type(self, workflow: Workflow) -> None:
        with pytest.raises(Invalid) as refusal:
            change("add", workflow, trigger_type="full_moon")

        assert attrs(refusal) == {("invalid_trigger_type", "trigger_type")}
        assert not Trigger.objects.exists()

    def test_refuses_settings_that_the_type_does_not_have_and_conditions(self, workflow: Workflow) -> None:
        with pytest.raises(Invalid) as refusal:
            change("add", workflow, settings=["tag"])
        assert attrs(refusal) == {("invalid", "settings")}

        with pytest.raises(Invalid) as refusal:
            change("add", workflow, settings={"tag": "VIP"}, filters={"rules": []})

        assert attrs(refusal) == {("unknown_field", "settings.tag"), ("invalid_choice", "filters")}
        assert not Trigger.objects.exists()


class TestUpdateTrigger:
    def test_changes_what_is_sent(self, workflow: Workflow) -> None:
        trigger = TriggerFactory(workflow=workflow)

        change("update", workflow, trigger.id, is_active=False)

        assert not Trigger.objects.get().is_active
        entry = AuditEntry.objects.get()
        assert (entry.verb, entry.before, entry.after) == ("trigger.updated", {"is_active": True}, {"is_active": False})

    def test_changes_nothing_when_nothing_differs(self, workflow: Workflow) -> None:
        trigger = TriggerFactory(workflow=workflow)

        change("update", workflow, trigger.id, is_active=True, settings={}, filters=None)

        assert Workflow.objects.get(id=workflow.id).revision == workflow.revision
        assert not AuditEntry.objects.exists()

    def test_refuses_everything_wrong_and_changes_nothing(self, workflow: Workflow) -> None:
        trigger = TriggerFactory(workflow=workflow)

        with pytest.raises(Invalid) as refusal:
            change("update", workflow, trigger.id, is_active="perhaps", settings={"tag": 1}, filters={"rules": []})

        assert attrs(refusal) == {
            ("invalid", "is_active"),
            ("unknown_field", "settings.tag"),
            ("invalid_choice", "filters"),
        }
        assert Trigger.objects.get().is_active


class TestRemoveTrigger:
    def test_removes_it(self, workflow: Workflow) -> None:
        trigger = TriggerFactory(workflow=workflow)

        change("remove", workflow, trigger.id)

        assert not Trigger.objects.exists()
        assert AuditEntry.objects.get().verb == "trigger.removed"
