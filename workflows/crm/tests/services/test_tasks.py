"""Tasks."""

from datetime import timedelta

import pytest

from accounts.actors import SYSTEM
from accounts.models import Account
from accounts.problems import Invalid, Missing
from accounts.tests.factories import MembershipFactory
from workflows.crm.models import Task
from workflows.crm.refusals import Refused
from workflows.crm.services.tasks import (
    TaskDraft,
    active_members,
    complete_task,
    create_tasks,
    delete_task,
    update_task,
)
from workflows.crm.tests.factories import ContactFactory, TaskFactory
from workflows.crm.tests.world import NOW, count_queries, locked, told

pytestmark = pytest.mark.django_db


class TestCreateTasks:
    def test_makes_them_and_says_so(self, account: Account) -> None:
        member = MembershipFactory(account=account).user
        (ada,) = locked(ContactFactory(account=account))
        due_at = NOW + timedelta(days=2)
        (task_id,) = create_tasks(
            account_id=account.id,
            drafts=[TaskDraft(ada, "Call", "soon", due_at, member.id, "high")],
            now=NOW,
        )
        task = Task.objects.get()
        assert task.id == task_id
        assert (task.title, task.description, task.due_at, task.priority) == ("Call", "soon", due_at, "high")
        assert (task.assignee_id, task.status, task.completed_at) == (member.id, "open", None)
        assert told() == [
            (
                "task_created",
                {
                    "task_id": str(task.id),
                    "title": "Call",
                    "due_at": "2026-03-03T12:00:00+00:00",
                    "assignee_id": str(member.id),
                    "priority": "high",
                },
            )
        ]

    def test_refuses_a_stranger_and_makes_the_others(self, account: Account, other_account: Account) -> None:
        stranger = MembershipFactory(account=other_account).user
        former = MembershipFactory(account=account, is_active=False).user
        (ada,) = locked(ContactFactory(account=account))
        drafts = [
            TaskDraft(ada, "one", assignee_id=stranger.id),
            TaskDraft(ada, "two"),
            TaskDraft(ada, "three", assignee_id=former.id),
        ]
        first, second, third = create_tasks(account_id=account.id, drafts=drafts, now=NOW)
        assert isinstance(first, Refused)
        assert isinstance(third, Refused)
        assert first.problems[0].code == "user_not_found"
        task = Task.objects.get()
        assert (task.id, task.title) == (second, "two")

    def test_takes_three_queries_for_any_number(self, account: Account) -> None:
        member = MembershipFactory(account=account).user
        contacts = locked(*[ContactFactory(account=account) for _ in range(9)])
        drafts = [TaskDraft(contact, "x", assignee_id=member.id) for contact in contacts]
        assert count_queries(lambda: create_tasks(account_id=account.id, drafts=drafts, now=NOW)) == 3


class TestUpdateTask:
    def test_completes_once(self, account: Account) -> None:
        task = TaskFactory(contact=ContactFactory(account=account), title="Call")
        for _ in range(2):
            task = complete_task(account_id=account.id, task_id=task.id, now=NOW)
        assert (task.status, task.completed_at) == ("completed", NOW)
        assert told() == [("task_completed", {"task_id": str(task.id), "title": "Call"})]

    def test_opens_again(self, account: Account) -> None:
        task = TaskFactory(contact=ContactFactory(account=account), status="completed", completed_at=NOW)
        update_task(account_id=account.id, task_id=task.id, values={"status": "open"}, now=NOW)
        task.refresh_from_db()
        assert (task.status, task.completed_at) == ("open", None)
        assert told() == []

    def test_refuses_a_stranger(self, account: Account, other_account: Account) -> None:
        stranger = MembershipFactory(account=other_account).user
        task = TaskFactory(contact=ContactFactory(account=account), title="Call")
        values = {"assignee_id": stranger.id, "title": "Mail"}
        with pytest.raises(Invalid):
            update_task(account_id=account.id, task_id=task.id, values=values, now=NOW)
        task.refresh_from_db()
        assert (task.title, task.assignee_id) == ("Call", None)

    def test_is_missing_elsewhere_and_with_a_deleted_contact(self, account: Account, other_account: Account) -> None:
        foreign = TaskFactory(contact=ContactFactory(account=other_account))
        orphan = TaskFactory(contact=ContactFactory(account=account, deleted_at=NOW))
        for task in (foreign, orphan):
            with pytest.raises(Missing):
                complete_task(account_id=account.id, task_id=task.id, now=NOW)
            with pytest.raises(Missing):
                delete_task(account_id=account.id, actor=SYSTEM, task_id=task.id)
        assert Task.objects.filter(status="open").count() == 2


class TestActiveMembers:
    def test_leaves_out_who_is_no_member_any_more(self, account: Account, other_account: Account) -> None:
        member = MembershipFactory(account=account).user
        others = {
            MembershipFactory(account=account, is_active=False).user_id,
            MembershipFactory(account=account, user__is_active=False).user_id,
            MembershipFactory(account=other_account).user_id,
            None,
        }
        assert active_members(account_id=account.id, user_ids={member.id, *others}) == {member.id}
