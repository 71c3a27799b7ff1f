"""Fields that name an object of the account, and the finding of such names in stored configs."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, Value
from django.db.models.functions import Concat
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from accounts.models import Membership, Team
from workflows.configs.base import StrictConfig
from workflows.crm.models import Campaign, Course, CustomField, Pipeline, Stage, Tag
from workflows.messaging.models import Connection, EmailTemplate, Media, Secret
from workflows.messaging.services.messenger_pages import pages

Rows = QuerySet[Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """How the objects of a kind that configs may name are found in an account, and what people call them."""

    rows: Callable[[UUID], Rows]
    """Those of an account that may be chosen."""
    id_field: str = "id"
    names: tuple[str, ...] = ("name",)
    """Texts that pickers show, the first that is not empty, and search."""

    def find(self, account_id: UUID, *object_ids: UUID) -> Rows:
        return self.rows(account_id).filter(**{f"{self.id_field}__in": object_ids})


KINDS: dict[str, Kind] = {
    "user": Kind(
        lambda account_id: Membership.objects.for_account(account_id).filter(is_active=True, user__is_active=True),
        id_field="user_id",
        names=("user__name", "user__email"),
    ),
    "team": Kind(Team.objects.for_account),
    "tag": Kind(Tag.objects.for_account),
    "custom_field": Kind(CustomField.objects.for_account, names=("label", "key")),
    "template": Kind(EmailTemplate.objects.for_account),
    "media": Kind(Media.objects.for_account),
    "secret": Kind(Secret.objects.for_account),
    "connection": Kind(Connection.objects.for_account),
    "page": Kind(pages),
    "campaign": Kind(Campaign.objects.for_account),
    "course": Kind(Course.objects.for_account),
    "pipeline": Kind(Pipeline.objects.for_account),
    "stage": Kind(
        lambda account_id: Stage.objects.for_account(account_id).annotate(
            label=Concat("pipeline__name", Value(" · "), "name")
        ),
        names=("label",),
    ),
}


def register(name: str, kind: Kind) -> None:
    """Let configs name objects of a kind that lives above this package."""
    KINDS[name] = kind


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
        if not KINDS[self.reference].find(self.context["account_id"], object_id).exists():
            raise ValidationError(missing_detail(self.reference), code=f"{self.reference}_not_found")
        return str(object_id)


def missing_detail(kind: str) -> str:
    """Say that an object of the kind is not there."""
    return f"There is no such {kind.replace('_', ' ')} in this account."


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
