"""What connections to Facebook pages are set up with."""

from rest_framework import serializers

from accounts.api.serializers import StrictSerializer
from workflows.messaging.services.messenger_pages import API_HOSTS


class MessengerSettings(StrictSerializer):
    """A Facebook page; its page access token is sent as `password`, its app's secret as `webhook_secret`."""

    page_id = serializers.CharField(max_length=30, help_text="The page's id at Meta, digits; unique in the account.")
    api_host = serializers.ChoiceField(
        choices=API_HOSTS,
        required=False,
        help_text="`postbox.test` is the local postbox; default `graph.facebook.com`.",
    )
    api_version = serializers.CharField(
        max_length=6, required=False, help_text="Version of the Graph API; default `v26.0`."
    )
