"""Unknown outcomes: shown to a person, never sent again blindly."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest

from accounts.actors import SYSTEM
from accounts.models import AuditEntry
from accounts.tests.factories import AccountFactory
from workflows.actions.outcomes import Done
from workflows.actions.outside import OutcomeUnknown
from workflows.engine.clock import VirtualClock
from workflows.engine.perform.lanes import perform_due
from workflows.engine.perform.settling import settle_many
from workflows.engine.tests.kinds import Outside
from workflows.engine.tests.leading import advance_all, enrolled, logged
from workflows.models import ActionExecution, WorkflowDispatch, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.django_db

CHAIN = [("call_out", {}), ("sign", {})]


def lose_the_reply(payload: Mapping[str, Any], key: UUID) -> Done:
    raise OutcomeUnknown("The connection broke.")


@pytest.fixture
def unknown(outside: Outside, virtual_clock: VirtualClock) -> WorkflowExecution:
    outside.call = lose_the_reply
    execution = enrolled(ActiveWorkflowFactory(chain=CHAIN), virtual_clock)
    advance_all()
    perform_due("http")
    execution.refresh_from_db()
    return execution


def settle(execution: WorkflowExecution, outcome: str, clock: VirtualClock) -> list[UUID]:
    log_ids = list(
        ActionExecution.objects.filter(workflow_execution=execution, action_key="call_out").values_list("id", flat=True)
    )
    return settle_many(
        account_id=execution.account_id, actor=SYSTEM, log_ids=log_ids, outcome=outcome, now=clock.now()
    ).settled


class TestUnknownOutcome:
    def test_pauses_the_execution(self, unknown: WorkflowExecution, outside: Outside) -> None:
        log = ActionExecution.objects.get()
        row = WorkflowDispatch.objects.get()
        assert (unknown.status, unknown.pause_reason, unknown.due_at) == ("paused", "outcome_unknown", None)
        assert (log.status, log.error_class) == ("failed", "outcome_unknown")
        assert [attempt["error_class"] for attempt in log.attempts] == ["outcome_unknown"]
        assert (row.status, row.lease_id) == ("unknown", None)
        assert len(outside.calls) == 1

    def test_sent_lets_the_contact_go_on(
        self, unknown: WorkflowExecution, outside: Outside, virtual_clock: VirtualClock
    ) -> None:
        assert len(settle(unknown, "sent", virtual_clock)) == 1
        advance_all()

        unknown.refresh_from_db()
        assert unknown.status == "completed"
        assert logged(unknown) == [("call_out", "completed"), ("sign", "completed")]
        assert len(outside.calls) == 1
        assert not WorkflowDispatch.objects.exists()
        assert AuditEntry.objects.get(verb="execution.settled").object_id == unknown.id

    def test_not_sent_sends_again_with_the_same_key(
        self, unknown: WorkflowExecution, outside: Outside, virtual_clock: VirtualClock
    ) -> None:
        outside.call = lambda payload, key: Done()
        settle(unknown, "not_sent", virtual_clock)
        unknown.refresh_from_db()
        assert (unknown.status, unknown.pause_reason) == ("active", "")

        perform_due("http")
        advance_all()

        unknown.refresh_from_db()
        assert unknown.status == "completed"
        assert len(outside.calls) == 2
        assert len(set(outside.calls)) == 1

    def test_is_settled_once(self, unknown: WorkflowExecution, virtual_clock: VirtualClock) -> None:
        settle(unknown, "sent", virtual_clock)

        assert settle(unknown, "not_sent", virtual_clock) == []
        assert not WorkflowDispatch.objects.exists()

    def test_is_no_other_accounts_business(self, unknown: WorkflowExecution, virtual_clock: VirtualClock) -> None:
        log_id = ActionExecution.objects.get().id

        answer = settle_many(
            account_id=AccountFactory().id, actor=SYSTEM, log_ids=[log_id], outcome="sent", now=virtual_clock.now()
        )

        assert (answer.settled, answer.missing) == ([], [log_id])
        assert WorkflowExecution.objects.get().status == "paused"
