"""`/connections`: the account's ways out to mail servers and other providers."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.serializers import NoInput, StrictModelSerializer, StrictSerializer
from accounts.api.views import AccountViewSet, CreateMixin, DestroyMixin, ListMixin, RetrieveMixin, UpdateMixin
from accounts.models import Role
from accounts.models.account import MAXIMUM_PER_SECOND
from workflows.api.connection_settings import ConnectionSettingsField
from workflows.api.usages import UsagesMixin
from workflows.authoring import removing
from workflows.crm.services.usages import Target
from workflows.engine import clock
from workflows.messaging.models import Connection, ConnectionKind
from workflows.messaging.services.connection_kinds import KINDS
from workflows.messaging.services.connections import create_connection, try_connection

PASSWORD_LENGTH = 4096


class Webhook(serializers.Serializer[Any]):
    """Where a provider calls back, as people tell it."""

    url = serializers.CharField(help_text="The address that it calls.")
    verify_token = serializers.CharField(required=False, help_text="What Meta shows before it calls; others need none.")


class ConnectionSerializer(StrictModelSerializer):
    """A way out to a provider. Its password and its webhook secret are never shown."""

    settings = ConnectionSettingsField(read_only=True, help_text="Where and how to connect, as its kind has it.")
    has_password = serializers.SerializerMethodField(help_text="Whether a password is kept for it.")
    has_webhook_secret = serializers.SerializerMethodField(help_text="Whether a webhook secret is kept for it.")

    webhook = serializers.SerializerMethodField(
        help_text="What to set at the provider so that it calls back; null: it does not."
    )

    class Meta:
        model = Connection
        fields = (
            "id",
            "kind",
            "name",
            "settings",
            "has_password",
            "has_webhook_secret",
            "webhook",
            "messages_per_second",
            "is_enabled",
            "status",
            "last_error",
            "checked_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    @extend_schema_field(Webhook(allow_null=True))
    def get_webhook(self, connection: Connection) -> dict[str, str] | None:
        return KINDS[ConnectionKind(connection.kind)].callback(connection) or None

    def get_has_password(self, connection: Connection) -> bool:
        return connection.secret_id is not None

    def get_has_webhook_secret(self, connection: Connection) -> bool:
        return connection.webhook_secret_id is not None


class ConnectionChange(StrictSerializer):
    """What can be changed of a connection; settings that are left out stay."""

    example = {"name": "Office", "is_enabled": False}

    name = serializers.CharField(max_length=80, help_text="What people call it, 1–80 characters; unique.")
    settings = ConnectionSettingsField(help_text="Where and how to connect, as its kind has it.")
    password = serializers.CharField(
        max_length=PASSWORD_LENGTH,
        required=False,
        allow_null=True,
        trim_whitespace=False,
        write_only=True,
        help_text=(
            "The password, or Twilio's auth token. Kept as a secret and never shown; null: none. Send it again when "
            "the connection leads elsewhere."
        ),
    )
    webhook_secret = serializers.CharField(
        max_length=PASSWORD_LENGTH,
        required=False,
        allow_null=True,
        trim_whitespace=False,
        write_only=True,
        help_text=(
            "What proves that a callback comes from the provider, for kinds that have such a secret. Kept and never "
            "shown, like the password; null: none."
        ),
    )
    messages_per_second = serializers.IntegerField(
        min_value=1,
        max_value=MAXIMUM_PER_SECOND,
        required=False,
        allow_null=True,
        help_text=(
            "Messages or calls through it in any second at most; more are `scheduled`. Null: as many as the account's "
            "own limits allow."
        ),
    )
    is_enabled = serializers.BooleanField(required=False, help_text="Whether anything is sent through it.")


class NewConnection(ConnectionChange):
    """A connection to make."""

    example = {"kind": "smtp", "name": "Office", "settings": {"host": "mail.example.com"}}

    kind = serializers.ChoiceField(
        choices=[kind.value for kind in ConnectionKind], help_text="What it connects with; cannot be changed later."
    )


class ConnectionViewSet(UsagesMixin, ListMixin, RetrieveMixin, CreateMixin, UpdateMixin, DestroyMixin, AccountViewSet):
    """Connections of the account, by name.

    Deleting one that a workflow names answers 409 `in_use`; so does taking away a number that one sends or calls from.
    """

    queryset = Connection.objects.all()
    serializer_class = ConnectionSerializer
    input_serializer_classes = {"create": NewConnection, "partial_update": ConnectionChange}
    unlocked_actions = ("test",)
    read_role = Role.ADMIN
    write_role = Role.ADMIN
    search_fields = ("name",)
    ordering_fields = ("name", "created_at", "updated_at")

    def perform_create(self, data: dict[str, Any]) -> Connection:
        return create_connection(**self.on_behalf(), **data)

    def perform_update(self, connection: Connection, data: dict[str, Any]) -> Connection:
        return removing.change_connection(**self.on_behalf(), connection_id=connection.id, changes=data)

    def usage_targets(self, instance: Connection) -> Sequence[Target]:
        return removing.targets_of(instance)

    def perform_destroy(self, connection: Connection) -> None:
        removing.delete_connection(**self.on_behalf(), connection_id=connection.id)

    @extend_schema(request=NoInput, responses=ConnectionSerializer)
    @action(detail=True, methods=["post"], input_serializer_class=NoInput)
    def test(self, request: Request, **kwargs: Any) -> Response:
        """Connect and sign in for real, send nothing; the answer's `status` and `last_error` say how it went."""
        connection = self.get_object()
        self.validated()
        tried = try_connection(account_id=self.caller.account_id, connection_id=connection.id, now=clock.now())
        return self.answer(tried)
