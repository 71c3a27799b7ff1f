"""Turning the cells of a row into what they say about a contact."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from workflows.crm.imports.columns import Column, Layout, reduced
from workflows.crm.imports.files import Row, printable
from workflows.crm.models import CustomField, FieldType, IdentityKind
from workflows.crm.services.contacts.identities import Identity
from workflows.crm.services.tags import checked_name
from workflows.crm.values import (
    FieldDefinition,
    clean_email,
    clean_field,
    clean_phone,
    clean_text,
    clean_timezone,
    email_identity,
)

MAXIMUM_CACHED_TAGS = 10_000
EMAIL, PHONE, EXTERNAL = (kind.value for kind in (IdentityKind.EMAIL, IdentityKind.PHONE, IdentityKind.EXTERNAL))

_ORDER = {EMAIL: 0, PHONE: 1, EXTERNAL: 2}
_DND = CustomField(key="dnd", label="dnd", field_type=FieldType.BOOLEAN, options=[])


@dataclass(slots=True, eq=False)
class Person:
    """What a row says; absent values are not there. `identities` are in the order of matching."""

    line: int
    name: str = ""
    values: dict[str, str] = field(default_factory=dict)
    custom_fields: dict[str, Any] = field(default_factory=dict)
    identities: list[Identity] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    has_opted_out: bool = False


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row cannot become a contact."""

    line: int
    heading: str
    detail: str
    row: Mapping[str, str]


class RowReader:
    """Reads rows of one file, whose custom fields are all defined by now."""

    def __init__(self, layout: Layout, custom_fields: Mapping[str, FieldDefinition], default_country: str) -> None:
        self._columns = layout.columns
        self._headings = layout.headings
        self._custom_fields = custom_fields
        self._by_name = {reduced(each.label): each for each in custom_fields.values()}
        self._by_name |= {reduced(each.key): each for each in custom_fields.values()}
        self._default_country = default_country
        self._cleaned_tags: dict[str, dict[str, str]] = {}
        self._readers = [self._reader(column) for column in layout.columns]
        self.unknown_custom_fields: set[str] = set()

    def read(self, row: Row) -> Person | RowProblem:
        """Return what the row says, or what is wrong with it."""
        if row.problem:
            return RowProblem(row.line, "", row.problem, {self._headings[0]: printable(row.cells[0])})
        if len(row.cells) > len(self._columns) and any(row.cells[len(self._columns) :]):
            detail = f"The row has {len(row.cells)} cells, the header {len(self._columns)}; check its separators."
            return self._problem(row, "", detail)
        person = Person(row.line)
        for read, column, cell in zip(self._readers, self._columns, row.cells, strict=False):
            text = cell.strip()
            if read is None or not text:
                continue
            try:
                read(person, text)
            except ValueError as error:
                return self._problem(row, column.heading, f"{column.heading}: {error}")
        if person.name and "first_name" not in person.values and "last_name" not in person.values:
            first, _, last = person.name.partition(" ")
            person.values |= {"first_name": first[:100], "last_name": last.strip()[:100]}
        if len(person.identities) > 1:
            person.identities.sort(key=_match_order)
        if not person.identities:
            return self._problem(row, "", "The row has no e-mail address, phone number or id to know the contact by.")
        return person

    def _reader(self, column: Column) -> Callable[[Person, str], None] | None:  # noqa: PLR0911 - a table
        """Return the function that reads a cell of this column; None where it says nothing."""
        match column.fills:
            case "":
                return None
            case "name":
                return _take_name
            case "email":
                return _take_email
            case "phone":
                return self._take_phone
            case "timezone":
                return _take_timezone
            case "tags":
                return self._take_tags
            case "dnd":
                return _take_opt_out
            case "external":
                return partial(_take_external_id, column.argument)
            case "custom":
                return partial(_take_custom_field, self._custom_fields[column.argument])
            case "custom_fields":
                return self._take_list
            case _:
                return partial(_take_text, column.fills)

    def _take_phone(self, person: Person, text: str) -> None:
        if "phone" not in person.values:
            person.values["phone"] = clean_phone(text, self._default_country)
            person.identities.append(Identity(PHONE, "", person.values["phone"]))

    def _take_tags(self, person: Person, text: str) -> None:
        if text not in self._cleaned_tags:
            if len(self._cleaned_tags) > MAXIMUM_CACHED_TAGS:
                self._cleaned_tags.clear()
            self._cleaned_tags[text] = _read_tags(text)
        person.tags |= self._cleaned_tags[text]

    def _take_list(self, person: Person, text: str) -> None:
        """Read HighLevel's `[{"id": …, "value": …}]`; ids that no custom field has are remembered for the report."""
        try:
            items = json.loads(text)
        except (ValueError, RecursionError):
            raise ValueError('Give a list such as [{"id": "size", "value": "L"}].') from None
        for item in items if isinstance(items, list) else [None]:
            if not isinstance(item, dict) or not isinstance(item.get("id"), str):
                raise ValueError('Give a list such as [{"id": "size", "value": "L"}].')
            definition = self._by_name.get(reduced(item["id"]))
            if definition is None:
                self.unknown_custom_fields.add(clean_text(item["id"], 10_000)[:100])
            elif definition.key not in person.custom_fields:
                value = clean_field(definition, item.get("value"))
                if value is not None:
                    person.custom_fields[definition.key] = value

    def _problem(self, row: Row, heading: str, detail: str) -> RowProblem:
        further = [f"column {place}" for place in range(len(self._headings) + 1, len(row.cells) + 1)]
        cells = zip([*self._headings, *further], map(printable, row.cells), strict=False)
        return RowProblem(row.line, heading, detail, dict(cells))


def _take_name(person: Person, text: str) -> None:
    person.name = person.name or clean_text(text, 200)


def _take_email(person: Person, text: str) -> None:
    if "email" not in person.values:
        person.values["email"] = clean_email(text)
        person.identities.append(Identity(EMAIL, "", email_identity(text)))


def _take_timezone(person: Person, text: str) -> None:
    if "timezone" not in person.values:
        person.values["timezone"] = clean_timezone(text)


def _take_text(name: str, person: Person, text: str) -> None:
    if name not in person.values:
        person.values[name] = clean_text(text, 100)


def _take_opt_out(person: Person, text: str) -> None:
    person.has_opted_out = person.has_opted_out or clean_field(_DND, text)


def _take_external_id(source: str, person: Person, text: str) -> None:
    person.identities.append(Identity(EXTERNAL, source, clean_text(text, 254)))


def _take_custom_field(definition: FieldDefinition, person: Person, text: str) -> None:
    if definition.key not in person.custom_fields:
        person.custom_fields[definition.key] = clean_field(definition, text)


def _read_tags(text: str) -> dict[str, str]:
    """Return names by their folded form; `a, b`, `a;b` and `["a", "b"]` are read."""
    names: Sequence[Any] = re.split("[,;]", text)
    if text.startswith("["):
        try:
            names = json.loads(text)
        except (ValueError, RecursionError):
            raise ValueError('Give names separated by commas, or a list such as ["a", "b"].') from None
    tags: dict[str, str] = {}
    for raw in names:
        name = clean_text(raw, 50)
        if name:
            tags.setdefault(checked_name(name), name)
    return tags


def _match_order(identity: Identity) -> int:
    return _ORDER[identity.kind]
