"""Objects of the account to choose from, and the part that names one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q
from rest_framework.serializers import empty

from workflows.admin.config_forms.choices import Option
from workflows.admin.config_forms.parts import AnyField, Part, Slot
from workflows.configs.references import KINDS, ReferenceField

PAGE_SIZE = 50
"""Objects that a list offers before one searches."""
SEARCH_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Found:
    """Objects by name, and whether there are more."""

    items: Sequence[tuple[str, str]]
    """(id, name) each."""
    is_all: bool


def search(*, account_id: UUID, kind: str, text: str = "") -> Found:
    """Return the first objects of a kind whose names contain the text; one query."""
    found = KINDS[kind]
    rows = found.rows(account_id)
    text = text.replace("\x00", "")[:SEARCH_LENGTH].strip()
    if text:
        matches = Q()
        for name in found.names:
            matches |= Q(**{f"{name}__icontains": text})
        rows = rows.filter(matches)
    items = named(kind, rows.order_by(*found.names, "id").values_list(found.id_field, *found.names)[: PAGE_SIZE + 1])
    return Found(items[:PAGE_SIZE], len(items) <= PAGE_SIZE)


def names_of(*, account_id: UUID, kind: str, ids: Iterable[UUID]) -> dict[str, str]:
    """Return the names of those objects that the account has; one query."""
    found = KINDS[kind]
    return dict(named(kind, found.find(account_id, *ids).values_list(found.id_field, *found.names)))


def named(kind: str, rows: Iterable[Sequence[Any]]) -> list[tuple[str, str]]:
    return [(str(row[0]), next((str(name) for name in row[1:] if name), str(row[0]))) for row in rows]


class ReferencePart(Part):
    """An object of the account: a list of the first of them, and a search where there are more."""

    template_name = "admin/config_forms/reference.html"
    field: ReferenceField

    def __init__(self, field: AnyField, slot: Slot) -> None:
        super().__init__(field, slot)
        self.chosen = ""

    @property
    def kind(self) -> str:
        return self.field.reference

    @property
    def kind_name(self) -> str:
        return self.kind.replace("_", " ")

    def show(self, value: Any) -> None:
        self.chosen = value if isinstance(value, str) else ""

    def receive(self, text: str) -> None:
        self.chosen = text

    def value(self) -> Any:
        return self.chosen or empty

    def current(self) -> str:
        return self.chosen

    @property
    def found(self) -> Found:
        return self.page.offered(self.kind)

    def options(self) -> list[Option]:
        """Return what the list shows: what is chosen always, the more so where it no longer exists."""
        items = dict(self.found.items)
        if self.chosen and self.chosen not in items:
            name = self.page.name_of(self.kind, self.chosen)
            items = {self.chosen: name or f"No longer there ({self.chosen[:36]})"} | items
        return [
            Option("", "Choose…" if self.is_required else "Left out", not self.chosen, ""),
            *(Option(value, label, value == self.chosen, "") for value, label in items.items()),
        ]
