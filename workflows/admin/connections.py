"""The account's ways out to mail servers."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from accounts.admin.base import AccountScopedAdmin
from accounts.admin.forms import StaffForm
from accounts.admin.operations import Operation
from accounts.admin.panels import Panel, cells, link_to, list_of
from accounts.admin.staff import Acting
from accounts.models import Role
from workflows.admin.cells import LABELS, chip, when
from workflows.authoring import removing
from workflows.engine import clock
from workflows.messaging.models import Connection, ConnectionKind, ConnectionStatus, Message
from workflows.messaging.services.connections import change_connection, create_connection, try_connection

HIGHEST_PORT = 65535
SETTINGS = ("host", "port", "security", "username")


class ConnectionForm(StaffForm):
    """Where a mail server is and how to sign in there; the password goes in and never comes out."""

    attrs = {f"settings.{name}": name for name in SETTINGS}

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
    password = forms.CharField(
        max_length=4096,
        required=False,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Kept as a secret and never shown. Empty: it stays. Send it again when the server changes.",
    )
    forget_password = forms.BooleanField(
        required=False, widget=UnfoldBooleanSwitchWidget, help_text="Sign in without a password from now on."
    )

    class Meta:
        model = Connection
        fields = ("name", *SETTINGS, "password", "forget_password", "is_enabled")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        connection: Connection | None = kwargs.get("instance")
        if connection is not None:
            kwargs["initial"] = dict(connection.settings) | (kwargs.get("initial") or {})
        super().__init__(*args, **kwargs)


def test(acting: Acting, row: Connection, data: dict[str, Any]) -> str:
    tried = try_connection(account_id=acting.account_id, connection_id=row.id, now=clock.now())
    return "It works." if tried.status == ConnectionStatus.WORKING else f"It failed: {tried.last_error}"


@admin.register(Connection)
class ConnectionAdmin(AccountScopedAdmin):
    """Connections; only admins see them."""

    read_role = write_role = Role.ADMIN
    form = ConnectionForm
    list_display = ("name", "kind", "host", "state", "is_enabled", "checked_at", "account")
    list_filter = ("status", "is_enabled")
    list_select_related = ("account",)
    search_fields = ("name",)
    operations = (
        Operation(
            name="test",
            label="Test",
            icon="network_check",
            role=Role.ADMIN,
            carry_out=test,
            done="Tested",
            is_atomic=False,
        ),
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        own = ("name", *SETTINGS, "password")
        if obj is None:
            return (*own, "is_enabled")
        return (*own, "forget_password", "is_enabled", "password_kept", "status", "last_error", "checked_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else ("password_kept", "status", "last_error", "checked_at")

    @admin.display(description="server")
    def host(self, row: Connection) -> str:
        return f"{row.settings.get('host', '')}:{row.settings.get('port', '')}"

    @display(description="status", ordering="status", label=LABELS)
    def state(self, row: Connection) -> str:
        return row.status

    @admin.display(description="password", boolean=True)
    def password_kept(self, row: Connection) -> bool:
        return row.secret_id is not None

    def get_panels(self, request: HttpRequest, row: Connection) -> list[Panel]:
        sent = Message.objects.for_account(row.account_id).filter(connection_id=row.id).order_by("-created_at", "-id")
        return [
            Panel(
                title="Sent through it",
                headings=("When", "To", "Subject", "Status"),
                rows=cells(
                    (link_to(each, when(each.created_at)), each.recipient, each.subject, chip(each.status))
                    for each in sent[:10]
                ),
                link=list_of(Message, connection_id=row.id),
                empty="Nothing went through it yet.",
            )
        ]

    def perform_create(self, acting: Acting, data: dict[str, Any]) -> Connection:
        data.pop("forget_password", None)
        return create_connection(
            **acting.on_behalf(),
            kind=ConnectionKind.SMTP,
            name=data["name"],
            settings=settings_of(data),
            password=data["password"] or None,
            is_enabled=data["is_enabled"],
        )

    def perform_change(self, acting: Acting, row: Connection, data: dict[str, Any]) -> Connection:
        changes: dict[str, Any] = {name: data[name] for name in ("name", "is_enabled") if name in data}
        if settings := settings_of(data):
            changes["settings"] = settings
        if data.get("forget_password"):
            changes["password"] = None
        elif data.get("password"):
            changes["password"] = data["password"]
        return change_connection(**acting.on_behalf(), connection_id=row.id, changes=changes)

    def perform_delete(self, acting: Acting, row: Connection) -> None:
        removing.delete_connection(**acting.on_behalf(), connection_id=row.id)


def settings_of(data: dict[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in SETTINGS if name in data}
