"""`/secrets`: passwords, tokens and keys of the account; their values go in and never come out."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.serializers import StrictModelSerializer, StrictSerializer
from accounts.api.views import AccountViewSet, CreateMixin, DestroyMixin, ListMixin, RetrieveMixin
from accounts.models import Role
from workflows.api.usages import UsagesMixin
from workflows.authoring import removing
from workflows.crm.services.usages import Target
from workflows.messaging.models import Secret
from workflows.messaging.secrets import MAXIMUM_LENGTH, MAXIMUM_NAME_LENGTH, create_secret, replace_secret


class SecretSerializer(StrictModelSerializer):
    """A secret by its name. Those of connections and webhooks are here too, named after what they are for."""

    class Meta:
        model = Secret
        fields = ("id", "name", "created_at", "updated_at")
        read_only_fields = fields


class SecretValue(StrictSerializer):
    """A new value."""

    example = {"value": "correct horse battery staple"}

    value = serializers.CharField(
        max_length=MAXIMUM_LENGTH,
        trim_whitespace=False,
        write_only=True,
        help_text="The value, 1–8192 characters; never shown again. `webhook_signing` takes `whsec_<base64>`.",
    )


class NewSecret(SecretValue):
    """A secret to keep."""

    example = {"name": "Till", "value": "correct horse battery staple"}

    name = serializers.CharField(
        max_length=MAXIMUM_NAME_LENGTH, help_text="What it is, 1–120 characters; unique in the account."
    )


class SecretViewSet(UsagesMixin, ListMixin, RetrieveMixin, CreateMixin, DestroyMixin, AccountViewSet):
    """Secrets of the account, by name. Deleting one that a workflow or a connection uses answers 409 `in_use`."""

    queryset = Secret.objects.all()
    serializer_class = SecretSerializer
    input_serializer_classes = {"create": NewSecret, "update": SecretValue, "partial_update": SecretValue}
    read_role = Role.ADMIN
    write_role = Role.ADMIN
    search_fields = ("name",)
    ordering_fields = ("name", "created_at", "updated_at")

    def perform_create(self, data: dict[str, Any]) -> Secret:
        return create_secret(**self.on_behalf(), **data)

    def update(self, request: Request, **kwargs: Any) -> Response:
        """Give it another value; whatever uses the secret uses that from now on."""
        return self.replace()

    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Give it another value, like PUT."""
        return self.replace()

    def replace(self) -> Response:
        secret = self.get_object()
        return self.answer(replace_secret(**self.on_behalf(), secret_id=secret.id, **self.validated()))

    def usage_target(self, instance: Secret) -> Target:
        return Target("secret", instance.id)

    def perform_destroy(self, secret: Secret) -> None:
        removing.delete_secret(**self.on_behalf(), secret_id=secret.id)
