"""Rows shown below the form of the object they belong to, to look at."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode


@dataclass(frozen=True, slots=True)
class Panel:
    """A table with a title; `link` leads to the whole list, `empty` is said when there is nothing."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Any]]
    link: str = ""
    link_text: str = "All"
    empty: str = "Nothing yet."
    notes: Sequence[str] = field(default_factory=tuple)


def page_of(row: Model) -> str:
    """Return the address of the row's own page."""
    return reverse(f"admin:{row._meta.label_lower.replace('.', '_')}_change", args=[row.pk])  # noqa: SLF001 - public API


def link_to(row: Model, text: str | None = None) -> str:
    """Return a link to the row's own page, called like the row unless a text is given."""
    return format_html('<a class="text-link" href="{}">{}</a>', page_of(row), str(row) if text is None else text)


def list_of(model: type[Model], **where: Any) -> str:
    """Return the address of the model's list, narrowed by filters, e.g. `contact=row` or `status="failed"`."""
    filters = {
        f"{name}__id__exact" if isinstance(value, Model) else name: value.pk if isinstance(value, Model) else value
        for name, value in where.items()
    }
    address = reverse(f"admin:{model._meta.label_lower.replace('.', '_')}_changelist")  # noqa: SLF001 - public API
    return f"{address}?{urlencode(filters)}" if filters else address


def cut(text: Any, length: int = 120) -> str:
    """Return the text on one line, shortened to what a table has room for."""
    line = " ".join(str(text).split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def cells(rows: Iterable[Sequence[Any]]) -> list[Sequence[Any]]:
    """Return the rows of a table, a dash where there is nothing."""
    return [["–" if cell is None or cell == "" else cell for cell in row] for row in rows]


def as_code(value: Any) -> str:
    """Return a JSON value as it is read best, one field a line."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode()
    return format_html('<code class="as-code">{}</code>', text)
