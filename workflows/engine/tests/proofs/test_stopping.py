"""SIGTERM: a worker finishes what it has in hand, gives nothing up and leaves nothing leased."""

import time

import pytest

from workflows.engine.enroll import enroll_many
from workflows.engine.tests.proofs.installation import Installation, say, wait_until
from workflows.engine.tests.proofs.test_contention import INCREMENT, live, new_account, new_contacts
from workflows.models import WorkerHeartbeat, Workflow, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory

pytestmark = pytest.mark.proof


class TestStopping:
    def test_finishes_the_batch_in_hand(self, installation: Installation) -> None:
        account = new_account()
        chain = [step for _ in range(5) for step in (("update_contact", INCREMENT), ("add_note", {"content": "x"}))]
        workflow: Workflow = ActiveWorkflowFactory(account=account, chain=chain)
        installation.start_workers(2)
        enroll_many(
            account_id=account.id,
            workflow_id=workflow.id,
            contacts=new_contacts(account, 10_000),
            source="command",
            now=installation.clock.now(),
        )
        executions = WorkflowExecution.objects.filter(workflow=workflow)
        wait_until(lambda: executions.exclude(lease_id=None).exists(), seconds=30)

        started = time.monotonic()
        installation.stop_workers()
        seconds = time.monotonic() - started

        say(f"stopped within {seconds:.1f} s with {executions.filter(status='completed').count()} executions completed")
        assert seconds < 30
        assert not executions.exclude(lease_id=None).exists()
        assert not executions.exclude(lost_leases=0).exists()
        assert live(account)

        installation.start_workers(2)
        wait_until(lambda: not live(account), seconds=240)
        assert executions.filter(status="completed", visits=len(chain)).count() == 10_000

    def test_a_killed_process_is_replaced(self, installation: Installation) -> None:
        installation.start_workers(2)
        before = set(installation.worker_pids())

        installation.kill_a_worker()

        wait_until(lambda: len(set(installation.worker_pids()) - before) >= 1, seconds=30)
        wait_until(lambda: WorkerHeartbeat.objects.filter(pid__in=installation.worker_pids()).count() == 2, seconds=30)
