"""`/api-keys`: credentials of programs."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.serializers import StrictModelSerializer, StrictSerializer
from accounts.api.views import AccountViewSet, DestroyMixin, ListMixin, RetrieveMixin
from accounts.models import ApiKey, Role
from accounts.services import api_keys


class ApiKeySerializer(StrictModelSerializer):
    """A key as it can be seen after it was made: recognised by its first characters."""

    class Meta:
        model = ApiKey
        fields = (
            "id",
            "name",
            "role",
            "prefix",
            "user_id",
            "expires_at",
            "revoked_at",
            "last_used_at",
            "created_at",
        )
        read_only_fields = fields


class NewApiKeySerializer(ApiKeySerializer):
    """A key that was just made, with the key itself: it is shown this once."""

    key = serializers.CharField(read_only=True, help_text="The key itself; shown this once.")

    class Meta:
        model = ApiKey
        fields = (*ApiKeySerializer.Meta.fields, "key")
        read_only_fields = fields


class ApiKeyInput(StrictSerializer):
    """A key to make."""

    example = {"name": "Till", "role": "editor"}

    name = serializers.CharField(
        max_length=80, required=False, allow_blank=True, help_text="What the key is for, ≤ 80 characters."
    )
    role = serializers.ChoiceField(choices=Role.choices, help_text="What the key may do; at most your own role.")
    expires_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="Refused from then on; null: it does not expire."
    )


class ApiKeyViewSet(ListMixin, RetrieveMixin, DestroyMixin, AccountViewSet):
    """API keys of the account, revoked ones too. Deleting one revokes it."""

    queryset = ApiKey.objects.all()
    serializer_class = ApiKeySerializer
    input_serializer_class = ApiKeyInput
    read_role = Role.ADMIN
    write_role = Role.ADMIN
    search_fields = ("name", "prefix")
    ordering_fields = ("created_at", "last_used_at", "expires_at")
    etag_exceptions = ("last_used_at",)
    holds_credentials = True

    @extend_schema(responses={201: NewApiKeySerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Make a key that belongs to you. The answer holds the key itself, this once."""
        data = self.validated()
        api_key, key = api_keys.create_api_key(
            **self.on_behalf(),
            actor_role=self.caller.role,
            user_id=self.caller.user.id,
            role=Role(data.pop("role")),
            **data,
        )
        response = self.answer(api_key, status.HTTP_201_CREATED)
        response.data = {**response.data, "key": key}
        return response

    def perform_destroy(self, api_key: ApiKey) -> None:
        api_keys.revoke_api_key(**self.on_behalf(), api_key_id=api_key.id)
