"""The rows of a file that could not become contacts: kept, and handed out as CSV to be mended and sent again."""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime

import uuid_utils
from django.db import connection

from accounts.tenancy import account_scope
from workflows.crm import arrays
from workflows.crm.imports.rows import RowProblem
from workflows.crm.models import Import, ImportProblem

PAGE_SIZE = 2000
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def keep_problems(*, job: Import, problems: Sequence[RowProblem], now: datetime) -> None:
    """Write the problems in one statement."""
    if not problems:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO crm_importproblem (id, created_at, account_id, job_id, line, "column", detail, "row")
            SELECT id, %s, %s, %s, line, heading, detail, cells
            FROM ROWS FROM (
                unnest(%s::uuid[], %s::integer[], %s::text[], %s::text[]), jsonb_array_elements(%s::jsonb)
            ) AS problem (id, line, heading, detail, cells)
            """,
            [
                now,
                job.account_id,
                job.id,
                arrays.ids([str(uuid_utils.uuid7()) for _ in problems]),
                arrays.numbers([problem.line for problem in problems]),
                arrays.texts([problem.heading[:100] for problem in problems]),
                arrays.texts([problem.detail[:300] for problem in problems]),
                arrays.objects([problem.row for problem in problems]),
            ],
        )


def problems_as_csv(job: Import) -> Iterator[str]:
    """Yield the broken rows in pieces of CSV: their cells under the file's headings, then `line` and `problem`.

    A cell that a spreadsheet would run as a formula gets an apostrophe in front, except numbers such as `+1415…`.
    """
    headings: list[str] = []
    last_line = 0
    while True:
        with account_scope(job.account_id):  # an answer is streamed when the request's own scope has ended
            page = list(
                ImportProblem.objects.for_account(job.account_id)
                .filter(job=job, line__gt=last_line)
                .order_by("line")[:PAGE_SIZE]
            )
        if not page:
            break
        if not headings:
            headings = list(job.headings)
            yield _line([*headings, "line", "problem"])
        last_line = page[-1].line
        for problem in page:
            yield _line([*(problem.row.get(heading, "") for heading in headings), str(problem.line), problem.detail])
    if not headings:
        yield _line([*job.headings, "line", "problem"])


def _line(cells: Sequence[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow([_defused(cell) for cell in cells])
    return buffer.getvalue()


def _defused(cell: str) -> str:
    is_number = cell[1:].replace(" ", "").replace(".", "").isdigit()
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) and not is_number else cell
