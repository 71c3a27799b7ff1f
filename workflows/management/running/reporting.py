"""How a run looks on a terminal, and as plain lines where there is none."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Protocol

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from workflows.crm.models import Import
from workflows.engine.enroll import EnrollmentCounts
from workflows.engine.plans import Plan
from workflows.management.running.watching import Failure, Fate, Look, Run, steps_taken
from workflows.models import ExecutionStatus

SECONDS_BETWEEN_LINES = 5.0
NO_WORKER = "No worker is running: this process takes the steps itself."


class Screen(Protocol):
    """What is told of a run while it lasts."""

    def tell(self, look: Look, has_worker: bool) -> None:
        """Show where the executions stand."""


class Lines:
    """Plain lines: one whenever something has changed, but not more than one in five seconds."""

    def __init__(self, plan: Plan, console: Console) -> None:
        self.plan = plan
        self.console = console
        self.last = ""
        self.last_at = -SECONDS_BETWEEN_LINES
        self.has_said_no_worker = False

    def tell(self, look: Look, has_worker: bool) -> None:
        if not has_worker and not self.has_said_no_worker:
            self.console.print(NO_WORKER)
            self.has_said_no_worker = True
        outside = "".join(f"; {line}" for line in outside_in_words(self.plan, look))
        line = f"{look.settled} of {look.total}: {in_words(look)}{outside}"
        is_time = monotonic() - self.last_at >= SECONDS_BETWEEN_LINES or not look.unsettled
        if line != self.last and is_time:
            self.console.print(line, soft_wrap=True)
            self.last, self.last_at = line, monotonic()


class Bars:
    """A progress bar above the number of contacts at each step."""

    def __init__(self, plan: Plan, live: Live) -> None:
        self.plan = plan
        self.live = live
        self.progress = Progress(
            TextColumn("Ended or waiting"), BarColumn(bar_width=40), MofNCompleteColumn(), TimeElapsedColumn()
        )
        self.task = self.progress.add_task("", total=None)

    def tell(self, look: Look, has_worker: bool) -> None:
        self.progress.update(self.task, total=look.total, completed=look.settled)
        table = new_table("Step", "Contacts here")
        table.add_column("Outside")
        for step in self.plan.steps:
            fates = fates_in_words(look.outside.get(step.action_id, Counter()))
            table.add_row(f"{step.index + 1}. {step.key}", str(look.standing[step.action_id]), fates)
        table.add_row("Left the workflow", str(look.ended), "")
        warning = [] if has_worker else [Text(NO_WORKER)]
        self.live.update(Group(*warning, self.progress, table))


@contextmanager
def screen(console: Console, plan: Plan) -> Iterator[Screen]:
    """Show the run live on a terminal, else in lines."""
    if not console.is_terminal:
        yield Lines(plan, console)
        return
    with Live(console=console, refresh_per_second=8, transient=True) as live:
        yield Bars(plan, live)


def import_line(job: Import) -> str:
    """Say what became of the file's rows."""
    return (
        f"{job.total} rows read from {job.filename}: {job.created} contacts created, {job.updated} updated, "
        f"{job.skipped} known already, {job.failed} could not be read."
    )


def enrollment_line(counts: EnrollmentCounts, name: str) -> str:
    """Say who was let in and who was not."""
    reasons = {
        "inside already or not allowed again": counts.already_enrolled,
        "opted out of everything": counts.opted_out,
        "deleted meanwhile": counts.missing,
    }
    left_out = "".join(f"; {count} {reason}" for reason, count in reasons.items() if count)
    return f"{counts.enrolled} contacts enrolled in {name}{left_out}."


def closing_line(look: Look) -> str:
    return f"{look.total} executions: {in_words(look)}."


def in_words(look: Look) -> str:
    """List the statuses in the order of an execution's life."""
    return ", ".join(f"{look.statuses[status]} {status.value}" for status in ExecutionStatus if look.statuses[status])


def outside_in_words(plan: Plan, look: Look) -> Iterator[str]:
    """Tell of each step with an effect outside what became of it, e.g. `send_email 3 sent, 1 unknown`."""
    for step in plan.steps:
        fates = look.outside.get(step.action_id)
        if fates:
            yield f"{step.key} {fates_in_words(fates)}"


def fates_in_words(fates: Counter[Fate]) -> str:
    return ", ".join(f"{fates[fate]} {fate.value}" for fate in Fate if fates[fate])


def steps_table(run: Run) -> Table:
    """Return the table of what became of each step."""
    table = new_table("Step", *(fate.value.capitalize() for fate in Fate))
    taken = steps_taken(run)
    for step in run.plan.steps:
        counts = taken[step.action_id]
        table.add_row(f"{step.index + 1}. {step.key}", *(str(counts[fate]) for fate in Fate))
    return table


def failures_table(found: Sequence[Failure]) -> Table:
    """Return the table of the messages that steps failed with."""
    table = new_table("Failed step", "Times")
    table.add_column("Class")
    table.add_column("Message", overflow="fold")
    for failure in found:
        table.add_row(failure.action_key, str(failure.count), failure.error_class, printable(failure.message))
    return table


def new_table(first: str, *numbers: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column(first)
    for heading in numbers:
        table.add_column(heading, justify="right")
    return table


def printable(message: str) -> Text:
    """Return the message without characters that would steer the terminal."""
    return Text("".join(character if character.isprintable() else " " for character in message))
