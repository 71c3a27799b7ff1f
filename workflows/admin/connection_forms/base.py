"""What the forms of all connections have in common."""

from typing import Any, ClassVar

from django import forms
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminPasswordWidget, UnfoldBooleanSwitchWidget

from accounts.admin.forms import StaffForm
from accounts.models.account import MAXIMUM_PER_SECOND
from workflows.messaging.models import Connection, ConnectionKind


def secret_field(*, help_text: str, label: str | None = None) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=4096,
        required=False,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=help_text,
    )


def forget_field(*, help_text: str, label: str | None = None) -> forms.BooleanField:
    return forms.BooleanField(label=label, required=False, widget=UnfoldBooleanSwitchWidget, help_text=help_text)


class ConnectionForm(StaffForm):
    """What the connections of one kind are set up with."""

    kind: ClassVar[ConnectionKind]
    title: ClassVar[str]
    settings_fields: ClassVar[tuple[str, ...]]

    messages_per_second = forms.IntegerField(
        min_value=1,
        max_value=MAXIMUM_PER_SECOND,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Messages or calls through it in any second at most; empty: as the account's limits allow.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        connection: Connection | None = kwargs.get("instance")
        if connection is not None:
            kwargs["initial"] = self.shown(connection.settings) | (kwargs.get("initial") or {})
        super().__init__(*args, **kwargs)

    @classmethod
    def secrets(cls) -> tuple[str, ...]:
        """Return the fields whose values are kept as secrets."""
        return tuple(name for name in ("password", "webhook_secret") if name in cls.declared_fields)

    def clean(self) -> dict[str, Any]:
        super().clean()
        return self.cleaned_data | {"kind": self.kind}

    @staticmethod
    def place(settings: dict[str, Any]) -> str:
        """Return where a connection leads, for lists."""
        raise NotImplementedError

    def shown(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Return the settings as the fields show them."""
        return dict(settings)
