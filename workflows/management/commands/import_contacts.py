"""`manage.py import_contacts`: a CSV file of contacts, imported here and now."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

from accounts.actors import Actor
from accounts.problems import Invalid
from accounts.tenancy import account_scope
from workflows.crm import imports
from workflows.crm.models import ImportHandling, ImportStatus
from workflows.management.running.choosing import find_account, wrong
from workflows.management.running.importing import run_under_bar

COUNTS = ("total", "created", "updated", "skipped", "failed")


class Command(BaseCommand):
    help = (
        "Import contacts from a CSV file: UTF-8 (or UTF-16, Windows-1252), comma, semicolon or tab, the first line "
        "naming the columns. Rows that cannot be read are counted and never lose the others. Exit code 0: the file "
        "was read to its end; 1: it could not be read; 2: the call was wrong."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="The CSV file.")
        parser.add_argument("--account", required=True, metavar="ID", help="Id of the account.")
        parser.add_argument("--tag", default="", metavar="NAME", help="Put this tag on every contact of the file.")
        handling = parser.add_mutually_exclusive_group()
        handling.add_argument(
            "--update",
            dest="handling",
            action="store_const",
            const=ImportHandling.UPDATE,
            help="Update contacts that are there (default).",
        )
        handling.add_argument(
            "--skip",
            dest="handling",
            action="store_const",
            const=ImportHandling.SKIP,
            help="Leave contacts that are there as they are.",
        )
        parser.add_argument(
            "--errors", type=Path, metavar="PATH", help="Write the rows that could not be read, with the reasons."
        )

    def handle(self, *, file: Path, account: str, **options: Any) -> None:
        if not file.is_file():
            raise wrong(f"There is no file {file}.")
        account_id = find_account(account).id
        with account_scope(account_id):
            self.take_in(account_id, file, **options)

    def take_in(self, account_id: UUID, file: Path, *, tag: str, errors: Path | None, **options: Any) -> None:
        """Import the file and say what came of it."""
        try:
            job = imports.start_import(
                account_id=account_id,
                actor=Actor(label="manage.py import_contacts"),
                path=file,
                tag_name=tag,
                duplicate_handling=options["handling"] or ImportHandling.UPDATE,
            )
        except Invalid as error:
            raise wrong(str(error)) from error
        job, _ = run_under_bar(job, Console(stderr=True))
        if job.status == ImportStatus.FAILED:
            raise CommandError(job.error_message)
        for name in COUNTS:
            self.stdout.write(f"{name}: {getattr(job, name)}")
        for remark in job.remarks:
            self.stdout.write(f"note: {remark}")
        if errors is not None:
            with errors.open("w", encoding="utf-8", newline="") as report:
                report.writelines(imports.problems_as_csv(job))
            self.stdout.write(f"errors: {errors}")
