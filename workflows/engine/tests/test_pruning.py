"""Removing old logs."""

from datetime import timedelta
from random import getrandbits
from uuid import UUID

import pytest
from django.core.management import call_command

from accounts.tests.factories import AccountFactory
from workflows.engine.pruning import first_id_of, prune_logs
from workflows.engine.tests.conftest import START
from workflows.models import ActionExecution
from workflows.tests.factories import ActionExecutionFactory, ActiveWorkflowFactory, ExecutionFactory

pytestmark = pytest.mark.django_db


def log_of(account, *, days_ago: int, ended: bool = True) -> ActionExecution:
    moment = START - timedelta(days=days_ago)
    execution = ExecutionFactory(
        workflow=ActiveWorkflowFactory(account=account, chain=[("sign", {})]),
        status="completed" if ended else "active",
        completed_at=moment if ended else None,
    )
    return ActionExecutionFactory(workflow_execution=execution, id=UUID(int=first_id_of(moment).int + getrandbits(60)))


class TestPruneLogs:
    def test_removes_what_each_account_no_longer_keeps(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("workflows.engine.pruning.PAGE_SIZE", 1)
        short, long = AccountFactory(log_retention_days=30), AccountFactory(log_retention_days=90)
        for account, days in ((short, 31), (short, 40), (long, 91)):
            log_of(account, days_ago=days)
        kept = {log_of(account, days_ago=days).id for account, days in ((short, 29), (long, 31), (long, 89))}
        kept.add(log_of(short, days_ago=400, ended=False).id)

        assert prune_logs(now=START) == 3

        assert set(ActionExecution.objects.values_list("id", flat=True)) == kept

    def test_does_nothing_without_accounts(self) -> None:
        assert prune_logs(now=START) == 0

    def test_runs_by_hand(self, capsys: pytest.CaptureFixture[str]) -> None:
        log_of(AccountFactory(), days_ago=4000)

        call_command("prune_logs")

        assert capsys.readouterr().out == "1 log rows removed.\n"
