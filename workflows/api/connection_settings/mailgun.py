"""What connections to Mailgun are set up with."""

from rest_framework import serializers

from accounts.api.serializers import StrictSerializer
from workflows.messaging.services.connection_kinds.mail_service import MAILGUN_HOSTS


class MailgunSettings(StrictSerializer):
    """A domain at Mailgun; its API key is sent as `password`, the webhook signing key as `webhook_secret`."""

    domain = serializers.CharField(max_length=253, help_text="The sending domain, such as `mg.example.com`.")
    api_host = serializers.ChoiceField(
        choices=MAILGUN_HOSTS,
        required=False,
        help_text="By the domain's region; `postbox.test` is the local postbox; default `api.mailgun.net`.",
    )
