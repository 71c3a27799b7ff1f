"""`manage.py unlock_user EMAIL`: let somebody in again."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.actors import Actor
from accounts.problems import Missing
from accounts.services.logins import unlock_user
from accounts.tenancy import system_scope


class Command(BaseCommand):
    help = "Forget the failed logins of a user, and if told so the second factors, e.g. of a lost phone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="Address the user signs in with.")
        parser.add_argument(
            "--forget-second-factor",
            action="store_true",
            help="Remove authenticator app, security keys and recovery codes: the password alone signs in.",
        )

    @system_scope("the change is noted in each account of the user")
    def handle(self, *, email: str, forget_second_factor: bool, **options: Any) -> None:
        try:
            unlocked = unlock_user(
                email=email, forget_second_factor=forget_second_factor, actor=Actor(label="manage.py unlock_user")
            )
        except Missing:
            raise CommandError(f"There is no user {email}.") from None
        self.stdout.write(f"{unlocked.attempts} failed logins forgotten.")
        if forget_second_factor:
            self.stdout.write(f"{unlocked.factors} second factors removed.")
