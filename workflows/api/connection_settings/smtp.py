"""What connections to mail servers are set up with."""

from rest_framework import serializers

from accounts.api.serializers import StrictSerializer

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
