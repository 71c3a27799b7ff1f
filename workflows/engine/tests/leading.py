"""Short words for what most of the engine's tests do."""

from workflows.crm.tests.factories import ContactFactory
from workflows.engine.advance import advance
from workflows.engine.batches import Taken
from workflows.engine.clock import VirtualClock
from workflows.engine.enroll import enroll
from workflows.models import ActionExecution, Workflow, WorkflowExecution


def advance_all() -> Taken:
    """Advance until nothing is due, however slow the machine is."""
    return advance(seconds=60)


def enrolled(workflow: Workflow, virtual_clock: VirtualClock, **contact: object) -> WorkflowExecution:
    """Enroll a new contact with these fields."""
    return enroll(
        account_id=workflow.account_id,
        workflow_id=workflow.id,
        contact_id=ContactFactory(account=workflow.account, **contact).id,
        source="api",
        now=virtual_clock.now(),
    )


def logged(execution: WorkflowExecution) -> list[tuple[str, str]]:
    """Return the execution's log as (key, status), in order of visits."""
    rows = ActionExecution.objects.filter(workflow_execution=execution).order_by("visit")
    return [(row.action_key, row.status) for row in rows]
