"""`/tags`, and the tags of one contact."""

from typing import Any

from django.db import transaction
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.serializers import StrictModelSerializer, StrictSerializer
from accounts.api.views import AccountViewSet, CreateMixin, DestroyMixin, ListMixin, RetrieveMixin, UpdateMixin
from workflows.api.usages import UsagesMixin
from workflows.authoring import removing
from workflows.crm.models import Contact, Tag
from workflows.crm.services import by_hand, tag_list
from workflows.crm.services.usages import Target
from workflows.engine import clock


class TagSerializer(StrictModelSerializer):
    """A label of the account."""

    class Meta:
        model = Tag
        fields = ("id", "name", "color", "created_at", "updated_at")
        read_only_fields = fields


class TagInput(StrictSerializer):
    """What can be set of a tag."""

    example = {"name": "VIP", "color": "#3366FF"}

    name = serializers.CharField(max_length=50, help_text="1–50 characters; unique in any case.")
    color = serializers.CharField(required=False, allow_blank=True, max_length=7, help_text="`#RRGGBB`, or empty.")


class ContactTagInput(StrictSerializer):
    """A tag to put on the contact."""

    example = {"tag_name": "VIP"}

    tag_name = serializers.CharField(
        required=False, max_length=50, help_text="1–50 characters; made when there is none yet. Required, or `name`."
    )
    tag_color = serializers.CharField(
        required=False, allow_blank=True, max_length=7, help_text="`#RRGGBB`; counts when the tag is made."
    )
    name = serializers.CharField(required=False, max_length=50, help_text="`tag_name`, as `/tags` calls it.")
    color = serializers.CharField(
        required=False, allow_blank=True, max_length=7, help_text="`tag_color`, as `/tags` calls it."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for field, alias in (("tag_name", "name"), ("tag_color", "color")):
            if field in attrs and alias in attrs:
                raise serializers.ValidationError({alias: f"Give either {field} or {alias}."}, code="invalid")
            if alias in attrs:
                attrs[field] = attrs.pop(alias)
        if "tag_name" not in attrs:
            raise serializers.ValidationError({"tag_name": "This field is required."}, code="required")
        return attrs


class TagViewSet(UsagesMixin, ListMixin, RetrieveMixin, CreateMixin, UpdateMixin, DestroyMixin, AccountViewSet):
    """Tags of the account, by name. Deleting one takes it off every contact.

    Deleting one that a workflow names answers 409 `in_use`.
    """

    queryset = Tag.objects.all()
    serializer_class = TagSerializer
    input_serializer_class = TagInput
    search_fields = ("name",)
    ordering_fields = ("name", "created_at", "updated_at")

    def perform_create(self, data: dict[str, Any]) -> Tag:
        with transaction.atomic():
            return tag_list.create_tag(**self.on_behalf(), **data)

    def perform_update(self, tag: Tag, data: dict[str, Any]) -> Tag:
        with transaction.atomic():
            return tag_list.change_tag(**self.on_behalf(), tag_id=tag.id, now=clock.now(), **data)

    def usage_target(self, instance: Tag) -> Target:
        return tag_list.target_of(instance)

    def perform_destroy(self, tag: Tag) -> None:
        removing.delete_tag(**self.on_behalf(), tag_id=tag.id, now=clock.now())


class ContactTagViewSet(ListMixin, DestroyMixin, AccountViewSet):
    """Tags of one contact."""

    queryset = Tag.objects.all()
    serializer_class = TagSerializer
    input_serializer_class = ContactTagInput
    lookup_url_kwarg = "tag_id"
    parent_queryset = Contact.objects.present()
    parent_kwarg = "contact_id"
    parent_field = "contact_tags__contact"

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Put a tag on the contact: 201, or 200 when it is there already."""
        data = self.validated()
        tag, is_new = by_hand.tag_contact(
            **self.on_behalf(),
            contact_id=self.parent.id,
            name=data["tag_name"],
            color=data.get("tag_color", ""),
            now=clock.now(),
        )
        return self.answer(tag, status.HTTP_201_CREATED if is_new else status.HTTP_200_OK)

    def perform_destroy(self, tag: Tag) -> None:
        by_hand.untag_contact(**self.on_behalf(), contact_id=self.parent.id, name=tag.name, now=clock.now())
