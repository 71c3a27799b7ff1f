"""Defining the fields that an account adds to its contacts."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from accounts import audit
from accounts.actors import Actor
from accounts.problems import Conflict, Invalid, Missing, Problem
from workflows.crm import arrays
from workflows.crm.folding import fold
from workflows.crm.models import CustomField, FieldType
from workflows.crm.services.locking import lock_contacts
from workflows.crm.services.usages import Target, require_unused
from workflows.crm.values import clean_text

MAXIMUM_OPTIONS = 200
PAGE_SIZE = 5000
_KEY = re.compile(r"[a-z][a-z0-9_]{0,49}")
_WITH_OPTIONS = frozenset({FieldType.SELECT, FieldType.MULTI_SELECT})


def define_custom_field(
    *, account_id: UUID, actor: Actor, key: str, label: str, field_type: str, options: Sequence[str] = ()
) -> CustomField:
    """Add a field to the account's contacts; key and type stay as they are from then on.

    Raises Invalid for a key, label, type or options that cannot be, Conflict (`name_taken`) for a key that is there.
    """
    problems = []
    if not _KEY.fullmatch(key):
        detail = "key takes lower-case letters, digits and _, a letter first, at most 50 characters."
        problems.append(Problem("invalid", detail, "key"))
    if field_type not in FieldType.values:
        detail = f"field_type must be one of {', '.join(FieldType.values)}."
        problems.append(Problem("invalid_choice", detail, "field_type"))
    problems += _label_problems(label) + _options_problems(field_type, options)
    if problems:
        raise Invalid(*problems)
    try:
        with transaction.atomic():
            field = CustomField.objects.create(
                account_id=account_id,
                key=key,
                label=label.strip(),
                field_type=field_type,
                options=[option.strip() for option in options],
            )
    except IntegrityError:
        raise Conflict("name_taken", f"There is a custom field with the key {key} already.", "key") from None
    _record(field, actor, "custom_field.created", {}, _facts(field))
    return field


def change_custom_field(
    *,
    account_id: UUID,
    actor: Actor,
    field_id: UUID,
    label: str | None = None,
    options: Sequence[str] | None = None,
    now: datetime,
) -> CustomField:
    """Change the label or the options; what is None stays. Values that contacts have already stay as they are."""
    field = CustomField.objects.for_account(account_id).select_for_update(no_key=True).filter(id=field_id).first()
    if field is None:
        raise Missing
    problems = [] if label is None else _label_problems(label)
    problems += [] if options is None else _options_problems(field.field_type, options)
    if problems:
        raise Invalid(*problems)
    before = _facts(field)
    field.label = field.label if label is None else label.strip()
    field.options = field.options if options is None else [option.strip() for option in options]
    after = _facts(field)
    if after != before:
        field.updated_at = now
        CustomField.objects.filter(id=field.id).update(label=field.label, options=field.options, updated_at=now)
        changed = [name for name in after if after[name] != before[name]]
        _record(
            field,
            actor,
            "custom_field.changed",
            {name: before[name] for name in changed},
            {name: after[name] for name in changed},
        )
    return field


def delete_custom_field(*, account_id: UUID, actor: Actor, field_id: UUID, now: datetime) -> None:
    """Delete the field and its value on every contact. InUse when workflows name it.

    Contacts are locked before the field, as everywhere; if somebody wrote a value in between, that round is repeated.
    """
    field = CustomField.objects.for_account(account_id).filter(id=field_id).first()
    if field is None:
        raise Missing
    while True:
        _strip(account_id, field.key, now)
        with transaction.atomic():
            if CustomField.objects.for_account(account_id).select_for_update().filter(id=field_id).first() is None:
                raise Missing
            require_unused(account_id=account_id, target=target_of(field))
            if not _next_page(account_id, field.key, None):
                _record(field, actor, "custom_field.deleted", _facts(field), {})
                CustomField.objects.for_account(account_id).filter(id=field_id).delete()
                return
            transaction.set_rollback(True)


def target_of(field: CustomField) -> Target:
    """Return the field as workflows refer to it."""
    return Target("custom_field", field.id, field.key)


def _strip(account_id: UUID, key: str, now: datetime) -> None:
    last: UUID | None = None
    while page := _next_page(account_id, key, last):
        last = page[-1]
        lock_contacts(account_id=account_id, contact_ids=page)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE crm_contact SET custom_fields = custom_fields - %s, updated_at = %s WHERE id = ANY(%s::uuid[])",
                [key, now, arrays.ids(page)],
            )


def _next_page(account_id: UUID, key: str, after: UUID | None) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id FROM crm_contact
            WHERE account_id = %s AND jsonb_exists(custom_fields, %s) AND (%s::uuid IS NULL OR id > %s::uuid)
            ORDER BY id LIMIT %s
            """,
            [account_id, key, after, after, PAGE_SIZE],
        )
        return [row[0] for row in cursor.fetchall()]


def _label_problems(label: str) -> list[Problem]:
    try:
        if clean_text(label, 100):
            return []
    except ValueError as error:
        return [Problem("invalid", f"label: {error}", "label")]
    return [Problem("blank", "label must not be empty.", "label")]


def _options_problems(field_type: str, options: Sequence[Any]) -> list[Problem]:
    if field_type not in _WITH_OPTIONS:
        detail = "options belong to fields of type select and multi_select only; leave them out."
        return [Problem("invalid", detail, "options")] if options else []
    if not 1 <= len(options) <= MAXIMUM_OPTIONS:
        return [Problem("invalid", f"options must hold 1–{MAXIMUM_OPTIONS} values.", "options")]
    seen: set[str] = set()
    for index, option in enumerate(options):
        try:
            text = clean_text(option, 100) if isinstance(option, str) else ""
        except ValueError as error:
            return [Problem("invalid", f"options: {error}", f"options.{index}")]
        if not text or fold(text) in seen:
            detail = "options must be texts of 1–100 characters, each once (upper and lower case are the same)."
            return [Problem("invalid", detail, f"options.{index}")]
        seen.add(fold(text))
    return []


def _facts(field: CustomField) -> dict[str, Any]:
    return {"key": field.key, "label": field.label, "field_type": field.field_type, "options": field.options}


def _record(field: CustomField, actor: Actor, verb: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    audit.record(
        account_id=field.account_id,
        actor=actor,
        verb=verb,
        object_type="custom_field",
        object_id=field.id,
        before=before,
        after=after,
    )
