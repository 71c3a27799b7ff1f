"""The form of connections to Postmark."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from workflows.admin.connection_forms.base import ConnectionForm, forget_field, secret_field
from workflows.messaging.models import Connection, ConnectionKind
from workflows.messaging.services.connection_kinds.mail_service import POSTMARK_HOSTS


class PostmarkForm(ConnectionForm):
    """A server at Postmark."""

    kind = ConnectionKind.POSTMARK
    title = "Postmark"
    settings_fields = ("message_stream", "api_host")
    attrs = {f"settings.{name}": name for name in settings_fields}

    message_stream = forms.CharField(
        max_length=30,
        required=False,
        label="Message stream",
        widget=UnfoldAdminTextInputWidget,
        help_text="The id of the message stream, such as outbound (the default) or broadcast.",
    )
    api_host = forms.ChoiceField(
        choices=[(host, host) for host in POSTMARK_HOSTS],
        label="API host",
        widget=UnfoldAdminSelectWidget,
        help_text="postbox.test is the local postbox.",
    )
    password = secret_field(
        label="Server API token",
        help_text="Kept as a secret, never shown. Empty: it stays. Send it again when the connection leads elsewhere.",
    )
    forget_password = forget_field(label="Forget server API token", help_text="Nothing is sent without one.")
    webhook_secret = secret_field(
        label="Webhook password",
        help_text="Of the basic authentication that you give the webhook there. Never shown. Empty: it stays.",
    )
    forget_webhook_secret = forget_field(label="Forget webhook password", help_text="No callback is taken without one.")

    class Meta:
        model = Connection
        fields = (
            "name",
            "message_stream",
            "api_host",
            "password",
            "webhook_secret",
            "forget_password",
            "forget_webhook_secret",
            "is_enabled",
        )

    @staticmethod
    def place(settings: dict[str, Any]) -> str:
        return str(settings.get("message_stream", ""))
