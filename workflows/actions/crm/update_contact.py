"""The action `update_contact`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from rest_framework.exceptions import ErrorDetail, ValidationError

from workflows.actions.base import Category, Step, StepBatch, shortened
from workflows.actions.config import ActionConfig
from workflows.actions.outcomes import Done, Failed, Outcome
from workflows.actions.registry import registry
from workflows.actions.set_based import INVALID_CONFIG, REJECTED, SetBasedAction, Unfit, rendered_value
from workflows.configs.base import StrictConfig
from workflows.configs.contact_fields import definitions, exists, full_name, is_fixed, misfits, no_such_field
from workflows.configs.fields import ChoiceField, ListField, TemplateValueField
from workflows.configs.names import ContactFieldNameField
from workflows.crm.copies import ContactCopy
from workflows.crm.models import CustomField, FieldType
from workflows.crm.refusals import Refused
from workflows.crm.services.contacts import FieldChange, FieldDelta, update_contacts

MODES = ("set", "append", "increment")
VALUE_LIMIT = 5000
NUMBER_LENGTH = 40
CUSTOM_PREFIX = "custom_fields."
APPENDABLE_COLUMNS = frozenset({"first_name", "last_name", "source"})
APPENDABLE_TYPES = frozenset({FieldType.TEXT.value, FieldType.MULTI_SELECT.value})


class FieldUpdate(StrictConfig):
    """One field and what happens to it."""

    field = ContactFieldNameField(
        max_length=64,
        help_text="`first_name`, `last_name`, `email`, `phone`, `timezone`, `source`, `owner_id` or "
        "`custom_fields.<key>`; the key alone is accepted and stored in full.",
    )
    value = TemplateValueField(
        max_length=VALUE_LIMIT,
        help_text="The value: a template (≤ 5000 characters when rendered), number, `true`, `false` or list of "
        "options. Empty or null clears the field.",
    )
    mode = ChoiceField(
        MODES,
        required=False,
        help_text="`set` writes the value; `append` puts it behind a text or adds options to a multi_select; "
        "`increment` adds it to a number (empty counts as 0). Left out: `update_mode`.",
    )


@dataclass(slots=True, eq=False)
class Draft:
    """A contact's change, and the values as rendered for the log."""

    change: FieldChange
    rendered: list[dict[str, Any]]


@registry.register
class UpdateContact(SetBasedAction[Draft]):
    """Change fields of the contact, one after the other.

    What changes is audited, old and new. A value that does not fit its field, or an address that belongs to another
    contact, fails the step for this contact and changes nothing of it. Values equal to the present ones change nothing
    and record no event.
    """

    slug = "update_contact"
    label = "Update contact"
    category = Category.CRM
    icon = "edit"
    example = {
        "field_updates": [
            {"field": "source", "value": "{{ workflow.name | truncate: 100 }}"},
            {"field": "timezone", "value": "Europe/Berlin"},
        ]
    }
    results = {"changed": "Whether anything changed.", "fields": "Changed fields, each with `from` and `to`."}
    events = ("contact_updated", "custom_field_changed", "contact_assigned")

    class Config(ActionConfig):
        field_updates = ListField(
            child=FieldUpdate(), min_length=1, max_length=50, help_text="1–50 changes, applied in this order."
        )
        update_mode = ChoiceField(MODES, default="set", help_text="The mode of changes that name none.")

        def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
            updates = attrs["field_updates"]
            custom_fields = definitions(account_id=self.account_id, names=[update["field"] for update in updates])
            updates = [update | {"field": full_name(update["field"], custom_fields)} for update in updates]
            errors: dict[Any, Any] = {}
            for index, update in enumerate(updates):
                if not exists(update["field"], custom_fields):
                    error = no_such_field(account_id=self.account_id, name=update["field"])
                    errors[index] = {"field": [error]}
                elif wrong := wrong_mode(update["field"], update.get("mode", attrs["update_mode"]), custom_fields):
                    errors[index] = {"mode": [wrong]}
            good = {index: update for index, update in enumerate(updates) if index not in errors}
            items = {index: (update["field"], update["value"]) for index, update in good.items()}
            errors |= {
                index: {"value": [error]} for index, error in misfits(account_id=self.account_id, items=items).items()
            }
            if errors:
                raise ValidationError({"field_updates": errors})
            return attrs | {
                "field_updates": [
                    as_options(update, update.get("mode", attrs["update_mode"]), custom_fields) for update in updates
                ]
            }

    def references(self, config: Mapping[str, Any]) -> list[tuple[str, UUID, str]]:
        """Name the members that become owners, besides."""
        return [
            *super().references(config),
            *(
                ("user", UUID(update["value"].strip()), f"field_updates.{index}.value")
                for index, update in enumerate(config["field_updates"])
                if update["field"] == "owner_id" and update["value"] and is_fixed(update["value"])
            ),
        ]

    def prepare(self, step: Step, config: Mapping[str, Any]) -> Draft:
        values: dict[str, Any] = {}
        inputs = []
        for update in config["field_updates"]:
            name, mode = update["field"], update.get("mode", config["update_mode"])
            value = rendered_value(step, update["value"], field=name, limit=VALUE_LIMIT)
            inputs.append({"field": name, "value": value, "mode": mode})
            before = values[name] if name in values else present_value(step.contact, name)
            values[name] = combined(mode, before, value, field=name)
        return Draft(FieldChange(step.contact, values, step.cause), inputs)

    def write(self, batch: StepBatch, drafts: Sequence[Draft]) -> Sequence[Outcome]:
        answers = update_contacts(
            account_id=batch.account.id,
            actor=batch.actor,
            changes=[draft.change for draft in drafts],
            now=batch.now,
        )
        return [outcome(draft, answer) for draft, answer in zip(drafts, answers, strict=True)]

    def summary(self, config: Mapping[str, Any]) -> str:
        names = [update["field"].removeprefix(CUSTOM_PREFIX) for update in config.get("field_updates", ())]
        return shortened(f"Update {', '.join(names)}")


def wrong_mode(name: str, mode: str, custom_fields: Mapping[str, CustomField]) -> ErrorDetail | None:
    """Return the error for a field that cannot be appended to or counted up."""
    field = custom_fields.get(name.removeprefix(CUSTOM_PREFIX)) if name.startswith(CUSTOM_PREFIX) else None
    if mode == "increment" and (field is None or field.field_type != FieldType.NUMBER):
        return ErrorDetail(f"`increment` needs a custom field of type number; `{name}` is none.", code="invalid")
    if mode == "append":
        fits = field.field_type in APPENDABLE_TYPES if field else name in APPENDABLE_COLUMNS
        if not fits:
            return ErrorDetail(f"`append` needs a text or multi_select field; `{name}` is none.", code="invalid")
    return None


def as_options(update: dict[str, Any], mode: str, custom_fields: Mapping[str, CustomField]) -> dict[str, Any]:
    """Return the update with a text that is appended to a multi_select as a list of one option."""
    field = custom_fields.get(update["field"].removeprefix(CUSTOM_PREFIX))
    is_option = mode == "append" and field is not None and field.field_type == FieldType.MULTI_SELECT
    return update | {"value": [update["value"]]} if is_option and isinstance(update["value"], str) else update


def present_value(contact: ContactCopy, name: str) -> Any:
    if name.startswith(CUSTOM_PREFIX):
        return contact.custom_fields.get(name.removeprefix(CUSTOM_PREFIX))
    return getattr(contact, name)


def combined(mode: str, before: Any, value: Any, *, field: str) -> Any:
    """Return what the field shall hold: the value, or what was there with the value added."""
    if mode == "set" or (mode == "append" and before in (None, "")):
        return value
    if mode == "append":
        if isinstance(value, list):
            return [*(before if isinstance(before, list) else [before]), *value]
        return f"{before}{value if isinstance(value, str) else '' if value is None else json.dumps(value)}"
    return number(before, field=field) + number(value, field=field)


def number(value: Any, *, field: str) -> Decimal:
    text = "0" if value is None else str(value).strip()
    try:
        found = Decimal(text) if len(text) <= NUMBER_LENGTH and "_" not in text else Decimal("nan")
    except InvalidOperation:
        found = Decimal("nan")
    if isinstance(value, bool) or not found.is_finite() or abs(found.adjusted()) > NUMBER_LENGTH:
        raise Unfit(f"{field}: {text[:60]!r} is no number that can be added.")
    return found


def outcome(draft: Draft, answer: Mapping[str, FieldDelta] | Refused) -> Outcome:
    data = {"field_updates": draft.rendered}
    if isinstance(answer, Refused):
        is_gone = any(problem.code == "unknown_field" for problem in answer.problems)
        return Failed(INVALID_CONFIG if is_gone else REJECTED, answer.detail, data=data)
    return Done({"changed": bool(answer), "fields": answer}, data=data)
