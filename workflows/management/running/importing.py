"""Importing a file of contacts in front of somebody's eyes."""

from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from workflows.crm import imports
from workflows.crm.models import Import
from workflows.engine import clock


def run_under_bar(job: Import, console: Console) -> tuple[Import, list[UUID]]:
    """Run the import under a progress bar; without a terminal nothing moves.

    Returns the import as it then is, and the contacts that its rows are about, new and known, each once.
    """
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]} rows"),
        TimeElapsedColumn(),
    )
    contact_ids: dict[UUID, None] = {}
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(job.filename, total=1.0, rows=0)

        def tell(progress: imports.Progress) -> None:
            bar.update(task, completed=progress.share, rows=progress.rows)
            contact_ids.update(dict.fromkeys(progress.contact_ids))

        job = imports.run_import(import_id=job.id, on_progress=tell, clock=clock.now)
    return job, list(contact_ids)
