"""Pausing at full speed, and waits across an outage."""

import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from django.db import connection
from django.db.models import QuerySet

from accounts.actors import SYSTEM
from accounts.tests.factories import AccountFactory
from workflows.authoring.publishing import activate_workflow, pause_workflow
from workflows.engine.enroll import enroll_many
from workflows.engine.tests.proofs.installation import Installation, say, wait_until
from workflows.engine.tests.proofs.test_contention import INCREMENT, live, new_account, new_contacts
from workflows.models import ActionExecution, Workflow, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.proof

PAUSES = 6


class TestPausing:
    def test_answers_within_a_second_and_no_step_starts_after(self, installation: Installation) -> None:
        account = new_account()
        chain = [step for _ in range(10) for step in (("update_contact", INCREMENT), ("add_note", {"content": "x"}))]
        workflow: Workflow = ActiveWorkflowFactory(account=account, chain=chain)
        other: Workflow = ActiveWorkflowFactory(account=account, chain=chain)
        contact_ids = new_contacts(account, 12_000)
        installation.start_workers(2)
        for target in (workflow, other):
            enroll_many(
                account_id=account.id,
                workflow_id=target.id,
                contacts=contact_ids,
                source="command",
                now=installation.clock.now(),
            )
        steps = ActionExecution.objects.filter(workflow_id=workflow.id)
        answers = []
        for _ in range(PAUSES):
            wait_until(has_grown(steps), seconds=30)
            time.sleep(random.uniform(0, 0.5))
            started = time.monotonic()
            pause_workflow(account_id=account.id, actor=SYSTEM, workflow_id=workflow.id)
            answers.append(time.monotonic() - started)
            at_answer = steps.count()
            others_at_answer = ActionExecution.objects.filter(workflow_id=other.id).count()
            time.sleep(1.5)
            assert steps.count() == at_answer
            if live(account):
                assert ActionExecution.objects.filter(workflow_id=other.id).count() > others_at_answer
            wait_until(lambda: parked(workflow), seconds=30)
            activate_workflow(account_id=account.id, actor=SYSTEM, workflow_id=workflow.id)

        say("pause answered in " + ", ".join(f"{seconds * 1000:.0f} ms" for seconds in answers))
        assert max(answers) < 1.0
        wait_until(lambda: not live(account), seconds=300)
        executions = WorkflowExecution.objects.filter(workflow=workflow)
        assert executions.filter(status="completed", visits=len(chain)).count() == len(contact_ids)


def has_grown(rows: QuerySet[ActionExecution]) -> Callable[[], bool]:
    before = rows.count()
    return lambda: rows.count() > before


def parked(workflow: Workflow) -> bool:
    executions = WorkflowExecution.objects.filter(workflow=workflow, completed_at=None)
    return not executions.exclude(status="paused").exists()


class TestWaits:
    def test_are_never_early_and_catch_up_in_order_after_an_outage(self, installation: Installation) -> None:
        account = AccountFactory()
        workflow: Workflow = ActiveWorkflowFactory(
            account=account,
            chain=[("wait_time", {"duration": 30, "unit": "minutes"}), ("add_note", {"content": "awake"})],
        )
        contact_ids = new_contacts(account, 3000)
        installation.start_workers(1)
        enroll_many(
            account_id=account.id,
            workflow_id=workflow.id,
            contacts=contact_ids,
            source="command",
            now=installation.clock.now(),
        )
        executions = WorkflowExecution.objects.filter(workflow=workflow)
        wait_until(lambda: executions.filter(status="waiting").count() == 3000, seconds=60)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE workflow_executions SET due_at = due_at + random() * interval '20 minutes'"
                " WHERE workflow_id = %s",
                [workflow.id],
            )
            cursor.execute(
                "UPDATE workflow_action_executions log SET scheduled_at = execution.due_at"
                " FROM workflow_executions execution WHERE execution.id = log.workflow_execution_id"
                " AND execution.workflow_id = %s",
                [workflow.id],
            )
        for _ in range(8):
            installation.clock.advance(timedelta(minutes=5).total_seconds())
            time.sleep(0.7)
        on_time = executions.filter(status="completed").count()
        assert 0 < on_time < 3000

        installation.stop_workers()
        installation.clock.advance(timedelta(hours=1).total_seconds())
        installation.start_workers(1)
        caught_up_in = wait_until(lambda: not live(account), seconds=60)

        waits = ActionExecution.objects.filter(workflow_id=workflow.id, action_type="wait_time")
        assert waits.filter(status="completed").count() == 3000
        batches: dict[datetime, list[datetime]] = {}
        for scheduled_at, completed_at in waits.values_list("scheduled_at", "completed_at"):
            assert scheduled_at
            assert completed_at
            assert completed_at >= scheduled_at
            batches.setdefault(completed_at, []).append(scheduled_at)
        ordered = [batches[moment] for moment in sorted(batches)]
        for earlier, later in pairwise(ordered):
            assert max(earlier) <= min(later)
        say(f"{on_time} on time, {3000 - on_time} after the outage within {caught_up_in:.1f} s")
