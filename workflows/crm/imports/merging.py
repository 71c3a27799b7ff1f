"""Deciding which rows are the same person, and which of them the account knows already."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from workflows.crm.imports.rows import EMAIL, Person
from workflows.crm.services.contacts.identities import Identity
from workflows.crm.values import email_identity


@dataclass(slots=True, eq=False)
class Record:
    """One contact as the rows about it, taken together, want it."""

    contact_id: UUID
    is_new: bool
    rows: int = 0
    values: dict[str, str] = field(default_factory=dict)
    custom_fields: dict[str, Any] = field(default_factory=dict)
    claims: list[Identity] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    has_opted_out: bool = False

    def absorb(self, person: Person, *, has_same_email: bool) -> bool:
        """Take over what a row says, later rows having the last word; tell whether it said anything new."""
        values = {name: value for name, value in person.values.items() if name != "email" or not has_same_email}
        has_news = (
            not values.items() <= self.values.items()
            or not person.tags.keys() <= self.tags.keys()
            or any(self.custom_fields.get(key) != value for key, value in person.custom_fields.items())
            or (person.has_opted_out and not self.has_opted_out)
        )
        self.values |= values
        self.custom_fields |= person.custom_fields
        self.tags = person.tags | self.tags
        self.has_opted_out = self.has_opted_out or person.has_opted_out
        return has_news


@dataclass(slots=True, eq=False)
class Merged:
    """The contacts that a chunk of rows is about, and what is known of the counts before anything is written."""

    records: list[Record] = field(default_factory=list)
    repeats_with_news: int = 0
    """Rows about a contact that an earlier row of this chunk creates, and that add something."""
    repeats: int = 0
    """Such rows that add nothing, and rows that were passed over."""


def merge(
    persons: Iterable[Person], *, owners: Mapping[Identity, UUID], is_skipping: bool, everyones_tag: Mapping[str, str]
) -> Merged:
    """Match each row: by e-mail address, then phone, then foreign id, to an earlier row or to one of `owners`.

    An address that belongs to another contact than the one found stays that one's. When skipping, contacts that exist
    get the tag of the file and nothing else.
    """
    merged = Merged()
    known: dict[UUID, Record] = {}
    by_identity: dict[Identity, Record] = {}
    for person in persons:
        record = None
        is_there = False
        for identity in person.identities:
            record = by_identity.get(identity)
            if record is None and identity in owners:
                record = known.get(owners[identity])
                if record is None:
                    record = Record(owners[identity], is_new=False, tags=dict(everyones_tag))
                    known[record.contact_id] = record
                    merged.records.append(record)
            if record is not None:
                is_there = True
                break
        if record is None:
            record = Record(uuid7(), is_new=True, tags=dict(everyones_tag))
            merged.records.append(record)
        record.rows += 1
        if is_there and is_skipping:
            merged.repeats += record.is_new
            continue
        has_news = record.absorb(person, has_same_email=_has_same_email(record, person, owners))
        if is_there and record.is_new:
            merged.repeats_with_news += has_news
            merged.repeats += not has_news
        for identity in person.identities:
            if identity not in by_identity and identity not in owners:
                by_identity[identity] = record
                record.claims.append(identity)
    return merged


def _has_same_email(record: Record, person: Person, owners: Mapping[Identity, UUID]) -> bool:
    """Tell whether the contact has the row's address already, perhaps in another case."""
    wanted = next((identity for identity in person.identities if identity.kind == EMAIL), None)
    if wanted is None:
        return False
    if "email" in record.values:
        return email_identity(record.values["email"]) == wanted.value
    return owners.get(wanted) == record.contact_id
