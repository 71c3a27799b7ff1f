"""What a connection of each kind is set up with."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers

from accounts.api.serializers import StrictSerializer
from workflows.messaging.models import ConnectionKind
from workflows.messaging.services.twilio_connections import API_HOSTS, MAXIMUM_NUMBERS, NUMBER_TYPES

HIGHEST_PORT = 65535


class SmtpSettings(StrictSerializer):
    """Where a mail server is and how to sign in there."""

    host = serializers.CharField(max_length=253, help_text="Its name or address; `postbox.test` is the local postbox.")
    port = serializers.IntegerField(
        min_value=1,
        max_value=HIGHEST_PORT,
        required=False,
        help_text="1–65535; default: 587 with `starttls`, 465 with `tls`, 25 with `none`.",
    )
    security = serializers.ChoiceField(
        choices=("starttls", "tls", "none"), required=False, help_text="How it is secured; default `starttls`."
    )
    username = serializers.CharField(
        max_length=255, required=False, allow_blank=True, help_text="Who signs in; empty: nobody does."
    )


class PhoneNumber(StrictSerializer):
    """A number of the account at Twilio."""

    number = serializers.CharField(max_length=20, help_text="E.164, e.g. `+14155550123`; unique in the account.")
    types = serializers.ListField(
        child=serializers.ChoiceField(choices=NUMBER_TYPES, help_text="`sms` or `voice`."),
        min_length=1,
        max_length=len(NUMBER_TYPES),
        help_text="What it can do: `sms`, `voice`.",
    )


class TwilioSettings(StrictSerializer):
    """An account at Twilio; its auth token is sent as `password`."""

    account_sid = serializers.CharField(max_length=34, help_text="`AC` and 32 digits or letters a to f.")
    api_host = serializers.ChoiceField(
        choices=API_HOSTS, required=False, help_text="`postbox.test` is the local postbox; default `api.twilio.com`."
    )
    numbers = serializers.ListField(
        child=PhoneNumber(),
        max_length=MAXIMUM_NUMBERS,
        required=False,
        help_text="Numbers to send from, ≤ 200; none: nothing can be sent.",
    )


KINDS: dict[str, type[StrictSerializer]] = {
    ConnectionKind.SMTP: SmtpSettings,
    ConnectionKind.TWILIO: TwilioSettings,
}


@extend_schema_field(
    PolymorphicProxySerializer(
        component_name="ConnectionSettings", serializers=list(KINDS.values()), resource_type_field_name=None
    )
)
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


def plain(value: Any) -> Any:
    """Return validated data as JSON has it."""
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value
