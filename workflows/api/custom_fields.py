"""`/custom-fields`: the fields that an account adds to its contacts."""

from typing import Any

from django.db import transaction
from rest_framework import serializers

from accounts.api.serializers import StrictModelSerializer, StrictSerializer
from accounts.api.views import AccountViewSet, CreateMixin, DestroyMixin, ListMixin, RetrieveMixin, UpdateMixin
from workflows.api.usages import UsagesMixin
from workflows.authoring import removing
from workflows.crm.models import CustomField, FieldType
from workflows.crm.services.custom_fields import (
    MAXIMUM_OPTIONS,
    change_custom_field,
    define_custom_field,
    target_of,
)
from workflows.crm.services.usages import Target
from workflows.engine import clock


class CustomFieldSerializer(StrictModelSerializer):
    """A field that the account defined for its contacts."""

    options = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="Allowed values of select and multi_select."
    )

    class Meta:
        model = CustomField
        fields = ("id", "key", "label", "field_type", "options", "created_at", "updated_at")
        read_only_fields = fields


class CustomFieldChange(StrictSerializer):
    """What can be changed of a custom field."""

    example = {"label": "Size of shoe"}

    label = serializers.CharField(  # type: ignore[assignment]  # DRF has an attribute of that name
        max_length=100, help_text="What people see, 1–100 characters."
    )
    options = serializers.ListField(
        child=serializers.CharField(max_length=100),
        required=False,
        max_length=MAXIMUM_OPTIONS,
        help_text=f"Allowed values of select and multi_select, 1–{MAXIMUM_OPTIONS}; none for the other types.",
    )


class NewCustomField(CustomFieldChange):
    """A field to define; `key` and `field_type` cannot be changed later."""

    example = {"key": "shoe_size", "label": "Shoe size", "field_type": "number"}

    key = serializers.CharField(
        max_length=50, help_text="Name in `custom_fields` and templates: `[a-z][a-z0-9_]*`, ≤ 50, unique."
    )
    field_type = serializers.ChoiceField(choices=FieldType.choices, help_text="Type of the values.")


class CustomFieldViewSet(UsagesMixin, ListMixin, RetrieveMixin, CreateMixin, UpdateMixin, DestroyMixin, AccountViewSet):
    """Custom fields of the account, by key. Deleting one empties it on every contact.

    Deleting one that a workflow names, also in a template, answers 409 `in_use`.
    """

    queryset = CustomField.objects.all()
    serializer_class = CustomFieldSerializer
    input_serializer_classes = {"create": NewCustomField, "partial_update": CustomFieldChange}
    search_fields = ("key", "label")
    ordering_fields = ("key", "label", "created_at")

    def perform_create(self, data: dict[str, Any]) -> CustomField:
        with transaction.atomic():
            return define_custom_field(**self.on_behalf(), **data)

    def perform_update(self, field: CustomField, data: dict[str, Any]) -> CustomField:
        with transaction.atomic():
            return change_custom_field(**self.on_behalf(), field_id=field.id, now=clock.now(), **data)

    def usage_target(self, instance: CustomField) -> Target:
        return target_of(instance)

    def perform_destroy(self, field: CustomField) -> None:
        removing.delete_custom_field(**self.on_behalf(), field_id=field.id, now=clock.now())
