"""The form of connections to Facebook pages."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from workflows.admin.connection_forms.base import ConnectionForm, forget_field, secret_field
from workflows.messaging.models import Connection, ConnectionKind
from workflows.messaging.providers.messenger import API_VERSION
from workflows.messaging.services.messenger_pages import API_HOSTS

LABELS = {
    "password": "Page access token",
    "forget_password": "Forget page access token",
    "webhook_secret": "App secret",
    "forget_webhook_secret": "Forget app secret",
}


class MessengerForm(ConnectionForm):
    """A page, its token and its app's secret."""

    kind = ConnectionKind.MESSENGER
    title = "Messenger"
    settings_fields = ("page_id", "api_host", "api_version")
    attrs = {f"settings.{name}": name for name in settings_fields}

    page_id = forms.CharField(
        max_length=30,
        label="Page ID",
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric"}),
        help_text="Digits; the page's settings at Facebook show it under “Page transparency”.",
    )
    api_host = forms.ChoiceField(
        choices=[(host, host) for host in API_HOSTS],
        label="API host",
        widget=UnfoldAdminSelectWidget,
        help_text="postbox.test is the local postbox.",
    )
    api_version = forms.CharField(
        max_length=6,
        initial=API_VERSION,
        label="API version",
        widget=UnfoldAdminTextInputWidget,
        help_text="Version of the Graph API.",
    )
    password = secret_field(
        help_text=(
            "With the permission pages_messaging. Kept as a secret, never shown. Empty: it stays. Send it again for "
            "another page."
        )
    )
    forget_password = forget_field(help_text="Nothing is sent without one.")
    webhook_secret = secret_field(
        help_text="Proves that callbacks come from Meta; without it all of them are refused. Kept, never shown."
    )
    forget_webhook_secret = forget_field(help_text="No callback is taken in without one.")

    class Meta:
        model = Connection
        fields = (
            "name",
            "page_id",
            "api_host",
            "api_version",
            "password",
            "forget_password",
            "webhook_secret",
            "forget_webhook_secret",
            "is_enabled",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label in LABELS.items():
            if name in self.fields:
                self.fields[name].label = label

    @staticmethod
    def place(settings: dict[str, Any]) -> str:
        return f"page {settings.get('page_id', '')}"
