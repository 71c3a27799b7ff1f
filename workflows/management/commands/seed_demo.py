"""`manage.py seed_demo`: an account to look around in."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.actors import Actor
from accounts.tenancy import system_scope
from workflows.management.demo.seeding import EMAIL, PASSWORD, find_demo, seed_demo

PRODUCTION = "config.settings.production"


class Command(BaseCommand):
    help = "Make the demo account, or put back what is missing of it; prints the account's id."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--if-missing", action="store_true", help="Leave a demo account that is there alone.")

    @system_scope("the demo account is looked for among all")
    def handle(self, *, if_missing: bool, **options: Any) -> None:
        if settings.SETTINGS_MODULE == PRODUCTION:
            raise CommandError("The demo has a superuser whose password everybody knows: not in production.")
        account = find_demo() if if_missing else None
        if account is None:
            seeded = seed_demo(actor=Actor(label="manage.py seed_demo"))
            account = seeded.account
            verb = "Made" if seeded.is_new else "Completed"
            self.stderr.write(f"{verb} the account {account.name}; sign in as {EMAIL} with {PASSWORD}.")
        self.stdout.write(str(account.id))
