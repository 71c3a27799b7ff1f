"""`manage.py rotate_secrets`: bring all secrets under the first of SECRET_KEYS."""

from argparse import ArgumentParser
from typing import Any

from cryptography.fernet import Fernet
from django.core.management.base import BaseCommand, CommandError

from accounts.login.encryption import rotate_second_factors
from accounts.tenancy import system_scope
from workflows.messaging.secrets import rotate_secrets


class Command(BaseCommand):
    help = (
        "Encrypt all secrets and second factors with the first of SECRET_KEYS. To change the key: put a new one in "
        "front of the old one, restart, run this, take the old one away, restart."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--new-key", action="store_true", help="only print a new key for SECRET_KEYS")

    @system_scope("secrets of all accounts are encrypted anew")
    def handle(self, *, new_key: bool, **options: Any) -> None:
        if new_key:
            self.stdout.write(Fernet.generate_key().decode())
            return
        rotation = rotate_secrets()
        factors, unreadable_factors = rotate_second_factors()
        self.stdout.write(f"{rotation.rotated} secrets are now under the first key.")
        if factors:
            self.stdout.write(f"{factors} second factors are now under the first key.")
        if rotation.unreadable:
            ids = ", ".join(str(secret_id) for secret_id in rotation.unreadable)
            raise CommandError(f"{len(rotation.unreadable)} could not be read, as their key is missing: {ids}.")
        if unreadable_factors:
            raise CommandError(
                f"{unreadable_factors} second factors could not be read, as their key is missing. Put the key back, or "
                "let their owners set new ones up: `manage.py unlock_user EMAIL --forget-second-factor`."
            )
