"""The form of connections to Mailgun."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from workflows.admin.connection_forms.base import ConnectionForm, forget_field, secret_field
from workflows.messaging.models import Connection, ConnectionKind
from workflows.messaging.services.connection_kinds.mail_service import MAILGUN_HOSTS


class MailgunForm(ConnectionForm):
    """A domain at Mailgun."""

    kind = ConnectionKind.MAILGUN
    title = "Mailgun"
    settings_fields = ("domain", "api_host")
    attrs = {f"settings.{name}": name for name in settings_fields}

    domain = forms.CharField(
        max_length=253,
        label="Domain",
        widget=UnfoldAdminTextInputWidget,
        help_text="The sending domain as Mailgun lists it, such as mg.example.com.",
    )
    api_host = forms.ChoiceField(
        choices=[(host, host) for host in MAILGUN_HOSTS],
        label="API host",
        widget=UnfoldAdminSelectWidget,
        help_text="postbox.test is the local postbox.",
    )
    password = secret_field(
        label="API key",
        help_text="Kept as a secret, never shown. Empty: it stays. Send it again when the connection leads elsewhere.",
    )
    forget_password = forget_field(label="Forget API key", help_text="Nothing is sent without one.")
    webhook_secret = secret_field(
        label="Webhook signing key",
        help_text="Mailgun shows it below Sending, Webhooks. Kept as a secret, never shown. Empty: it stays.",
    )
    forget_webhook_secret = forget_field(
        label="Forget webhook signing key", help_text="No callback is taken without one."
    )

    class Meta:
        model = Connection
        fields = (
            "name",
            "domain",
            "api_host",
            "password",
            "webhook_secret",
            "forget_password",
            "forget_webhook_secret",
            "is_enabled",
        )

    @staticmethod
    def place(settings: dict[str, Any]) -> str:
        return str(settings.get("domain", ""))
