"""Checking, when a config is saved, that it names fields of contacts that exist and gives them values that fit."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from rest_framework.exceptions import ErrorDetail

from workflows.crm.models import CustomField
from workflows.crm.services.contacts.reading import CUSTOM_PREFIX, FieldReader
from workflows.crm.values import COLUMNS
from workflows.templating import compile_template, templates_in

NAME_LENGTH = 64


def definitions(*, account_id: UUID, names: Iterable[str]) -> dict[str, CustomField]:
    """Return the account's custom fields among the names, with or without `custom_fields.`, by key; one query."""
    keys = {name.removeprefix(CUSTOM_PREFIX) for name in names}
    return {field.key: field for field in CustomField.objects.for_account(account_id).filter(key__in=keys)}


def full_name(name: str, custom_fields: Mapping[str, CustomField]) -> str:
    """Return a field's full name: a custom field may be called by its key alone where no column has that name."""
    return f"{CUSTOM_PREFIX}{name}" if name not in COLUMNS and name in custom_fields else name


def exists(name: str, custom_fields: Mapping[str, CustomField]) -> bool:
    return name in COLUMNS or (name.startswith(CUSTOM_PREFIX) and name.removeprefix(CUSTOM_PREFIX) in custom_fields)


def no_such_field(*, account_id: UUID, name: str) -> ErrorDetail:
    """Return the error for a field that does not exist, with the nearest that does."""
    keys = CustomField.objects.for_account(account_id).values_list("key", flat=True)
    known = [*COLUMNS, *keys, *(f"{CUSTOM_PREFIX}{key}" for key in keys)]
    name = name[:NAME_LENGTH]
    nearest = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean `{nearest[0]}`?" if nearest else ". Define it first, or name one that exists."
    return ErrorDetail(f"There is no contact field `{name}`{hint}", code="unknown_field")


def misfits(*, account_id: UUID, items: Mapping[Any, tuple[str, Any]]) -> dict[Any, ErrorDetail]:
    """Return what is wrong with values that are known now; templates are read when they are rendered.

    Takes and returns by the caller's own key; each item is (full field name, value).
    """
    fixed = {key: item for key, item in items.items() if is_fixed(item[1])}
    reader = FieldReader.load(account_id=account_id, items=[{name: value} for name, value in fixed.values()])
    found = {}
    for key, (name, value) in fixed.items():
        for problem in reader.read({name: value})[1]:
            found[key] = ErrorDetail(problem.detail, code=problem.code)
    return found


def is_fixed(value: Any) -> bool:
    """Tell whether a value is the same for every contact."""
    return all(compile_template(source).is_plain for _, source in templates_in(value))
