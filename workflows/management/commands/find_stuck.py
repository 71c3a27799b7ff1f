"""`manage.py find_stuck`: what hangs, and what to do about it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.tenancy import system_scope
from workflows.engine import clock
from workflows.engine.stuck import BOUND, find_stuck


class Command(BaseCommand):
    help = (
        "Look for work that nothing will take up by itself. Finds nothing and ends with 0 on a healthy installation; "
        "else prints a line for each kind of finding and ends with 1. Changes nothing."
    )

    @system_scope("what hangs is looked for in all accounts")
    def handle(self, **options: Any) -> None:
        kinds = 0
        for found in find_stuck(now=clock.now()):
            kinds += 1
            number = f"{found.number} or more" if found.number == BOUND else str(found.number)
            self.stdout.write(
                f"{found.kind}: {number} – {found.what} (e.g. {', '.join(found.samples)}). {found.remedy}"
            )
        if kinds:
            raise CommandError(f"{kinds} kinds of findings.", returncode=1)
        self.stdout.write("Nothing is stuck.")
