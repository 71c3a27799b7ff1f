"""`manage.py shell`: Django's, reaching the rows of all accounts."""

from typing import Any

from django.core.management.commands import shell

from accounts.tenancy import system_scope


class Command(shell.Command):
    @system_scope("whoever opens a shell looks after all accounts")
    def handle(self, **options: Any) -> None:
        super().handle(**options)
