"""Deciding which rows are the same person, and which of them the account knows already."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from workflows.crm.imports.rows import EMAIL, PHONE, Person
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

    def lacks(self, person: Person) -> bool:
        """Tell whether a row says anything that is not known yet."""
        return (
            not person.values.items() <= self.values.items()
            or not person.custom_fields.keys() <= self.custom_fields.keys()
            or any(self.custom_fields[key] != value for key, value in person.custom_fields.items())
            or not person.tags.keys() <= self.tags.keys()
            or (person.has_opted_out and not self.has_opted_out)
        )

    def absorb(self, person: Person) -> None:
        """Take over what a row says; later rows have the last word, of a tag's spelling the first."""
        self.values |= person.values
        self.custom_fields |= person.custom_fields
        self.tags = person.tags | self.tags
        self.has_opted_out = self.has_opted_out or person.has_opted_out

    def drop_passing_claims(self) -> None:
        """Keep of the addresses that rows brought only those that the contact ends up with."""
        final = {EMAIL: email_identity(self.values.get("email", "")), PHONE: self.values.get("phone", "")}
        self.claims = [claim for claim in self.claims if final.get(claim.kind, claim.value) == claim.value]


class Merger:
    """Takes the rows of a chunk one after the other; afterwards `records` are the contacts that they are about.

    `owners` says which of the rows' addresses belong to contacts that exist. When skipping, those contacts get the tag
    of the file and nothing else.
    """

    def __init__(self, *, owners: Mapping[Identity, UUID], is_skipping: bool, everyones_tag: Mapping[str, str]) -> None:
        self._owners = owners
        self._is_skipping = is_skipping
        self._everyones_tag = everyones_tag
        self._by_identity: dict[Identity, Record] = {}
        self._existing: dict[UUID, Record] = {}
        self.records: list[Record] = []
        self.repeats_with_news = 0
        """Rows about a contact that an earlier row of this chunk creates, and that add something."""
        self.repeats = 0
        """Such rows that add nothing, or were passed over."""

    def take_all(self, persons: Iterable[Person]) -> None:
        for person in persons:
            self._take(person)
        for record in self.records:
            if record.rows > 1:
                record.drop_passing_claims()

    def _take(self, person: Person) -> None:
        record = self._find(person)
        if record is None:
            record = self._add(Record(uuid7(), is_new=True, tags=dict(self._everyones_tag)))
        elif self._is_skipping:
            record.rows += 1
            self.repeats += record.is_new
            return
        else:
            person = self._without_same_email(record, person)
            if record.is_new:
                has_news = record.lacks(person)
                self.repeats_with_news += has_news
                self.repeats += not has_news
        record.rows += 1
        record.absorb(person)
        for identity in person.identities:
            if identity not in self._by_identity and identity not in self._owners:
                self._by_identity[identity] = record
                record.claims.append(identity)

    def _find(self, person: Person) -> Record | None:
        """Return whom the row is about: by e-mail address, then phone, then foreign id.

        An address that belongs to another contact than the one found stays that one's.
        """
        for identity in person.identities:
            if identity in self._by_identity:
                return self._by_identity[identity]
            if identity in self._owners:
                contact_id = self._owners[identity]
                if contact_id not in self._existing:
                    self._existing[contact_id] = self._add(
                        Record(contact_id, is_new=False, tags=dict(self._everyones_tag))
                    )
                return self._existing[contact_id]
        return None

    def _add(self, record: Record) -> Record:
        self.records.append(record)
        return record

    def _without_same_email(self, record: Record, person: Person) -> Person:
        """Return what the row says without an address that the contact has already, perhaps in another case."""
        wanted = next((identity for identity in person.identities if identity.kind == EMAIL), None)
        if wanted is None:
            return person
        is_stored = self._owners.get(wanted) == record.contact_id
        if is_stored:
            record.values.pop("email", None)  # what an earlier row wanted in its place
        elif email_identity(record.values.get("email", "")) != wanted.value:
            return person
        return replace(person, values={name: value for name, value in person.values.items() if name != "email"})
