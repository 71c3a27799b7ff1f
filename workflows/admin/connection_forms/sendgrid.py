"""The form of connections to SendGrid."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from workflows.admin.connection_forms.base import ConnectionForm, forget_field, secret_field
from workflows.messaging.models import Connection, ConnectionKind
from workflows.messaging.services.connection_kinds.mail_service import SENDGRID_HOSTS


class SendGridForm(ConnectionForm):
    """An account at SendGrid."""

    kind = ConnectionKind.SENDGRID
    title = "SendGrid"
    settings_fields = ("verification_key", "api_host")
    attrs = {f"settings.{name}": name for name in settings_fields}

    verification_key = forms.CharField(
        max_length=500,
        required=False,
        label="Verification key",
        widget=UnfoldAdminTextInputWidget,
        help_text="The public key of the signed Event Webhook. Empty: nothing is learned of what became of mails.",
    )
    api_host = forms.ChoiceField(
        choices=[(host, host) for host in SENDGRID_HOSTS],
        label="API host",
        widget=UnfoldAdminSelectWidget,
        help_text="postbox.test is the local postbox.",
    )
    password = secret_field(
        label="API key",
        help_text="Kept as a secret, never shown. Empty: it stays. Send it again when the connection leads elsewhere.",
    )
    forget_password = forget_field(label="Forget API key", help_text="Nothing is sent without one.")

    class Meta:
        model = Connection
        fields = ("name", "verification_key", "api_host", "password", "forget_password", "is_enabled")

    @staticmethod
    def place(settings: dict[str, Any]) -> str:
        return str(settings.get("api_host", ""))
