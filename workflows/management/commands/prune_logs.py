"""`manage.py prune_logs`: what the daily tick does, by hand."""

from typing import Any

from django.core.management.base import BaseCommand

from accounts.tenancy import system_scope
from workflows.engine import clock
from workflows.engine.pruning import prune_logs


class Command(BaseCommand):
    help = "Remove step logs of executions that ended longer ago than their account keeps them."

    @system_scope("logs of all accounts are pruned")
    def handle(self, **options: Any) -> None:
        removed = prune_logs(now=clock.now())
        self.stdout.write(f"{removed} log rows removed.")
