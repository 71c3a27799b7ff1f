"""What connections to Twilio are set up with."""

from rest_framework import serializers

from accounts.api.serializers import StrictSerializer
from workflows.messaging.services.twilio_connections import API_HOSTS, MAXIMUM_NUMBERS, NUMBER_TYPES


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
