from datetime import timedelta
from uuid import uuid4

import pytest

from accounts.tests.factories import MembershipFactory
from workflows.actions.outcomes import Failed
from workflows.actions.registry import registry
from workflows.actions.tests.batches import NOW, batch_of, problems, refusals, run
from workflows.crm.models import Event, Task
from workflows.crm.tests.factories import ContactFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(account):
    return MembershipFactory(account=account).user


class TestCreateTask:
    def test_gives_the_owner_a_task(self, account, member):
        contact = ContactFactory(account=account, first_name="Ada", owner=member)
        (outcome,) = run("create_task", contact, {"title": "Call {{ contact.first_name }}"})
        task = Task.objects.get(id=outcome.result["task_id"])
        assert (task.title, task.description, task.priority, task.status) == ("Call Ada", "", "medium", "open")
        assert (task.contact_id, task.assignee_id, task.due_at) == (contact.id, member.id, None)
        assert outcome.result == {"task_id": str(task.id), "assignee_id": str(member.id), "due_at": None}

    def test_gives_a_named_member_a_task_with_all_details(self, account, member):
        contact = ContactFactory(account=account, owner=MembershipFactory(account=account).user)
        config = {
            "title": "Call",
            "description": "{{ contact.email }}",
            "due_date_offset": {"days": 2, "hours": 3},
            "assignee_id": str(member.id),
            "priority": "high",
        }
        (outcome,) = run("create_task", contact, config)
        task = Task.objects.get()
        assert (task.description, task.priority, task.assignee_id) == (contact.email, "high", member.id)
        assert task.due_at == NOW + timedelta(days=2, hours=3)
        assert outcome.result["due_at"] == "2026-05-06T12:30:00+00:00"
        assert outcome.data == {"title": "Call", "description": contact.email, "priority": "high"}

    def test_records_the_event(self, account):
        run("create_task", ContactFactory(account=account), {"title": "Call"})
        event = Event.objects.get()
        assert (event.event_type, event.data["title"], event.depth) == ("task_created", "Call", 3)

    def test_is_nobodys_without_an_owner(self, account):
        run("create_task", ContactFactory(account=account), {"title": "Call"})
        assert Task.objects.get().assignee_id is None

    def test_is_nobodys_when_the_owner_left(self, account):
        owner = MembershipFactory(account=account, is_active=False).user
        (outcome,) = run("create_task", ContactFactory(account=account, owner=owner), {"title": "Call"})
        assert Task.objects.get().assignee_id is None
        assert outcome.result["assignee_id"] is None

    def test_fails_when_the_named_member_left_since(self, account, member):
        contact = ContactFactory(account=account)
        kind = registry.get("create_task")
        config = kind.complete_config({"title": "Call", "assignee_id": str(member.id)})
        member.memberships.update(is_active=False)
        (outcome,) = kind.run_many(batch_of([contact], config))
        assert isinstance(outcome, Failed)
        assert outcome.error_class == "invalid_config"
        assert not Task.objects.exists()

    def test_fails_only_the_contact_whose_title_is_empty(self, account):
        first, second = ContactFactory(account=account, source=""), ContactFactory(account=account, source="web")
        outcomes = run("create_task", [first, second], {"title": "{{ contact.source }}"})
        assert outcomes[0] == Failed("rejected", "title is empty after rendering.")
        assert Task.objects.get().contact_id == second.id


class TestConfig:
    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ({}, ("required", "title")),
            ({"title": " "}, ("blank", "title")),
            ({"title": "x" * 201}, ("max_length", "title")),
            ({"title": "x", "description": "x" * 5001}, ("max_length", "description")),
            ({"title": "x", "priority": "urgent"}, ("invalid_choice", "priority")),
            ({"title": "x", "due_date_offset": 3}, ("invalid", "due_date_offset")),
            ({"title": "x", "due_date_offset": {}}, ("required", "due_date_offset")),
            ({"title": "x", "due_date_offset": {"days": "2"}}, ("invalid", "due_date_offset.days")),
            ({"title": "x", "due_date_offset": {"days": True}}, ("invalid", "due_date_offset.days")),
            ({"title": "x", "due_date_offset": {"days": 1.0}}, ("invalid", "due_date_offset.days")),
            ({"title": "x", "due_date_offset": {"days": -1}}, ("min_value", "due_date_offset.days")),
            ({"title": "x", "due_date_offset": {"hours": 9000}}, ("max_value", "due_date_offset.hours")),
            ({"title": "x", "due_date_offset": {"weeks": 1}}, ("unknown_field", "due_date_offset.weeks")),
            ({"title": "x", "assignee_id": "nobody"}, ("invalid", "assignee_id")),
            ({"title": "x", "assignee_id": 7}, ("invalid", "assignee_id")),
            ({"title": "x", "assignee_id": str(uuid4())}, ("user_not_found", "assignee_id")),
        ],
    )
    def test_refuses(self, account, config, expected):
        assert refusals("create_task", config, account.id)[:1] == [expected]

    def test_refuses_a_member_of_another_account(self, account, other_account):
        stranger = MembershipFactory(account=other_account).user
        config = {"title": "x", "assignee_id": str(stranger.id)}
        (problem,) = problems("create_task", config, account.id)
        assert (problem.code, problem.detail) == ("user_not_found", "There is no such user in this account.")

    def test_tells_whom_it_refers_to(self, account, member):
        config = {"title": "x", "assignee_id": str(member.id).upper()}
        kind = registry.get("create_task")
        cleaned = kind.clean_config(config, account_id=account.id)
        assert cleaned == {"title": "x", "assignee_id": str(member.id)}
        assert kind.references(cleaned) == [("user", member.id, "assignee_id")]
