"""Contacts as callers describe them, and what became of each."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from accounts.problems import Invalid, Problem
from workflows.crm.copies import BY_HAND, Cause
from workflows.crm.models import IdentityKind
from workflows.crm.services.contacts.identities import Identity, email_and_phone
from workflows.crm.services.contacts.reading import CUSTOM_PREFIX, FieldReader
from workflows.crm.services.tags import checked_name
from workflows.crm.values import COLUMNS, clean_text


class DuplicateHandling(enum.StrEnum):
    """What to do with a draft whose address belongs to a contact already."""

    REFUSE = "refuse"
    UPDATE = "update"
    SKIP = "skip"
    CREATE_DUPLICATE = "create_duplicate"


@dataclass(frozen=True, slots=True)
class ConsentDraft:
    """The contact's word on one channel, given at `recorded_at`."""

    channel: str
    state: str
    recorded_at: datetime
    evidence: str = ""


@dataclass(slots=True, eq=False)
class ContactDraft:
    """A contact to create or to bring up to date; values may be raw, empty ones say nothing.

    `custom_fields` goes by key; `external_ids` by the name of the other system.
    """

    first_name: str = ""
    last_name: str = ""
    email: str = ""
    phone: str = ""
    timezone: str = ""
    source: str = ""
    owner_id: UUID | None = None
    custom_fields: Mapping[str, Any] = field(default_factory=dict)
    tags: Sequence[str] = ()
    external_ids: Mapping[str, str] = field(default_factory=dict)
    consents: Sequence[ConsentDraft] = ()
    cause: Cause = BY_HAND


@dataclass(frozen=True, slots=True)
class Upserted:
    """What became of a draft; `matched_by` is `email`, `phone` or `external`, empty when nothing matched."""

    contact_id: UUID
    created: bool
    changed: bool
    matched_by: str = ""


@dataclass(frozen=True, slots=True)
class ReadDraft:
    """A draft whose values were found good."""

    values: Mapping[str, Any]
    identities: Sequence[Identity]
    draft: ContactDraft


def raw_values(draft: ContactDraft) -> dict[str, Any]:
    """Return what the draft says, by field name."""
    values = {name: getattr(draft, name) for name in COLUMNS}
    values |= {f"{CUSTOM_PREFIX}{key}": value for key, value in draft.custom_fields.items()}
    return {name: value for name, value in values.items() if value is not None and value != ""}


def read_draft(reader: FieldReader, draft: ContactDraft) -> tuple[ReadDraft, list[Problem]]:
    """Return the draft with its values as they are stored, and what is wrong with it."""
    values, problems = reader.read(raw_values(draft))
    values = {name: value for name, value in values.items() if value is not None and value != ""}
    for index, name in enumerate(draft.tags):
        try:
            checked_name(name)
        except Invalid as error:
            problems += [Problem(problem.code, problem.detail, f"tags.{index}") for problem in error.problems]
    identities = email_and_phone(values.get("email", ""), values.get("phone", ""))
    for source, external_id in draft.external_ids.items():
        try:
            identity = Identity(IdentityKind.EXTERNAL, clean_text(source, 100), clean_text(external_id, 254))
        except ValueError as error:
            problems.append(Problem("invalid", f"external_ids: {error}", "external_ids"))
            continue
        if identity.source and identity.value:
            identities.append(identity)
        else:
            detail = "external_ids: give the other system's name and the contact's id there."
            problems.append(Problem("blank", detail, "external_ids"))
    return ReadDraft(values, identities, draft), problems
