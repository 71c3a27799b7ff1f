"""`manage.py create_account NAME --owner EMAIL --password PW`: a new account, from nothing."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from accounts.actors import Actor
from accounts.problems import Invalid
from accounts.services.accounts import create_account
from accounts.tenancy import system_scope


class Command(BaseCommand):
    help = "Create an account with its owner; prints the account's id alone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="The customer's name, 1-120 characters.")
        parser.add_argument("--owner", required=True, metavar="EMAIL", help="Address the owner signs in with.")
        parser.add_argument(
            "--password", required=True, help="Password of a new owner; a user who exists keeps the old one."
        )
        parser.add_argument(
            "--rate-limit", type=int, metavar="N", help="Sets every API limit of the account to N; default: 100."
        )

    @system_scope("an account is made")
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            account, is_new_user = create_account(
                actor=Actor(label="manage.py create_account"),
                name=options["name"],
                owner_email=options["owner"],
                password=options["password"],
                rate_limit=options["rate_limit"],
            )
        except Invalid as error:
            raise CommandError(" ".join(problem.detail for problem in error.problems)) from None
        if is_new_user:
            self._warn_of_weakness(options["password"])
        else:
            self.stderr.write(f"The user {options['owner']} exists; the password was left as it is.")
        self.stdout.write(str(account.id))

    def _warn_of_weakness(self, password: str) -> None:
        """Say what is weak about the password; who runs the command decides."""
        try:
            validate_password(password)
        except ValidationError as error:
            self.stderr.write(f"Note: {' '.join(error.messages)}")
