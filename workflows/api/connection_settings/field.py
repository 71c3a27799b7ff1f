"""The field `settings` of connections: an object of the shape that the kind has."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from rest_framework import serializers

from accounts.api.serializers import StrictSerializer
from workflows.api.connection_settings.mailgun import MailgunSettings
from workflows.api.connection_settings.messenger import MessengerSettings
from workflows.api.connection_settings.postmark import PostmarkSettings
from workflows.api.connection_settings.sendgrid import SendGridSettings
from workflows.api.connection_settings.ses import SesSettings
from workflows.api.connection_settings.smtp import SmtpSettings
from workflows.api.connection_settings.twilio import TwilioSettings
from workflows.messaging.models import ConnectionKind

KINDS: dict[str, type[StrictSerializer]] = {
    ConnectionKind.SMTP: SmtpSettings,
    ConnectionKind.MAILGUN: MailgunSettings,
    ConnectionKind.POSTMARK: PostmarkSettings,
    ConnectionKind.SENDGRID: SendGridSettings,
    ConnectionKind.SES: SesSettings,
    ConnectionKind.TWILIO: TwilioSettings,
    ConnectionKind.MESSENGER: MessengerSettings,
}


class ConnectionSettingsField(serializers.Field):
    """The settings of a connection: those that its kind has."""

    default_error_messages = {"invalid": "Must be an object, not this."}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, Mapping):
            self.fail("invalid")
        root: Any = self.root
        kind = root.instance.kind if root.instance is not None else root.initial_data.get("kind")
        wanted = KINDS.get(kind, SmtpSettings) if isinstance(kind, str) else SmtpSettings
        given = wanted(data=data, partial=root.partial, context=self.context)
        given.is_valid(raise_exception=True)
        return plain(given.validated_data)

    def to_representation(self, value: Any) -> Any:
        return value


class ConnectionSettingsSchema(OpenApiSerializerFieldExtension):
    """Any of the shapes: some settings fit several, since only `kind`, beside them, says which it is."""

    target_class = ConnectionSettingsField

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        return {"anyOf": [auto_schema.resolve_serializer(kind, direction).ref for kind in KINDS.values()]}


def plain(value: Any) -> Any:
    """Return validated data as JSON has it."""
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value
