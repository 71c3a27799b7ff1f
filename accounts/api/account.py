"""`/account`: the caller's account itself."""

from typing import Any

from rest_framework import serializers

from accounts.api.serializers import StrictModelSerializer, StrictSerializer
from accounts.api.views import AccountViewSet, RetrieveMixin, UpdateMixin
from accounts.models import Account, Role
from accounts.models.account import MAXIMUM_PER_SECOND
from accounts.services import accounts


class AccountSerializer(StrictModelSerializer):
    """The account and its settings."""

    class Meta:
        model = Account
        fields = ("id", *accounts.CHANGEABLE, "created_at", "updated_at")
        read_only_fields = fields


def sending_limit(help_text: str) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=1, max_value=MAXIMUM_PER_SECOND, required=False, help_text=help_text)


class AccountChange(StrictSerializer):
    """What can be changed of the account."""

    example = {"name": "Acme", "timezone": "Europe/Berlin", "currency": "EUR"}

    name = serializers.CharField(max_length=accounts.LONGEST_NAME, required=False, help_text="1–120 characters.")
    timezone = serializers.CharField(max_length=64, required=False, help_text="IANA zone, e.g. `Europe/Berlin`.")
    currency = serializers.CharField(max_length=3, required=False, help_text="ISO 4217 code, e.g. `EUR`.")
    default_country = serializers.CharField(
        max_length=2, required=False, help_text="ISO 3166 country that phone numbers without a prefix are read in."
    )
    request_limit = serializers.IntegerField(
        min_value=1, max_value=accounts.MAXIMUM_LIMIT, required=False, help_text="API requests allowed in 10 seconds."
    )
    workflow_creation_limit = serializers.IntegerField(
        min_value=1, max_value=accounts.MAXIMUM_LIMIT, required=False, help_text="Workflows created in an hour."
    )
    workflow_limit = serializers.IntegerField(
        min_value=1, max_value=accounts.MAXIMUM_LIMIT, required=False, help_text="Workflows that may exist at a time."
    )
    frequency_cap = serializers.IntegerField(
        min_value=1,
        max_value=accounts.MAXIMUM_LIMIT,
        required=False,
        help_text="Marketing messages that a contact gets on one channel within 24 hours at most.",
    )
    emails_per_second = sending_limit("E-mails sent in any second at most.")
    sms_per_second = sending_limit("SMS sent in any second at most; more are `scheduled`.")
    calls_per_second = sending_limit("Calls and voicemails begun in any second at most.")
    messenger_per_second = sending_limit("Messenger messages sent in any second at most.")
    log_retention_days = serializers.IntegerField(
        min_value=1,
        max_value=accounts.LONGEST_RETENTION_DAYS,
        required=False,
        help_text="Days that the step logs of an ended execution are kept.",
    )


class OwnAccountViewSet(RetrieveMixin, UpdateMixin, AccountViewSet):
    """The account that the API key or the session acts in."""

    queryset = Account.objects.all()
    serializer_class = AccountSerializer
    input_serializer_class = AccountChange
    write_role = Role.ADMIN

    def get_object(self) -> Account:
        return self.caller.account

    def lock(self, instance: Account) -> None:
        super().lock(instance)
        instance.refresh_from_db()

    def perform_update(self, account: Account, data: dict[str, Any]) -> Account:
        return accounts.update_account(**self.on_behalf(), changes=data)
