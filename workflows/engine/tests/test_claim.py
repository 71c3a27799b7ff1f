"""Taking due executions in hand."""

from collections import Counter
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection, transaction

from accounts.models import Account
from accounts.tests.factories import AccountFactory
from workflows.crm.tests.factories import ContactFactory
from workflows.engine.claim import Claim, claim_due
from workflows.engine.tests.conftest import START
from workflows.models import Workflow, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory, ExecutionFactory

pytestmark = pytest.mark.django_db


def due(account: Account, count: int, *, since: datetime = START) -> Workflow:
    """Make executions of an account that became due one second after the other."""
    workflow = ActiveWorkflowFactory(account=account, chain=[("sign", {})], reentry="multiple")
    contact = ContactFactory(account=account)
    for number in range(count):
        ExecutionFactory(workflow=workflow, contact=contact, due_at=since + timedelta(seconds=number))
    return workflow


def shares(claim: Claim) -> dict[UUID, int]:
    accounts = WorkflowExecution.objects.filter(id__in=claim.execution_ids).values_list("account_id", flat=True)
    return dict(Counter(accounts))


class TestClaimDue:
    def test_leases_what_is_due_and_nothing_else(self) -> None:
        account = AccountFactory()
        due(account, 3)

        claim = claim_due(now=START + timedelta(seconds=1), size=10)

        assert len(claim) == 2
        assert not claim.is_full
        for execution in WorkflowExecution.objects.filter(id__in=claim.execution_ids):
            assert (execution.status, execution.lease_id) == ("active", claim.lease_id)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT DISTINCT lease_until BETWEEN clock_timestamp() + interval '15 s'"
                " AND clock_timestamp() + interval '20 s' FROM workflow_executions WHERE lease_id IS NOT NULL"
            )
            assert cursor.fetchall() == [(True,)]
        assert len(claim_due(now=START + timedelta(seconds=1), size=10)) == 0

    def test_takes_the_oldest_first(self) -> None:
        due(AccountFactory(), 5)

        claim = claim_due(now=START + timedelta(hours=1), size=2)

        oldest = WorkflowExecution.objects.order_by("due_at").values_list("id", flat=True)[:2]
        assert set(claim.execution_ids) == set(oldest)
        assert claim.is_full

    def test_gives_every_account_an_equal_share(self) -> None:
        large, small, tiny = AccountFactory(), AccountFactory(), AccountFactory()
        due(large, 20)
        due(small, 4, since=START + timedelta(minutes=1))
        due(tiny, 1, since=START + timedelta(minutes=2))

        claim = claim_due(now=START + timedelta(hours=1), size=9)

        assert shares(claim) == {large.id: 4, small.id: 4, tiny.id: 1}

    def test_lets_one_busy_account_have_everything(self) -> None:
        account, quiet = AccountFactory(), AccountFactory()
        due(account, 20)
        due(quiet, 1)

        assert shares(claim_due(now=START + timedelta(hours=1), size=10)) == {account.id: 9, quiet.id: 1}
        assert shares(claim_due(now=START + timedelta(hours=1), size=10)) == {account.id: 10}

    def test_serves_all_in_turn_when_there_are_more_accounts_than_places(self) -> None:
        accounts = [AccountFactory() for _ in range(5)]
        for account in accounts:
            due(account, 1)

        taken = Counter[UUID]()
        for _ in range(5):
            taken.update(shares(claim_due(now=START + timedelta(hours=1), size=2)))

        assert taken == {account.id: 1 for account in accounts}

    @pytest.mark.parametrize("change", [{"status": "paused"}, {"status": "archived"}, {"deleted_at": START}])
    def test_passes_over_workflows_that_are_not_active(self, change: dict[str, object]) -> None:
        account = AccountFactory()
        held = due(account, 5)
        running = due(account, 2, since=START + timedelta(minutes=1))
        Workflow.objects.filter(id=held.id).update(**change)

        claim = claim_due(now=START + timedelta(hours=1), size=3)

        assert claim.workflow_ids == {running.id}
        assert len(claim) == 2

    @pytest.mark.django_db(transaction=True)
    def test_passes_over_what_somebody_else_has_locked(self) -> None:
        from threading import Thread

        due(AccountFactory(), 3)
        counts = []

        def claim_elsewhere() -> None:
            counts.append(len(claim_due(now=START + timedelta(hours=1), size=10)))
            connection.close()

        with transaction.atomic():
            WorkflowExecution.objects.select_for_update().order_by("due_at").first()
            thread = Thread(target=claim_elsewhere)
            thread.start()
            thread.join()

        assert counts == [2]
