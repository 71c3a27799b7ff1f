"""How many contacts went through workflows, and where those inside stand."""

import pytest

from accounts.models import Account
from workflows.analytics.enrollments import EnrollmentCounts, contacts_at_steps, enrollment_counts
from workflows.models import ExecutionStatus
from workflows.tests.factories import ActiveWorkflowFactory, ExecutionFactory, step_ids

pytestmark = pytest.mark.django_db


class TestEnrollmentCounts:
    def test_tell_ended_failed_and_present_contacts_apart(self, account: Account, other_account: Account) -> None:
        workflow = ActiveWorkflowFactory(account=account)
        for status in (ExecutionStatus.WAITING, ExecutionStatus.COMPLETED, ExecutionStatus.COMPLETED):
            ExecutionFactory(workflow=workflow, status=status)
        ExecutionFactory(workflow=workflow, failed=True)

        counts = enrollment_counts(account_id=account.id, workflow_ids=[workflow.id])

        assert counts == {workflow.id: EnrollmentCounts(total_enrolled=4, currently_active=1, completed=2, failed=1)}
        assert enrollment_counts(account_id=other_account.id, workflow_ids=[workflow.id]) == {}


class TestContactsAtSteps:
    def test_counts_those_inside_by_the_step_they_stand_at(self, account: Account, other_account: Account) -> None:
        workflow = ActiveWorkflowFactory(account=account, chain=["add_tag", "wait_time"])
        first, second = step_ids(workflow)
        for step, status in (
            (first, ExecutionStatus.WAITING),
            (second, ExecutionStatus.WAITING),
            (second, ExecutionStatus.PAUSED),
            (second, ExecutionStatus.CANCELLED),
        ):
            ExecutionFactory(workflow=workflow, status=status, current_action_id=step)

        assert contacts_at_steps(account_id=account.id, workflow_id=workflow.id) == {first: 1, second: 2}
        assert contacts_at_steps(account_id=other_account.id, workflow_id=workflow.id) == {}
