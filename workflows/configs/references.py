"""Fields that name an object of the account, and the finding of such names in stored configs."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from accounts.models import Membership, Team
from workflows.configs.base import StrictConfig
from workflows.crm.models import CustomField, Tag
from workflows.messaging.models import Connection, EmailTemplate, Media, Secret

Rows = QuerySet[Any]

KINDS: Mapping[str, Callable[[UUID, UUID], Rows]] = {
    "user": lambda account_id, object_id: Membership.objects.for_account(account_id).filter(
        user_id=object_id, is_active=True, user__is_active=True
    ),
    "team": lambda account_id, object_id: Team.objects.for_account(account_id).filter(id=object_id),
    "tag": lambda account_id, object_id: Tag.objects.for_account(account_id).filter(id=object_id),
    "custom_field": lambda account_id, object_id: CustomField.objects.for_account(account_id).filter(id=object_id),
    "template": lambda account_id, object_id: EmailTemplate.objects.for_account(account_id).filter(id=object_id),
    "media": lambda account_id, object_id: Media.objects.for_account(account_id).filter(id=object_id),
    "secret": lambda account_id, object_id: Secret.objects.for_account(account_id).filter(id=object_id),
    "connection": lambda account_id, object_id: Connection.objects.for_account(account_id).filter(id=object_id),
}
"""How an object of each kind is found in an account."""


class ReferenceField(serializers.Field[Any, Any, Any, Any]):
    """The id of an object of the account; of another account's, or of none, it says `<kind>_not_found`."""

    default_error_messages = {"invalid": "Give the id as a UUID."}

    def __init__(self, kind: str, **options: Any) -> None:
        if kind not in KINDS:
            raise ValueError(f"nothing is called {kind!r}; known are {', '.join(KINDS)}")
        self.reference = kind
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> str:
        try:
            object_id = UUID(data) if isinstance(data, str) else None
        except ValueError:
            object_id = None
        if object_id is None:
            self.fail("invalid")
        if not KINDS[self.reference](self.context["account_id"], object_id).exists():
            name = self.reference.replace("_", " ")
            raise ValidationError(f"There is no such {name} in this account.", code=f"{self.reference}_not_found")
        return str(object_id)


def references_in(config_class: type[StrictConfig], config: Mapping[str, Any]) -> Iterator[tuple[str, UUID, str]]:
    """Yield (kind, id, dotted path) of every object that a cleaned config names."""
    return walk(config_class(), config, "")


def walk(field: serializers.Field[Any, Any, Any, Any], value: Any, path: str) -> Iterator[tuple[str, UUID, str]]:
    if isinstance(field, ReferenceField):
        if value is not None:
            yield field.reference, UUID(value), path
    elif isinstance(field, StrictConfig) and isinstance(value, Mapping):
        for name, part in field.fields.items():
            if name in value:
                yield from walk(part, value[name], f"{path}.{name}" if path else name)
    elif isinstance(field, serializers.ListField) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from walk(field.child, item, f"{path}.{index}")
