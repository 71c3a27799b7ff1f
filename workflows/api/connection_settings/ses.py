"""What connections to Amazon SES are set up with."""

from rest_framework import serializers

from accounts.api.serializers import StrictSerializer
from workflows.messaging.services.connection_kinds.mail_service import SES_HOSTS


class SesSettings(StrictSerializer):
    """An access to Amazon SES; the secret access key is sent as `password`."""

    region = serializers.CharField(max_length=30, help_text="The region of SES, such as `eu-west-1`.")
    access_key_id = serializers.CharField(max_length=128, help_text="The id of the access key.")
    configuration_set = serializers.CharField(
        max_length=64,
        required=False,
        allow_blank=True,
        help_text="The configuration set whose events go to the topic; empty: none.",
    )
    topic_arn = serializers.CharField(
        max_length=400,
        required=False,
        allow_blank=True,
        help_text="The ARN of the SNS topic that callbacks come from; empty: no callback is taken.",
    )
    api_host = serializers.ChoiceField(
        choices=SES_HOSTS, required=False, help_text="`postbox.test` is the local postbox; default `amazonaws.com`."
    )
