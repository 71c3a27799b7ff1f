"""Creating, changing, copying and deleting workflows."""

from typing import Any
from uuid import uuid4

import pytest

from accounts.actors import SYSTEM, Actor
from accounts.models import Account, AuditEntry
from accounts.problems import Conflict, Invalid, Missing
from accounts.tests.factories import AccountFactory, MembershipFactory
from workflows.authoring import workflows
from workflows.authoring.tests.authors import Author
from workflows.models import CompletionReason, ExecutionStatus, Trigger, Workflow, WorkflowExecution, WorkflowStatus
from workflows.tests.factories import ExecutionFactory, TriggerFactory, WorkflowFactory

pytestmark = pytest.mark.django_db


def actor_of(account: Account) -> Actor:
    user = MembershipFactory(account=account).user
    return Actor(label=str(user), user_id=user.id)


def create(account: Account, name: str = "Welcome", **fields: Any) -> Workflow:
    return workflows.create_workflow(account_id=account.id, actor=actor_of(account), name=name, **fields)


def update(workflow: Workflow, **changes: Any) -> Workflow:
    return workflows.update_workflow(
        account_id=workflow.account_id,
        actor=SYSTEM,
        workflow_id=workflow.id,
        changes=workflows.WorkflowChanges(**changes),
    )


def attrs(refusal: pytest.ExceptionInfo[Invalid]) -> set[tuple[str, str | None]]:
    return {(problem.code, problem.attr) for problem in refusal.value.problems}


class TestCreateWorkflow:
    def test_makes_a_draft_owned_by_who_creates_it(self, account: Account) -> None:
        actor = actor_of(account)

        workflow = workflows.create_workflow(account_id=account.id, actor=actor, name="  Welcome  ")

        workflow = Workflow.objects.get(id=workflow.id)
        assert (workflow.name, workflow.status, workflow.version, workflow.revision) == ("Welcome", "draft", 0, 1)
        assert (workflow.owner_id, workflow.created_by_id) == (actor.user_id, actor.user_id)
        assert (workflow.reentry, workflow.timezone, workflow.notify_on_failure) == ("after_exit", "", True)

    def test_takes_settings_and_owner(self, account: Account) -> None:
        owner = MembershipFactory(account=account).user

        workflow = create(
            account,
            owner_id=owner.id,
            settings={"reentry": "single", "timezone": "Asia/Tokyo", "notify_on_failure": False},
        )

        assert workflow.owner_id == owner.id
        assert (workflow.reentry, workflow.timezone, workflow.notify_on_failure) == ("single", "Asia/Tokyo", False)

    def test_refuses_everything_wrong_at_once(self, account: Account, other_account: Account) -> None:
        stranger = MembershipFactory(account=other_account).user

        with pytest.raises(Invalid) as refusal:
            create(
                account,
                "x/y?",
                description="d" * 2001,
                owner_id=stranger.id,
                settings={"reentry": "never", "timezone": "Mars/Base", "notify": True},
            )

        assert attrs(refusal) == {
            ("invalid", "name"),
            ("max_length", "description"),
            ("user_not_found", "owner"),
            ("invalid_choice", "settings.reentry"),
            ("invalid_choice", "settings.timezone"),
            ("unknown_field", "settings.notify"),
        }
        assert not Workflow.objects.exists()

    @pytest.mark.parametrize("name", ["ab", "x" * 101, "", "   ", "a\nb", "<b>bold</b>"])
    def test_refuses_a_name_that_is_none(self, account: Account, name: str) -> None:
        with pytest.raises(Invalid) as refusal:
            create(account, name)

        assert {attr for _, attr in attrs(refusal)} == {"name"}

    @pytest.mark.parametrize("name", ["abc", "x" * 100, "Größe_2-a", "歓迎フロー", "e\u0301te\u0301"])
    def test_takes_letters_of_every_script(self, account: Account, name: str) -> None:
        assert Workflow.objects.get(id=create(account, name).id).name == name.replace("e\u0301", "é")

    @pytest.mark.parametrize("name", ["Welcome", "welcome", "WELCOME", " Welcome "])
    def test_refuses_a_name_that_is_taken(self, account: Account, name: str) -> None:
        create(account)

        with pytest.raises(Conflict) as refusal:
            create(account, name)

        assert (refusal.value.problem.code, refusal.value.problem.attr) == ("name_taken", "name")
        assert Workflow.objects.count() == 1

    def test_lets_two_accounts_use_one_name(self, account: Account, other_account: Account) -> None:
        create(account)
        create(other_account)

        assert Workflow.objects.filter(name="Welcome").count() == 2

    def test_refuses_more_than_the_account_may_have(self) -> None:
        account = AccountFactory(workflow_limit=1)
        workflow = create(account)

        with pytest.raises(Conflict) as refusal:
            create(account, "Another")
        assert refusal.value.problem.code == "workflow_limit_reached"

        workflows.delete_workflow(account_id=account.id, actor=SYSTEM, workflow_id=workflow.id)
        create(account, "Another")

    def test_is_audited(self, account: Account) -> None:
        workflow = create(account)

        entry = AuditEntry.objects.get()
        assert (entry.account_id, entry.verb, entry.object_id) == (account.id, "workflow.created", workflow.id)
        assert entry.before is None
        assert entry.after is not None
        assert (entry.after["name"], entry.after["status"]) == ("Welcome", "draft")


class TestUpdateWorkflow:
    def test_changes_what_is_sent_and_counts_the_revision(self) -> None:
        workflow = WorkflowFactory(description="Old")

        update(workflow, name="Renamed", settings={"notify_on_failure": False})

        changed = Workflow.objects.get(id=workflow.id)
        assert (changed.name, changed.description, changed.notify_on_failure) == ("Renamed", "Old", False)
        assert changed.revision == workflow.revision + 1

    def test_records_what_changed_and_nothing_else(self) -> None:
        workflow = WorkflowFactory(name="Before")

        update(workflow, name="After", description="")

        entry = AuditEntry.objects.get()
        assert (entry.verb, entry.before, entry.after) == ("workflow.updated", {"name": "Before"}, {"name": "After"})

    def test_changes_nothing_when_nothing_differs(self) -> None:
        workflow = WorkflowFactory(name="Same")

        update(workflow, name="Same", settings={"reentry": "after_exit"})

        assert Workflow.objects.get(id=workflow.id).revision == workflow.revision
        assert not AuditEntry.objects.exists()

    @pytest.mark.parametrize("status", WorkflowStatus.values)
    def test_changes_what_concerns_the_future_in_every_state(self, status: str) -> None:
        workflow = WorkflowFactory(status=status)
        owner = MembershipFactory(account=workflow.account).user

        update(workflow, name="Renamed", description="New", owner_id=owner.id, settings={"notify_on_failure": False})

        changed = Workflow.objects.get(id=workflow.id)
        assert (changed.name, changed.description, changed.owner_id) == ("Renamed", "New", owner.id)
        assert not changed.notify_on_failure

    @pytest.mark.parametrize("settings", [{"reentry": "single"}, {"timezone": "Asia/Tokyo"}])
    @pytest.mark.parametrize("status", [WorkflowStatus.ACTIVE, WorkflowStatus.ARCHIVED])
    def test_refuses_to_change_what_a_version_holds(self, status: str, settings: dict[str, str]) -> None:
        workflow = WorkflowFactory(status=status)

        with pytest.raises(Conflict) as refusal:
            update(workflow, name="Renamed", settings=settings)

        assert refusal.value.problem.code == "workflow_must_be_in_draft"
        unchanged = Workflow.objects.get(id=workflow.id)
        assert (unchanged.name, unchanged.reentry, unchanged.timezone) == (workflow.name, "after_exit", "")

    def test_refuses_a_name_that_is_taken(self) -> None:
        workflow = WorkflowFactory()
        WorkflowFactory(account=workflow.account, name="Taken")

        with pytest.raises(Conflict) as refusal:
            update(workflow, name="TAKEN")

        assert refusal.value.problem.code == "name_taken"

    def test_may_change_the_case_of_its_own_name(self) -> None:
        workflow = WorkflowFactory(name="welcome")

        assert update(workflow, name="Welcome").name == "Welcome"

    def test_refuses_an_owner_who_left(self) -> None:
        workflow = WorkflowFactory()
        former = MembershipFactory(account=workflow.account, is_active=False).user

        with pytest.raises(Invalid) as refusal:
            update(workflow, owner_id=former.id)

        assert attrs(refusal) == {("user_not_found", "owner")}

    def test_does_not_reach_another_account(self, other_account: Account) -> None:
        workflow = WorkflowFactory(name="Mine")

        with pytest.raises(Missing):
            workflows.update_workflow(
                account_id=other_account.id, actor=SYSTEM, workflow_id=workflow.id, changes={"name": "Theirs"}
            )

        assert Workflow.objects.get(id=workflow.id).name == "Mine"


class TestDeleteWorkflow:
    @pytest.mark.parametrize("status", [WorkflowStatus.DRAFT, WorkflowStatus.PAUSED, WorkflowStatus.ARCHIVED])
    def test_hides_it_and_frees_its_name(self, status: str) -> None:
        workflow = WorkflowFactory(name="Welcome", status=status)

        workflows.delete_workflow(account_id=workflow.account_id, actor=SYSTEM, workflow_id=workflow.id)

        assert not Workflow.objects.present().exists()
        assert Workflow.objects.get(id=workflow.id).deleted_at is not None
        create(workflow.account, "Welcome")

    def test_refuses_while_active(self) -> None:
        workflow = WorkflowFactory(status=WorkflowStatus.ACTIVE)

        with pytest.raises(Conflict) as refusal:
            workflows.delete_workflow(account_id=workflow.account_id, actor=SYSTEM, workflow_id=workflow.id)

        assert refusal.value.problem.code == "invalid_transition"
        assert Workflow.objects.present().exists()

    def test_cancels_who_is_inside(self) -> None:
        execution = ExecutionFactory()
        Workflow.objects.filter(id=execution.workflow_id).update(status=WorkflowStatus.PAUSED)

        workflows.delete_workflow(account_id=execution.account_id, actor=SYSTEM, workflow_id=execution.workflow_id)

        execution = WorkflowExecution.objects.get(id=execution.id)
        assert execution.status == ExecutionStatus.CANCELLED
        assert execution.completion_reason == CompletionReason.WORKFLOW_ARCHIVED

    def test_finds_it_only_once_and_only_in_its_account(self, other_account: Account) -> None:
        workflow = WorkflowFactory()

        with pytest.raises(Missing):
            workflows.delete_workflow(account_id=other_account.id, actor=SYSTEM, workflow_id=workflow.id)
        workflows.delete_workflow(account_id=workflow.account_id, actor=SYSTEM, workflow_id=workflow.id)
        with pytest.raises(Missing):
            workflows.delete_workflow(account_id=workflow.account_id, actor=SYSTEM, workflow_id=workflow.id)

        assert AuditEntry.objects.filter(verb="workflow.deleted").count() == 1


class TestCloneWorkflow:
    def clone(self, workflow: Workflow, **fields: Any) -> Workflow:
        return workflows.clone_workflow(account_id=workflow.account_id, actor=SYSTEM, workflow_id=workflow.id, **fields)

    @pytest.mark.parametrize("status", WorkflowStatus.values)
    def test_makes_a_draft_with_the_same_actions_triggers_and_settings(self, status: str) -> None:
        author = Author(name="Welcome", description="Hello", reentry="multiple", timezone="Asia/Tokyo")
        author.add_keys("abc")
        TriggerFactory(workflow=author.workflow)
        Workflow.objects.filter(id=author.workflow.id).update(status=status, version=3)

        copy = self.clone(author.workflow)

        copy = Workflow.objects.get(id=copy.id)
        assert (copy.name, copy.status, copy.version, copy.revision) == ("Welcome copy", "draft", 0, 1)
        assert (copy.description, copy.reentry, copy.timezone) == ("Hello", "multiple", "Asia/Tokyo")
        assert Author(copy).keys() == "abc"
        assert not {item.action.id for item in Author(copy).items()} & {item.action.id for item in author.items()}
        assert [trigger.trigger_type for trigger in Trigger.objects.filter(workflow=copy)] == ["manual"]

    def test_leaves_the_original_alone(self) -> None:
        author = Author()
        author.add_keys("abc")
        revision = author.revision()

        copy = Author(self.clone(author.workflow))
        copy.remove(copy.items()[0].action.id)

        assert (author.keys(), author.revision()) == ("abc", revision)

    def test_finds_a_free_name(self) -> None:
        workflow = WorkflowFactory(name="Welcome")

        assert [self.clone(workflow).name for _ in range(3)] == ["Welcome copy", "Welcome copy 2", "Welcome copy 3"]

    def test_keeps_a_long_name_within_its_limit(self) -> None:
        workflow = WorkflowFactory(name="x" * 100)

        assert [self.clone(workflow).name for _ in range(2)] == ["x" * 95 + " copy", "x" * 93 + " copy 2"]

    def test_takes_a_name_and_refuses_one_that_is_taken(self) -> None:
        workflow = WorkflowFactory(name="Welcome")

        assert self.clone(workflow, name="Farewell").name == "Farewell"
        with pytest.raises(Conflict) as refusal:
            self.clone(workflow, name="welcome")

        assert refusal.value.problem.code == "name_taken"

    def test_counts_towards_the_limit(self) -> None:
        workflow = WorkflowFactory(account=AccountFactory(workflow_limit=1))

        with pytest.raises(Conflict) as refusal:
            self.clone(workflow)

        assert refusal.value.problem.code == "workflow_limit_reached"

    def test_takes_the_same_number_of_queries_whatever_the_length(self, django_assert_num_queries: Any) -> None:
        short, long = Author(), Author()
        short.add_keys("ab")
        long.add_keys("abcdefghijklmnopqrstuvwxyz")

        with django_assert_num_queries(16) as queries:
            self.clone(short.workflow, name="Short copy")
        with django_assert_num_queries(len(queries)):
            self.clone(long.workflow, name="Long copy")

    def test_does_not_reach_another_account(self, other_account: Account) -> None:
        workflow = WorkflowFactory()

        with pytest.raises(Missing):
            workflows.clone_workflow(account_id=other_account.id, actor=SYSTEM, workflow_id=workflow.id)

        assert Workflow.objects.count() == 1
        with pytest.raises(Missing):
            workflows.clone_workflow(account_id=workflow.account_id, actor=SYSTEM, workflow_id=uuid4())
