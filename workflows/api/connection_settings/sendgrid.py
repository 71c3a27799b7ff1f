"""What connections to SendGrid are set up with."""

from rest_framework import serializers

from accounts.api.serializers import StrictSerializer
from workflows.messaging.services.connection_kinds.mail_service import SENDGRID_HOSTS


class SendGridSettings(StrictSerializer):
    """An account at SendGrid; its API key is sent as `password`."""

    api_host = serializers.ChoiceField(
        choices=SENDGRID_HOSTS,
        required=False,
        help_text="`postbox.test` is the local postbox; default `api.sendgrid.com`.",
    )
    verification_key = serializers.CharField(
        max_length=500,
        required=False,
        allow_blank=True,
        help_text="The public key of the signed Event Webhook; empty: no callback is taken.",
    )
