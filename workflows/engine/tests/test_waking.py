"""Waits that depend on a field of the contact, and its change."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.actors import SYSTEM
from workflows.authoring.publishing import activate_workflow, pause_workflow
from workflows.crm.copies import BY_HAND
from workflows.crm.events import NewEvent, record_events
from workflows.crm.models import Contact
from workflows.crm.services.contacts import FieldChange, update_contacts
from workflows.crm.services.locking import lock_contacts
from workflows.crm.tests.factories import CustomFieldFactory
from workflows.engine.clock import VirtualClock
from workflows.engine.dispatch import dispatch
from workflows.engine.tests.leading import advance_all, enrolled, logged
from workflows.models import ActionExecution, Workflow, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.django_db

WAIT = {"date_type": "contact_field", "field_name": "renewal", "time_of_day": "09:00"}
"""The engine's clock stands at 2026-03-02 09:00 UTC."""


@pytest.fixture
def workflow() -> Workflow:
    workflow = ActiveWorkflowFactory(chain=[("wait_until_date", WAIT), ("sign", {})])
    CustomFieldFactory(account=workflow.account, key="renewal", field_type="date")
    return workflow


@pytest.fixture
def execution(workflow: Workflow, virtual_clock: VirtualClock) -> WorkflowExecution:
    """A contact that waits for the 10th."""
    execution = enrolled(workflow, virtual_clock, custom_fields={"renewal": "2026-03-10"})
    advance_all()
    return execution


def change(execution: WorkflowExecution, now: datetime, **values: Any) -> None:
    """Change the contact, and let everybody hear of it."""
    contact = lock_contacts(account_id=execution.account_id, contact_ids=[execution.contact_id])[execution.contact_id]
    changes = [FieldChange(contact=contact, values=values, cause=BY_HAND)]
    update_contacts(account_id=execution.account_id, actor=SYSTEM, changes=changes, now=now)
    dispatch()


class TestWaking:
    def test_waits_for_the_new_date(self, execution: WorkflowExecution, virtual_clock: VirtualClock) -> None:
        change(execution, virtual_clock.now(), **{"custom_fields.renewal": "2026-03-05"})
        advance_all()

        execution.refresh_from_db()
        row = ActionExecution.objects.get(workflow_execution=execution)
        fifth = datetime(2026, 3, 5, 9, 0, tzinfo=UTC)
        assert (execution.status, execution.due_at, row.status, row.scheduled_at) == (
            "waiting",
            fifth,
            "waiting",
            fifth,
        )

        virtual_clock.advance(days=3)
        advance_all()
        assert logged(execution) == [("wait_until_date", "completed"), ("sign", "completed")]

    def test_waits_on_when_the_date_moved_away(self, execution: WorkflowExecution, virtual_clock: VirtualClock) -> None:
        change(execution, virtual_clock.now(), **{"custom_fields.renewal": "2026-06-01"})
        virtual_clock.advance(days=8)
        advance_all()

        execution.refresh_from_db()
        assert (execution.status, execution.due_at) == ("waiting", datetime(2026, 6, 1, 9, 0, tzinfo=UTC))

    def test_asks_again_even_when_nobody_heard_of_the_change(
        self, execution: WorkflowExecution, virtual_clock: VirtualClock
    ) -> None:
        Contact.objects.filter(id=execution.contact_id).update(custom_fields={"renewal": "2026-06-01"})
        virtual_clock.advance(days=8)
        advance_all()

        execution.refresh_from_db()
        assert (execution.status, execution.due_at) == ("waiting", datetime(2026, 6, 1, 9, 0, tzinfo=UTC))

    def test_leaves_alone_what_watches_other_fields(
        self, execution: WorkflowExecution, virtual_clock: VirtualClock
    ) -> None:
        CustomFieldFactory(account=execution.account, key="birthday", field_type="date")
        change(execution, virtual_clock.now(), **{"custom_fields.birthday": "1990-01-01", "first_name": "Ada"})

        execution.refresh_from_db()
        assert execution.due_at == datetime(2026, 3, 10, 9, 0, tzinfo=UTC)

    def test_leaves_alone_who_waits_for_something_else(self, virtual_clock: VirtualClock) -> None:
        workflow = ActiveWorkflowFactory(chain=[("rest", {"minutes": 60})])
        CustomFieldFactory(account=workflow.account, key="renewal", field_type="date")
        execution = enrolled(workflow, virtual_clock)
        advance_all()
        change(execution, virtual_clock.now(), **{"custom_fields.renewal": "2026-03-02"})

        execution.refresh_from_db()
        assert execution.due_at == virtual_clock.now() + timedelta(hours=1)

    def test_wakes_who_is_paused_when_the_workflow_goes_on(
        self, workflow: Workflow, execution: WorkflowExecution, virtual_clock: VirtualClock
    ) -> None:
        pause_workflow(account_id=workflow.account_id, actor=SYSTEM, workflow_id=workflow.id)
        change(execution, virtual_clock.now(), **{"custom_fields.renewal": "2026-03-03"})
        execution.refresh_from_db()
        assert (execution.status, execution.due_at, execution.paused_due_at) == ("paused", None, virtual_clock.now())

        activate_workflow(account_id=workflow.account_id, actor=SYSTEM, workflow_id=workflow.id)
        advance_all()

        execution.refresh_from_db()
        assert (execution.status, execution.due_at) == ("waiting", datetime(2026, 3, 3, 9, 0, tzinfo=UTC))

    def test_uses_the_same_number_of_queries_for_many(self, workflow: Workflow, virtual_clock: VirtualClock) -> None:
        def queries(count: int) -> int:
            executions = [
                enrolled(workflow, virtual_clock, custom_fields={"renewal": "2026-03-10"}) for _ in range(count)
            ]
            advance_all()
            events = [
                NewEvent(execution.contact_id, "contact_updated", {"fields": {"custom_fields.renewal": {}}})
                for execution in executions
            ]
            record_events(account_id=workflow.account_id, events=events, now=virtual_clock.now())
            with CaptureQueriesContext(connection) as captured:
                dispatch()
            assert WorkflowExecution.objects.filter(due_at=virtual_clock.now()).count() == count
            advance_all()
            return len(captured)

        assert queries(1) == queries(20)
