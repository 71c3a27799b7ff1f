"""The form of connections to mail servers."""

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from workflows.admin.connection_forms.base import ConnectionForm, forget_field, secret_field
from workflows.messaging.models import Connection, ConnectionKind

HIGHEST_PORT = 65535


class SmtpForm(ConnectionForm):
    """Where a mail server is and how to sign in there."""

    kind = ConnectionKind.SMTP
    title = "SMTP"
    settings_fields = ("host", "port", "security", "username")
    attrs = {f"settings.{name}": name for name in settings_fields}

    host = forms.CharField(
        max_length=253,
        widget=UnfoldAdminTextInputWidget,
        help_text="Its name or address; `postbox.test` is the local postbox.",
    )
    port = forms.IntegerField(
        min_value=1,
        max_value=HIGHEST_PORT,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="1–65535; empty: 587 with STARTTLS, 465 with TLS, 25 with none.",
    )
    security = forms.ChoiceField(
        choices=[("starttls", "STARTTLS"), ("tls", "TLS"), ("none", "none")],
        widget=UnfoldAdminSelectWidget,
        help_text="How it is secured.",
    )
    username = forms.CharField(
        max_length=255, required=False, widget=UnfoldAdminTextInputWidget, help_text="Who signs in; empty: nobody does."
    )
    password = secret_field(
        help_text="Kept as a secret and never shown. Empty: it stays. Send it again when the server changes."
    )
    forget_password = forget_field(help_text="Sign in without a password from now on.")

    class Meta:
        model = Connection
        fields = ("name", "host", "port", "security", "username", "password", "forget_password", "is_enabled")

    @staticmethod
    def place(settings: dict[str, Any]) -> str:
        host, port = settings.get("host", ""), settings.get("port")
        return f"{host}:{port}" if port else str(host)
