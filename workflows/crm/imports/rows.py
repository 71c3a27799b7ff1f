"""Turning the cells of a row into what they say about a contact."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workflows.crm.imports.columns import Layout, reduced
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

_DND = CustomField(key="dnd", label="dnd", field_type=FieldType.BOOLEAN, options=[])


@dataclass(slots=True, eq=False)
class Person:
    """What a row says; absent values are not there. `identities` are in the order of matching."""

    line: int
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
        self.unknown_custom_fields: set[str] = set()

    def read(self, row: Row) -> Person | RowProblem:
        """Return what the row says, or what is wrong with it."""
        if row.problem:
            return RowProblem(row.line, "", row.problem, {self._headings[0]: printable(row.cells[0])})
        if len(row.cells) > len(self._columns) and any(row.cells[len(self._columns) :]):
            detail = f"The row has {len(row.cells)} cells, the header {len(self._columns)}; check its separators."
            return self._problem(row, "", detail)
        person = Person(row.line)
        name = ""
        for column, cell in zip(self._columns, row.cells, strict=False):
            text = cell.strip()
            if not text or not column.fills:
                continue
            try:
                if column.fills == "name":
                    name = clean_text(text, 200)
                else:
                    self._take(person, column.fills, column.argument, text)
            except ValueError as error:
                return self._problem(row, column.heading, f"{column.heading}: {error}")
        if name and "first_name" not in person.values and "last_name" not in person.values:
            first, _, last = name.partition(" ")
            person.values |= {"first_name": first[:100], "last_name": last.strip()[:100]}
        person.identities.sort(key=_match_order)
        if not person.identities:
            return self._problem(row, "", "The row has no e-mail address, phone number or id to know the contact by.")
        return person

    def _take(self, person: Person, fills: str, argument: str, text: str) -> None:
        values = person.values
        match fills:
            case "email" if fills not in values:
                values["email"] = clean_email(text)
                person.identities.append(Identity(IdentityKind.EMAIL, "", email_identity(values["email"])))
            case "phone" if fills not in values:
                values["phone"] = clean_phone(text, self._default_country)
                person.identities.append(Identity(IdentityKind.PHONE, "", values["phone"]))
            case "timezone" if fills not in values:
                values["timezone"] = clean_timezone(text)
            case "first_name" | "last_name" | "source" if fills not in values:
                values[fills] = clean_text(text, 100)
            case "tags":
                person.tags |= self._tags(text)
            case "dnd":
                person.has_opted_out = person.has_opted_out or clean_field(_DND, text)
            case "external":
                person.identities.append(Identity(IdentityKind.EXTERNAL, argument, clean_text(text, 254)))
            case "custom" if argument not in person.custom_fields:
                person.custom_fields[argument] = clean_field(self._custom_fields[argument], text)
            case "custom_fields":
                self._take_list(person, text)

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

    def _tags(self, text: str) -> dict[str, str]:
        """Return names by their folded form; `a, b`, `a;b` and `["a", "b"]` are read."""
        if text not in self._cleaned_tags:
            if len(self._cleaned_tags) > 10_000:  # noqa: PLR2004 - as good as any
                self._cleaned_tags.clear()
            self._cleaned_tags[text] = self._read_tags(text)
        return self._cleaned_tags[text]

    def _read_tags(self, text: str) -> dict[str, str]:
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

    def _problem(self, row: Row, heading: str, detail: str) -> RowProblem:
        further = [f"column {place}" for place in range(len(self._headings) + 1, len(row.cells) + 1)]
        cells = zip([*self._headings, *further], map(printable, row.cells), strict=False)
        return RowProblem(row.line, heading, detail, dict(cells))


_ORDER = {IdentityKind.EMAIL: 0, IdentityKind.PHONE: 1, IdentityKind.EXTERNAL: 2}


def _match_order(identity: Identity) -> int:
    return _ORDER[IdentityKind(identity.kind)]
