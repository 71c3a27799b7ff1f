"""Trying one step leaves no trace."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from accounts.problems import Conflict, Missing
from workflows.actions.outcomes import Done, Skipped
from workflows.actions.outside import ErrorClass, HoldUntil, Permanent
from workflows.crm.models import Event
from workflows.crm.tests.factories import ContactFactory
from workflows.engine.clock import VirtualClock
from workflows.engine.perform.trial import TrialResult, try_step
from workflows.engine.tests.conftest import START
from workflows.engine.tests.kinds import Outside
from workflows.models import Action, ActionExecution, Workflow, WorkflowDispatch, WorkflowExecution
from workflows.tests.factories import WorkflowFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def workflow(outside: Outside) -> Workflow:
    return WorkflowFactory(chain=[("sign", {}), ("call_out", {})])


def attempt(workflow: Workflow, key: str = "call_out", **changed: Any) -> TrialResult:
    parameters = {
        "account_id": workflow.account_id,
        "workflow_id": workflow.id,
        "action_id": Action.objects.get(workflow=workflow, key=key).id,
        "contact_id": ContactFactory(account=workflow.account, first_name="Ada").id,
    }
    return try_step(**{**parameters, **changed}, now=START)


class TestTrying:
    def test_calls_for_real_and_records_nothing(self, workflow: Workflow, outside: Outside) -> None:
        result = attempt(workflow)

        assert (result.status, result.result, result.data) == ("completed", {"answer": "ok"}, {"to": "Ada"})
        assert len(outside.calls) == 1
        assert outside.recorded == []
        for model in (WorkflowExecution, WorkflowDispatch, ActionExecution, Event):
            assert not model.objects.exists()

    def test_has_a_key_of_its_own_each_time(self, workflow: Workflow, outside: Outside) -> None:
        attempt(workflow)
        attempt(workflow)
        assert len(set(outside.calls)) == 2

    @pytest.mark.parametrize(
        ("answer", "status", "result"),
        [
            (Skipped("opted_out"), "skipped", {"reason": "opted_out"}),
            (HoldUntil(START, "quiet_hours"), "scheduled", {"reason": "quiet_hours"}),
        ],
    )
    def test_shows_what_the_gate_says(
        self, workflow: Workflow, outside: Outside, answer: Any, status: str, result: dict[str, str]
    ) -> None:
        outside.gate = lambda step: answer
        tried = attempt(workflow)
        assert (tried.status, tried.result) == (status, result)
        assert outside.calls == []

    def test_shows_a_failure(self, workflow: Workflow, outside: Outside) -> None:
        def call(payload: Mapping[str, Any], key: UUID) -> Done:
            raise Permanent(ErrorClass.REJECTED, "404", result={"status_code": 404})

        outside.call = call
        tried = attempt(workflow)
        assert (tried.status, tried.error_class, tried.error_message) == ("failed", "rejected", "404")
        assert tried.result == {"status_code": 404}

    def test_refuses_a_step_that_calls_nothing(self, workflow: Workflow, virtual_clock: VirtualClock) -> None:
        with pytest.raises(Conflict):
            attempt(workflow, "sign")

    @pytest.mark.parametrize("name", ["workflow_id", "action_id", "contact_id"])
    def test_knows_nothing_of_what_is_not_there(self, workflow: Workflow, outside: Outside, name: str) -> None:
        with pytest.raises(Missing):
            attempt(workflow, **{name: uuid7()})
        assert outside.calls == []

    @pytest.mark.parametrize("name", ["account_id", "contact_id"])
    def test_knows_nothing_of_other_accounts(self, workflow: Workflow, outside: Outside, name: str) -> None:
        foreign = ContactFactory()
        with pytest.raises(Missing):
            attempt(workflow, **{name: {"account_id": foreign.account_id, "contact_id": foreign.id}[name]})
        assert outside.calls == []
