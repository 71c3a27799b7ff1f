"""Reading the values that a caller wants to write into a contact's fields."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from uuid import UUID

from accounts.models import Account
from accounts.problems import Problem
from workflows.crm import arrays
from workflows.crm.models import CustomField
from workflows.crm.services.tasks import active_members
from workflows.crm.values import COLUMNS, clean_column, clean_field

CUSTOM_PREFIX = "custom_fields."


@dataclass(frozen=True, slots=True)
class FieldReader:
    """Reads values by field name for one account: its own columns and `custom_fields.<key>`."""

    default_country: str
    custom_fields: Mapping[str, CustomField]
    members: frozenset[UUID]

    @classmethod
    def load(cls, *, account_id: UUID, items: Iterable[Mapping[str, Any]]) -> "FieldReader":
        """Fetch what reading these items takes: at most three queries, none for plain columns.

        The definitions of the custom fields are held against deletion until the transaction ends.
        """
        names: set[str] = set()
        owner_ids: set[UUID | None] = set()
        for values in items:
            names.update(values)
            if values.get("owner_id"):
                owner_ids.add(_uuid_or_none(values["owner_id"]))
        keys = {name.removeprefix(CUSTOM_PREFIX) for name in names if name.startswith(CUSTOM_PREFIX)}
        return cls(
            default_country=Account.objects.values_list("default_country", flat=True).get(id=account_id)
            if "phone" in names
            else "",
            custom_fields=hold_definitions(account_id=account_id, keys=keys),
            members=frozenset(active_members(account_id=account_id, user_ids=owner_ids)),
        )

    def read(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
        """Return the values as they are stored, and a problem for each that cannot be."""
        cleaned: dict[str, Any] = {}
        problems = []
        for name, raw in values.items():
            try:
                cleaned[name] = self._read_one(name, raw)
            except _Unreadable as error:
                problems.append(Problem(error.code, str(error), name))
            except ValueError as error:
                problems.append(Problem("invalid", f"{name}: {error}", name))
        return cleaned, problems

    def _read_one(self, name: str, raw: Any) -> Any:
        if name.startswith(CUSTOM_PREFIX):
            field = self.custom_fields.get(name.removeprefix(CUSTOM_PREFIX))
            if field is None:
                raise _Unreadable("unknown_field", f"There is no custom field {name!r}; define it first.")
            return clean_field(field, raw)
        if name not in COLUMNS:
            near = get_close_matches(name, COLUMNS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"a contact has {', '.join(COLUMNS)}."
            raise _Unreadable("unknown_field", f"There is no field {name!r}; {hint}")
        value = clean_column(name, raw, self.default_country)
        if name == "owner_id" and value is not None and value not in self.members:
            raise _Unreadable("user_not_found", "owner_id names nobody who is an active member of this account.")
        return value


class _Unreadable(Exception):
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def hold_definitions(*, account_id: UUID, keys: set[str]) -> dict[str, CustomField]:
    """Return the account's custom fields of these keys, held against deletion until the transaction ends."""
    if not keys:
        return {}
    rows = CustomField.objects.raw(
        "SELECT * FROM crm_customfield WHERE account_id = %s AND key = ANY(%s::text[]) ORDER BY key FOR KEY SHARE",
        [account_id, arrays.texts(sorted(keys))],
    )
    return {field.key: field for field in rows}


def _uuid_or_none(raw: Any) -> UUID | None:
    try:
        return raw if isinstance(raw, UUID) else UUID(str(raw).strip())
    except ValueError:
        return None
