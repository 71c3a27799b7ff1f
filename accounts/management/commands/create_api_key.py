"""`manage.py create_api_key --account ID --role ROLE`: a credential for a program."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.actors import Actor
from accounts.api.identifiers import parse_uuid
from accounts.models import Account, Membership, Role
from accounts.services.api_keys import create_api_key
from accounts.tenancy import system_scope


class Command(BaseCommand):
    help = "Create an API key that belongs to the account's owner; prints the key alone, this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", required=True, metavar="ID", help="Id of the account.")
        parser.add_argument("--role", required=True, choices=Role.values, help="What the key may do.")
        parser.add_argument("--name", default="", help="What the key is for, at most 80 characters.")

    @system_scope("the account is known once it is found")
    def handle(self, *args: Any, **options: Any) -> None:
        account_id = parse_uuid(options["account"])
        if account_id is None or not Account.objects.filter(pk=account_id).exists():
            raise CommandError(f"There is no account {options['account']}.")
        longest = 80
        if len(options["name"]) > longest:
            raise CommandError(f"--name has {len(options['name'])} characters; {longest} are allowed.")
        owners = Membership.objects.for_account(account_id).filter(
            role=Role.OWNER, is_active=True, user__is_active=True
        )
        owner = owners.order_by("id").first()
        if owner is None:
            raise CommandError("The account has no active owner that the key could belong to.")
        _, key = create_api_key(
            account_id=account_id,
            actor=Actor(label="manage.py create_api_key"),
            actor_role=Role.OWNER,
            user_id=owner.user_id,
            role=Role(options["role"]),
            name=options["name"],
        )
        self.stdout.write(key)
