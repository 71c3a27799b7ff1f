"""What texts are offered to be; anything else can be typed too."""

import zoneinfo
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from rest_framework import serializers

from workflows.admin.config_forms.references import search
from workflows.admin.config_forms.wording import label_of
from workflows.configs.hints import Hint, Suggestions
from workflows.configs.names import ContactFieldNameField, CustomFieldsField, TagNameField, TagNameTemplateField
from workflows.configs.sms import OwnNumberField
from workflows.crm.catalogue import EVENT_TYPES
from workflows.crm.models import CustomField, Tag
from workflows.crm.services.contacts.reading import CUSTOM_PREFIX
from workflows.crm.values import COLUMNS
from workflows.messaging.models import Connection, ConnectionKind

AnyField = serializers.Field[Any, Any, Any, Any]
MOST = 200
BY_FIELD: Mapping[type[AnyField], Suggestions] = {
    TagNameField: "tags",
    TagNameTemplateField: "tags",
    ContactFieldNameField: "contact_fields",
    CustomFieldsField: "custom_fields",
    OwnNumberField: "numbers",
}
HEADERS = ("Accept", "Accept-Language", "Content-Type", "If-Match", "Prefer", "User-Agent", "X-Request-Id")


def suggestions_of(field: AnyField, hint: Hint) -> Suggestions | None:
    """Return what a field's texts are offered to be: what its hint says, else what its kind names."""
    return hint.suggest or next((name for kind, name in BY_FIELD.items() if isinstance(field, kind)), None)


def suggested(name: str, *, account_id: UUID, step_keys: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:  # noqa: PLR0911 - a table
    """Return (value, label) of what is offered under a name of `configs.hints.Suggestions`; at most one query."""
    match name:
        case "contact_fields":
            columns = [(column, label_of(column)) for column in COLUMNS]
            return columns + [(f"{CUSTOM_PREFIX}{key}", label) for key, label in custom_fields(account_id)]
        case "custom_fields":
            return custom_fields(account_id)
        case "tags":
            names = Tag.objects.for_account(account_id).order_by("name").values_list("name", flat=True)[:MOST]
            return [(tag, "") for tag in names]
        case "event_types":
            return [(event_type, "") for event_type in EVENT_TYPES]
        case "step_keys":
            return list(step_keys)
        case "numbers":
            return numbers(account_id)
        case "members":
            return list(search(account_id=account_id, kind="user").items)
        case "timezones":
            return [(zone, "") for zone in sorted(zoneinfo.available_timezones())]
        case "headers":
            return [(header, "") for header in HEADERS]
    raise ValueError(f"nothing is suggested as {name!r}")


def custom_fields(account_id: UUID) -> list[tuple[str, str]]:
    rows = CustomField.objects.for_account(account_id).order_by("label", "key")
    return list(rows.values_list("key", "label")[:MOST])


def numbers(account_id: UUID) -> list[tuple[str, str]]:
    """Return the account's own numbers, each with what it can do and whose it is."""
    connections = Connection.objects.for_account(account_id).filter(kind=ConnectionKind.TWILIO).order_by("name")
    return [
        (number["number"], f"{' and '.join(number['types'])}, {connection.name}")
        for connection in connections
        for number in connection.settings["numbers"]
    ][:MOST]
