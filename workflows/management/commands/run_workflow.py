"""`manage.py run_workflow`: lead a file or a tag of contacts through a workflow and watch."""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet
from rich.console import Console
from uuid_utils.compat import uuid7

from accounts.actors import Actor
from accounts.models import Account
from accounts.problems import Conflict
from accounts.tenancy import account_scope
from workflows.crm import imports
from workflows.crm.models import Contact, ImportStatus
from workflows.engine import clock
from workflows.engine.enroll import EnrollmentCounts, enroll_many
from workflows.engine.plans import plan_of
from workflows.management.running import choosing, reporting
from workflows.management.running.importing import run_under_bar
from workflows.management.running.watching import Run, failures, watch
from workflows.models import ExecutionStatus, Workflow

Contacts = Sequence[UUID] | QuerySet[Contact]
SOURCE = "command"
SOME_FAILED = 1
LINE_WIDTH = 120


class Command(BaseCommand):
    help = (
        "Enroll contacts in an active workflow and follow them until everyone has left it or waits. "
        "Exit code 0: all well; 1: a step failed, nobody could be enrolled or time ran out; 2: the call was wrong."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workflow", help="Name or id of the workflow.")
        parser.add_argument("--account", required=True, metavar="ID", help="Id of the account.")
        chosen = parser.add_mutually_exclusive_group(required=True)
        chosen.add_argument("--contacts", metavar="FILE.csv", help="Import this file and enroll its contacts.")
        chosen.add_argument("--tag", help="Enroll every contact with this tag.")
        parser.add_argument(
            "--timeout", type=float, metavar="SECONDS", help="Stop watching after so long; the work goes on."
        )

    def handle(self, **options: Any) -> None:
        account = choosing.find_account(options["account"])
        with account_scope(account.id):
            self.lead(account, options)

    def lead(self, account: Account, options: dict[str, Any]) -> None:
        """Enroll the contacts and watch them."""
        console = console_on(options.get("stdout"))
        workflow = choosing.find_workflow(account, options["workflow"])
        run, counts = enroll(workflow, chosen_contacts(account, options, console))
        console.print(reporting.enrollment_line(counts, workflow.name))
        if not counts.enrolled:
            raise CommandError("Nobody was enrolled.", returncode=SOME_FAILED)
        try:
            with reporting.screen(console, run.plan) as screen:
                look = watch(run, timeout=options["timeout"], tell=screen.tell)
        except KeyboardInterrupt:
            raise CommandError("Stopped watching; workers go on with the rest.", returncode=SOME_FAILED) from None
        failed_steps = failures(run)
        console.print(reporting.steps_table(run))
        if failed_steps:
            console.print(reporting.failures_table(failed_steps))
        console.print(reporting.closing_line(look))
        if look.unsettled:
            raise CommandError(
                f"{look.unsettled} executions were still on their way after {options['timeout']:g} s.",
                returncode=SOME_FAILED,
            )
        if failed_steps or look.statuses[ExecutionStatus.FAILED]:
            sys.exit(SOME_FAILED)


def console_on(stdout: Any) -> Console:
    """Return where to write: a terminal as wide as it is, anything else in lines of 120 characters."""
    console = Console(file=stdout, highlight=False, markup=False)
    return console if console.is_terminal else Console(file=stdout, width=LINE_WIDTH, highlight=False, markup=False)


def chosen_contacts(account: Account, options: dict[str, Any], console: Console) -> Contacts:
    if options["tag"] is not None:
        return choosing.tagged(account, options["tag"])
    return imported(account, Path(options["contacts"]), console)


def imported(account: Account, path: Path, console: Console) -> list[UUID]:
    """Import the file and return its contacts, those that were known already, too."""
    if not path.is_file():
        raise choosing.wrong(f"There is no file {path}.")
    job = imports.start_import(account_id=account.id, actor=Actor(label="manage.py run_workflow"), path=path)
    job, contact_ids = run_under_bar(job, console)
    if job.status == ImportStatus.FAILED:
        raise CommandError(job.error_message, returncode=SOME_FAILED)
    console.print(reporting.import_line(job))
    return contact_ids


def enroll(workflow: Workflow, contacts: Contacts) -> tuple[Run, EnrollmentCounts]:
    """Enroll the contacts; the run is told from others by its moment and by the ids made from now on."""
    first_id, now = uuid7(), clock.now()
    version_id = workflow.versions.values_list("id", flat=True).get(number=workflow.version)
    try:
        counts = enroll_many(
            account_id=workflow.account_id, workflow_id=workflow.id, contacts=contacts, source=SOURCE, now=now
        )
    except Conflict as refusal:
        raise CommandError(refusal.problem.detail, returncode=SOME_FAILED) from refusal
    return Run(workflow.account_id, plan_of(version_id), first_id, now, SOURCE), counts
