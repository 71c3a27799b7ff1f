"""The form of connections to Amazon SES."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from workflows.admin.connection_forms.base import ConnectionForm, forget_field, secret_field
from workflows.messaging.models import Connection, ConnectionKind
from workflows.messaging.services.connection_kinds.mail_service import SES_HOSTS


class SesForm(ConnectionForm):
    """An access to Amazon SES."""

    kind = ConnectionKind.SES
    title = "Amazon SES"
    settings_fields = ("region", "access_key_id", "configuration_set", "topic_arn", "api_host")
    attrs = {f"settings.{name}": name for name in settings_fields}

    region = forms.CharField(
        max_length=30,
        label="Region",
        widget=UnfoldAdminTextInputWidget,
        help_text="The region of SES, such as eu-west-1.",
    )
    access_key_id = forms.CharField(
        max_length=128,
        label="Access key ID",
        widget=UnfoldAdminTextInputWidget,
        help_text="AKIA and 16 characters; its IAM user may send mail and get the account.",
    )
    configuration_set = forms.CharField(
        max_length=64,
        required=False,
        label="Configuration set",
        widget=UnfoldAdminTextInputWidget,
        help_text="The one whose events go to the topic below. Empty: none.",
    )
    topic_arn = forms.CharField(
        max_length=400,
        required=False,
        label="SNS topic ARN",
        widget=UnfoldAdminTextInputWidget,
        help_text="The topic that callbacks come from. Empty: nothing is learned of what became of mails.",
    )
    api_host = forms.ChoiceField(
        choices=[(host, host) for host in SES_HOSTS],
        label="API host",
        widget=UnfoldAdminSelectWidget,
        help_text="postbox.test is the local postbox.",
    )
    password = secret_field(
        label="Secret access key",
        help_text="Kept as a secret, never shown. Empty: it stays. Send it again when the connection leads elsewhere.",
    )
    forget_password = forget_field(label="Forget secret access key", help_text="Nothing is sent without one.")

    class Meta:
        model = Connection
        fields = (
            "name",
            "region",
            "access_key_id",
            "configuration_set",
            "topic_arn",
            "api_host",
            "password",
            "forget_password",
            "is_enabled",
        )

    @staticmethod
    def place(settings: dict[str, Any]) -> str:
        return str(settings.get("region", ""))
