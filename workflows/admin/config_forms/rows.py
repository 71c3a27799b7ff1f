"""Lists and mappings: parts made of rows that people add, move and remove.

Each row sends its id as `<name>.rows`, in the order that the rows stand in the page; what is in it is called
`<name>.<id>`. Rows that were stored have the ids 0, 1, 2, ….
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from rest_framework import serializers
from rest_framework.serializers import empty

from workflows.admin.config_forms import building
from workflows.admin.config_forms.parts import NO_HINT, AnyField, Part, Slot
from workflows.admin.config_forms.submitted import Submitted
from workflows.admin.config_forms.suggestions import suggestions_of
from workflows.admin.config_forms.texts import TextPart
from workflows.configs.fields import TextField

ROW_ID = re.compile(r"[0-9]{1,16}")
DAMAGED = "The rows arrived incomplete; check them and save again."
MOST_ROWS = 200
"""Rows of a field that says no number itself."""
SPARE_ROWS = 50
"""Rows beyond what a field takes that are shown again, so that one can choose which to remove."""


class RowsPart(Part):
    """What lists and mappings have in common."""

    is_labelled_group = True
    fewest = 0

    def __init__(self, field: AnyField, slot: Slot) -> None:
        super().__init__(field, slot)
        self.rows: list[Any] = []
        self.is_damaged = False
        self.most: int = getattr(field, "max_length", None) or MOST_ROWS
        self.rows_name = f"{self.name}.rows"

    def row(self, row_id: str) -> Any:
        """Return an empty row."""
        raise NotImplementedError

    def stored_rows(self) -> list[Any]:
        """Return what is stored, row by row."""
        raise NotImplementedError

    def show(self, value: Any) -> None:
        self.rows = [self.filled(index, str(index)) for index in range(len(self.stored_rows()))]
        self.rows += [self.filled(index, str(index)) for index in range(len(self.rows), self.fewest)]

    def filled(self, index: int, row_id: str) -> Any:
        row, stored = self.row(row_id), self.stored_rows()
        self.load_row(row, stored[index] if index < len(stored) else empty)
        return row

    def load_row(self, row: Any, stored: Any) -> None:
        raise NotImplementedError

    def read_row(self, row: Any, data: Submitted) -> None:
        raise NotImplementedError

    def read(self, data: Submitted) -> None:
        ids = data.texts(self.rows_name)
        if ids is None:
            self.is_damaged = data.has_below(self.name)
            return
        self.was_sent = True
        good = [row_id for row_id in dict.fromkeys(ids) if ROW_ID.fullmatch(row_id)]
        self.is_damaged = len(good) < len(ids) or len(good) > self.most + SPARE_ROWS
        self.rows = [self.filled(int(row_id), row_id) for row_id in good[: self.most + SPARE_ROWS]]
        for row in self.rows:
            self.read_row(row, data)

    def collect(self) -> Any:
        return self.refuse(DAMAGED) if self.is_damaged else super().collect()

    def value(self) -> Any:
        value = self.collected()
        return self.unless_default(value) if value or self.default not in (empty, [], {}) else empty

    def collected(self) -> Any:
        """Return the value of all rows that are not empty."""
        raise NotImplementedError

    @property
    def row_ids(self) -> str:
        """The id that stands in the row to be added, replaced when it is."""
        return f"__row{self.slot.depth}__"

    @property
    def is_full(self) -> bool:
        return len(self.rows) >= self.most

    @property
    def blank(self) -> Any:
        """The row that the page adds."""
        row = self.row(self.row_ids)
        self.load_row(row, empty)
        return row


class ListPart(RowsPart):
    """A list: one part a row."""

    template_name = "admin/config_forms/list.html"
    field: serializers.ListField

    def __init__(self, field: serializers.ListField, slot: Slot) -> None:
        super().__init__(field, slot)
        self.fewest = field.min_length or 0
        self.sent: list[Part] = []
        self.has_groups = building.is_config(field.child)

    def row(self, row_id: str) -> Part:
        slot = self.slot.below(
            row_id,
            self.label,
            around=self.slot.around,
            depth=self.slot.depth + 1,
            hint=NO_HINT if self.has_groups else self.hint,
            is_item=True,
        )
        return building.part_of(self.field.child, slot)

    def stored_rows(self) -> list[Any]:
        value = self.default if self.stored is empty else self.stored
        return value if isinstance(value, list) and not self.slot.is_write_only else []

    def load_row(self, row: Part, stored: Any) -> None:
        row.load(stored)

    def read_row(self, row: Part, data: Submitted) -> None:
        row.read(data)

    def collected(self) -> list[Any]:
        values = [(row, row.collect()) for row in self.rows]
        kept = [(row, value) for row, value in values if not is_blank(value)]
        self.sent = [row for row, _ in kept]
        return [value for _, value in kept]

    def place(self, path: str, detail: str) -> None:
        index, _, rest = path.partition(".")
        if ROW_ID.fullmatch(index) and int(index) < len(self.sent):
            self.sent[int(index)].place(rest, detail)
        else:
            super().place(path, detail)

    def parts(self) -> Iterator[Part]:
        yield self
        for row in self.rows:
            yield from row.parts()

    def addable(self) -> Iterator[Part]:
        for part in self.blank.parts():
            yield part
            yield from part.addable()


class MappingRow:
    """One name and its value."""

    def __init__(self, key: TextPart, value: Part, row_id: str) -> None:
        self.key = key
        self.value = value
        self.id = row_id


class MappingPart(RowsPart):
    """A mapping: a name and a value a row, in an order that is kept."""

    template_name = "admin/config_forms/mapping.html"
    field: serializers.DictField

    def row(self, row_id: str) -> MappingRow:
        slot = self.slot.below(row_id, self.label, depth=self.slot.depth + 1, around=self.slot.around)
        hint = replace(self.hint, suggest=suggestions_of(self.field, self.hint))
        key_slot = slot.below("key", f"{self.label}: name", hint=hint, is_item=True)
        key = TextPart(TextField(required=False), key_slot)
        value = building.part_of(self.field.child, slot.below("value", f"{self.label}: value", is_item=True))
        return MappingRow(key, value, row_id)

    def stored_rows(self) -> list[Any]:
        value = self.default if self.stored is empty else self.stored
        return list(value.items()) if isinstance(value, Mapping) and not self.slot.is_write_only else []

    def load_row(self, row: MappingRow, stored: Any) -> None:
        key, value = (empty, empty) if stored is empty else stored
        row.key.load(key)
        row.value.load(value)

    def read_row(self, row: MappingRow, data: Submitted) -> None:
        row.key.read(data)
        row.value.read(data)

    def collected(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for row in self.rows:
            key, value = row.key.text, row.value.collect()
            if not key.strip():
                if not is_blank(value) or row.value.is_unreadable:
                    row.key.refuse("Give a name.")
            elif key in values:
                row.key.refuse("The name stands there twice.")
            else:
                values[key] = "" if value is empty else value
        return values

    def place(self, path: str, detail: str) -> None:
        fitting = [row for row in self.rows if is_at(path, row.key.text)]
        if not fitting:
            super().place(path, detail)
            return
        row = max(fitting, key=lambda row: len(row.key.text))
        row.value.place(path[len(row.key.text) + 1 :], detail)

    def parts(self) -> Iterator[Part]:
        yield self
        for row in self.rows:
            yield from row.key.parts()
            yield from row.value.parts()

    def addable(self) -> Iterator[Part]:
        for part in self.blank.value.parts():
            yield part
            yield from part.addable()


SHORTEST_CUT = 60
"""Errors repeat at least so many characters of a long name."""


def is_at(path: str, key: str) -> bool:
    """Tell whether a path is that of the name or leads below it; errors cut long names."""
    is_cut = len(path) >= SHORTEST_CUT and key.startswith(path)
    return bool(key) and (path == key or path.startswith(f"{key}.") or is_cut)


def is_blank(value: Any) -> bool:
    """Tell whether nothing was filled in."""
    if isinstance(value, Mapping):
        return all(is_blank(item) for item in value.values())
    return value is empty or value in ("", [])
