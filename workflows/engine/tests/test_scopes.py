"""Whose rows the engine reaches: what is due over all accounts, and in a step those of its own account alone."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from procrastinate.contrib.django import app

from accounts.models import Account
from accounts.tenancy import no_scope, system_scope
from workflows.actions.base import StepBatch
from workflows.actions.outcomes import Done, Outcome
from workflows.crm.models import Contact, Event, Tag
from workflows.crm.tests.factories import ContactFactory, TagFactory
from workflows.engine import ticks
from workflows.engine.clock import VirtualClock
from workflows.engine.perform.lanes import perform_due
from workflows.engine.pulse import Pulse, due_ticks
from workflows.engine.tests import kinds
from workflows.engine.tests.leading import advance_all, enrolled, logged
from workflows.engine.wake import TASK_NAMESPACE, Tick
from workflows.models import ActionExecution, WorkerHeartbeat, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.django_db


def own_tasks() -> dict[str, Any]:
    return {name: task for name, task in app.tasks.items() if name.startswith(f"{TASK_NAMESPACE}.")}


def unscoped(function: Callable[[], Any]) -> Any:
    with no_scope():
        return function()


class TestTicks:
    def test_start_out_reaching_all_accounts(self) -> None:
        outside = [name for name, task in own_tasks().items() if task.func.__code__.co_name != "carry_out"]
        assert outside == [], "register ticks by `@tick(…)`, or they see nothing"
        assert {f"{TASK_NAMESPACE}.{tick}" for tick in Tick} == own_tasks().keys()

    def test_lead_contacts_of_all_accounts(
        self, account: Account, other_account: Account, virtual_clock: VirtualClock
    ) -> None:
        executions = [
            enrolled(ActiveWorkflowFactory(account=each, chain=["add_tag"]), virtual_clock)
            for each in (account, other_account)
        ]
        unscoped(ticks.advance_tick)
        unscoped(ticks.dispatch_tick)
        assert [logged(execution) for execution in executions] == [[("add_tag", "completed")]] * 2
        assert not Event.objects.filter(dispatched_at=None).exists()

    def test_reach_one_account_where_it_is_known(self, account: Account, other_account: Account) -> None:
        workflow = ActiveWorkflowFactory(account=account)
        TagFactory(account=other_account)
        with system_scope("this test"):
            before = Tag.objects.count()
            with ticks.within_account_of(type(workflow), str(workflow.id)):
                assert set(Tag.objects.values_list("account_id", flat=True)) <= {account.id}
            assert Tag.objects.count() == before


class TestThePulse:
    def test_beats_without_a_scope_of_its_own(
        self, account: Account, virtual_clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        enrolled(ActiveWorkflowFactory(account=account), virtual_clock)
        found: list[Tick] = []
        monkeypatch.setattr("workflows.engine.pulse.wake", lambda tick, **arguments: found.append(tick))
        assert unscoped(due_ticks) == []
        unscoped(Pulse().beat)
        assert Tick.ADVANCE in found
        assert WorkerHeartbeat.objects.count() == 1


def look_around(steps: StepBatch) -> list[Outcome]:
    """Read and write without any filter."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE crm_contact SET last_name = 'Reached'")
    return [Done({"accounts": sorted({str(each.account_id) for each in Contact.objects.all()})}) for _ in steps]


class TestAStep:
    @pytest.fixture
    def executions(
        self, account: Account, other_account: Account, virtual_clock: VirtualClock
    ) -> list[WorkflowExecution]:
        """Two accounts' executions, both due, so that one batch takes them."""
        with kinds.registered(look_around=look_around):
            made = [
                enrolled(ActiveWorkflowFactory(account=each, chain=[("look_around", {})]), virtual_clock)
                for each in (account, other_account)
            ]
            advance_all()
        return made

    def test_sees_its_own_account_alone(self, executions: list[WorkflowExecution]) -> None:
        for execution in executions:
            (row,) = ActionExecution.objects.filter(workflow_execution=execution)
            assert row.result_data == {"accounts": [str(execution.account_id)]}

    def test_changes_its_own_account_alone(self, account: Account, virtual_clock: VirtualClock) -> None:
        bystander = ContactFactory(last_name="Lovelace")
        with kinds.registered(look_around=look_around):
            execution = enrolled(ActiveWorkflowFactory(account=account, chain=[("look_around", {})]), virtual_clock)
            advance_all()
        assert Contact.objects.get(id=execution.contact_id).last_name == "Reached"
        assert Contact.objects.get(id=bystander.id).last_name == "Lovelace"


class Looking(kinds.Outside):
    """Reads without any filter where it prepares, calls and records."""

    def __init__(self) -> None:
        super().__init__(lambda payload, key: Done({"accounts": self.look()}))
        self.looks: list[list[str]] = []
        self.gate = lambda step: self.look() and None

    def look(self) -> list[str]:
        self.looks.append(sorted({str(contact.account_id) for contact in Contact.objects.all()}))
        return self.looks[-1]

    def record_many(self, calls: Any, **options: Any) -> None:
        self.look()


class TestACall:
    def test_sees_its_own_account_alone(self, account: Account, virtual_clock: VirtualClock) -> None:
        ContactFactory()
        kind = Looking()
        with kinds.registered_type(kind):
            execution = enrolled(ActiveWorkflowFactory(account=account, chain=[("call_out", {})]), virtual_clock)
            advance_all()
            perform_due("http")
        assert logged(execution) == [("call_out", "completed")]
        assert kind.looks == [[str(account.id)]] * 3
