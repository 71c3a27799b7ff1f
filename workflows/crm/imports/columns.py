"""Which column of a file says what: our own names, what people call them, and the names of HighLevel's exports."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from workflows.crm.folding import fold
from workflows.crm.imports.files import UnreadableFile
from workflows.crm.models import CustomField, FieldType
from workflows.crm.values import COLUMNS

HIGHLEVEL = "highlevel"

OWN = {
    "first_name": "firstname givenname forename vorname",
    "last_name": "lastname surname familyname nachname",
    "name": "name fullname contactname contact",
    "email": "email emailaddress mail emailaddress1",
    "phone": "phone phonenumber telephone tel mobile mobilephone mobilenumber cell cellphone telefon",
    "timezone": "timezone tz",
    "source": "source leadsource contactsource",
    "tags": "tags tag labels label",
    "dnd": "dnd donotdisturb optedout optout unsubscribed",
    "custom_fields": "customfields customfield",
}
"""What a column may fill, and the headings for it, reduced to letters and digits."""

MADE_ON_THE_FLY: Mapping[str, tuple[str, str, FieldType]] = {
    "address1": ("address", "Address", FieldType.TEXT),
    "address": ("address", "Address", FieldType.TEXT),
    "streetaddress": ("address", "Address", FieldType.TEXT),
    "city": ("city", "City", FieldType.TEXT),
    "state": ("state", "State", FieldType.TEXT),
    "postalcode": ("postal_code", "Postal code", FieldType.TEXT),
    "zip": ("postal_code", "Postal code", FieldType.TEXT),
    "zipcode": ("postal_code", "Postal code", FieldType.TEXT),
    "country": ("country", "Country", FieldType.TEXT),
    "companyname": ("company_name", "Company name", FieldType.TEXT),
    "company": ("company_name", "Company name", FieldType.TEXT),
    "businessname": ("company_name", "Company name", FieldType.TEXT),
    "website": ("website", "Website", FieldType.URL),
    "dateofbirth": ("date_of_birth", "Date of birth", FieldType.DATE),
    "birthday": ("date_of_birth", "Date of birth", FieldType.DATE),
}
"""Headings for which a custom field (key, label, type) is defined when the account has none of that key."""

_EXTERNAL = {"id": HIGHLEVEL, "contactid": HIGHLEVEL, "externalid": "import"}
_SILENT = frozenset({"type", "locationid", "dateadded", "dateupdated", "attachments", "createdat", "updatedat"})
_ASSIGNED = frozenset({"assignedto", "assigneduser", "owner", "ownerid"})
_PREFIXES = {"custom_fields.": "custom", "external_ids.": "external"}


@dataclass(frozen=True, slots=True)
class Column:
    """What one column fills: a name of `OWN`, `custom` with a field's key, `external` with a system, or nothing."""

    heading: str
    fills: str = ""
    argument: str = ""


@dataclass(frozen=True, slots=True)
class NewField:
    """A custom field that this file needs and the account lacks."""

    key: str
    label: str
    field_type: FieldType


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns in their order, the custom fields to define first, and remarks for the report."""

    columns: Sequence[Column]
    headings: Sequence[str]
    """One name a column, none twice: what error rows go by."""
    new_fields: Sequence[NewField]
    remarks: Sequence[str]


def reduced(heading: str) -> str:
    """Return a heading without case, blanks and punctuation: `E-Mail Address` is `emailaddress`."""
    return re.sub(r"[\W_]+", "", fold(heading))


def read_header(header: Sequence[str], defined: Iterable[CustomField]) -> Layout:
    """Decide what each column fills; raises UnreadableFile when none says who a contact is."""
    defined = list(defined)
    by_name = {reduced(field.label): field.key for field in defined} | {reduced(f.key): f.key for f in defined}
    keys = {field.key for field in defined}
    own = {name: fills for fills, names in OWN.items() for name in names.split()}
    columns: list[Column] = []
    new_fields: dict[str, NewField] = {}
    remarks: list[str] = []
    for heading in header:
        name = reduced(heading)
        prefix = next((prefix for prefix in _PREFIXES if heading.casefold().startswith(prefix)), None)
        rest = heading[len(prefix) :].strip() if prefix else ""
        if prefix and _PREFIXES[prefix] == "custom":
            name = reduced(rest)
        if prefix and _PREFIXES[prefix] == "external" and rest:
            columns.append(Column(heading, "external", rest[:100]))
        elif name in own and not prefix:
            columns.append(Column(heading, own[name]))
        elif name in by_name:
            columns.append(Column(heading, "custom", by_name[name]))
        elif name in _EXTERNAL and not prefix:
            columns.append(Column(heading, "external", _EXTERNAL[name]))
        elif name in MADE_ON_THE_FLY:
            key, label, field_type = MADE_ON_THE_FLY[name]
            if key not in keys:
                new_fields[key] = NewField(key, label, field_type)
            columns.append(Column(heading, "custom", key))
        else:
            columns.append(Column(heading))
            remarks += _remark_on_unused(heading, name)
    if not any(column.fills in ("email", "phone", "external") for column in columns):
        raise UnreadableFile(
            "No column says who a contact is: name one email, phone or id. "
            f"The first line of the file reads: {', '.join(header)[:200]}"
        )
    return Layout(columns, _unique(header), list(new_fields.values()), remarks)


def _unique(header: Sequence[str]) -> list[str]:
    headings: list[str] = []
    for place, heading in enumerate(header, 1):
        wanted = heading or f"column {place}"
        headings.append(f"{wanted} ({place})" if wanted in headings else wanted)
    return headings


def _remark_on_unused(heading: str, name: str) -> list[str]:
    if not name or name in _SILENT:
        return []
    if name in _ASSIGNED:
        return [f"Column {heading!r} was left out: it names members by their ids in another system."]
    hint = ", ".join(column for column in COLUMNS if column != "owner_id")
    return [f"Column {heading!r} was left out: define a custom field of that name first, or use one of {hint}, tags."]
