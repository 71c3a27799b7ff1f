"""What connections to Postmark are set up with."""

from rest_framework import serializers

from accounts.api.serializers import StrictSerializer
from workflows.messaging.services.connection_kinds.mail_service import POSTMARK_HOSTS


class PostmarkSettings(StrictSerializer):
    """A server at Postmark; its token is sent as `password`, the webhooks' basic password as `webhook_secret`."""

    message_stream = serializers.CharField(
        max_length=30, required=False, allow_blank=True, help_text="The id of the message stream; default `outbound`."
    )
    api_host = serializers.ChoiceField(
        choices=POSTMARK_HOSTS,
        required=False,
        help_text="`postbox.test` is the local postbox; default `api.postmarkapp.com`.",
    )
