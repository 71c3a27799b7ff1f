"""The account's ways out to mail servers and other providers."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from unfold.decorators import display

from accounts.admin.base import AccountScopedAdmin
from accounts.admin.operations import Operation
from accounts.admin.panels import Panel, cells, link_to, list_of
from accounts.admin.staff import Acting
from accounts.models import Role
from workflows.admin.cells import LABELS, chip, when
from workflows.admin.connection_forms import FORMS, ConnectionForm, SmtpForm
from workflows.admin.message_cells import gist
from workflows.authoring import removing
from workflows.engine import clock
from workflows.messaging.models import Connection, ConnectionKind, ConnectionStatus, Direction, Message
from workflows.messaging.services.connection_kinds import KINDS
from workflows.messaging.services.connections import create_connection, try_connection

CALLBACK_LABELS = {"url": "Callback URL", "verify_token": "Verify token"}


def test(acting: Acting, row: Connection, data: dict[str, Any]) -> str:
    tried = try_connection(account_id=acting.account_id, connection_id=row.id, now=clock.now())
    return "It works." if tried.status == ConnectionStatus.WORKING else f"It failed: {tried.last_error}"


@admin.register(Connection)
class ConnectionAdmin(AccountScopedAdmin):
    """Connections; only admins see them."""

    read_role = write_role = Role.ADMIN
    form = SmtpForm
    exclude = ("webhook_secret",)  # the row's: the forms' own field of that name takes the text that becomes a Secret
    list_display = ("name", "provider", "host", "state", "is_enabled", "checked_at", "account")
    list_filter = ("kind", "status", "is_enabled")
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

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change=change, **(kwargs | {"form": form_for(request, obj)}))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        description = "" if obj else kinds_to_choose_from(request)
        return [(None, {"fields": self.get_fields(request, obj), "description": description})]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        form = form_for(request, obj)
        own = ("name", *form.settings_fields, "messages_per_second", *form.secrets())
        if obj is None:
            return (*own, "is_enabled")
        forget = [f"forget_{name}" for name in form.secrets()]
        return (*own, *forget, "is_enabled", *self.get_readonly_fields(request, obj))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ()
        kept = [f"{name}_kept" for name in form_for(request, obj).secrets()]
        return (*kept, "status", "last_error", "checked_at")

    @admin.display(description="kind", ordering="kind")
    def provider(self, row: Connection) -> str:
        return FORMS[row.kind].title

    @admin.display(description="server")
    def host(self, row: Connection) -> str:
        return FORMS[row.kind].place(row.settings)

    @display(description="status", ordering="status", label=LABELS)
    def state(self, row: Connection) -> str:
        return row.status

    @admin.display(description="password or token kept", boolean=True)
    def password_kept(self, row: Connection) -> bool:
        return row.secret_id is not None

    @admin.display(description="webhook secret kept", boolean=True)
    def webhook_secret_kept(self, row: Connection) -> bool:
        return row.webhook_secret_id is not None

    def get_panels(self, request: HttpRequest, row: Connection) -> list[Panel]:
        messages = Message.objects.for_account(row.account_id).filter(connection_id=row.id)
        sent = messages.filter(direction=Direction.OUTBOUND).select_related("call").order_by("-created_at", "-id")
        callback = KINDS[ConnectionKind(row.kind)].callback(row)
        settings = Panel(
            title="To set at the provider",
            headings=("", ""),
            rows=cells((CALLBACK_LABELS[name], copyable(value)) for name, value in callback.items()),
            notes=("So that it tells of answers and receipts.",),
        )
        return [
            *([settings] if callback else []),
            Panel(
                title="Sent through it",
                headings=("When", "To", "Subject or text", "Status"),
                rows=cells(
                    (link_to(each, when(each.created_at)), each.recipient, gist(each), chip(each.status))
                    for each in sent[:10]
                ),
                link=list_of(Message, connection_id=row.id),
                empty="Nothing went through it yet.",
            ),
        ]

    def perform_create(self, acting: Acting, data: dict[str, Any]) -> Connection:
        return create_connection(
            **acting.on_behalf(),
            kind=data["kind"],
            name=data["name"],
            settings=settings_of(data, data["kind"]),
            password=data["password"] or None,
            webhook_secret=data.get("webhook_secret") or None,
            messages_per_second=data["messages_per_second"],
            is_enabled=data["is_enabled"],
        )

    def perform_change(self, acting: Acting, row: Connection, data: dict[str, Any]) -> Connection:
        changes: dict[str, Any] = {
            name: data[name] for name in ("name", "messages_per_second", "is_enabled") if name in data
        }
        if settings := settings_of(data, row.kind):
            changes["settings"] = settings
        for name in FORMS[row.kind].secrets():
            if data.get(f"forget_{name}"):
                changes[name] = None
            elif data.get(name):
                changes[name] = data[name]
        return removing.change_connection(**acting.on_behalf(), connection_id=row.id, changes=changes)

    def perform_delete(self, acting: Acting, row: Connection) -> None:
        removing.delete_connection(**acting.on_behalf(), connection_id=row.id)


def copyable(text: str) -> str:
    return format_html('<code class="break-all">{}</code>', text)


def kinds_to_choose_from(request: HttpRequest) -> str:
    """Return links to the forms of the other kinds; what else the address says stays."""
    chosen, query, kinds = form_for(request, None), request.GET.copy(), []
    for form in FORMS.values():
        if form is chosen:
            kinds.append(format_html("<strong>{}</strong>", form.title))
        else:
            query["kind"] = form.kind
            kinds.append(format_html('<a class="underline" href="?{}">{}</a>', query.urlencode(), form.title))
    return format_html("Connect with {}", format_html_join(" · ", "{}", [(kind,) for kind in kinds]))


def form_for(request: HttpRequest, row: Connection | None) -> type[ConnectionForm]:
    """Return the form of a connection's kind, of a new one that of `?kind=`."""
    return FORMS.get(row.kind if row else request.GET.get("kind", ""), SmtpForm)


def settings_of(data: dict[str, Any], kind: str) -> dict[str, Any]:
    return {name: data[name] for name in FORMS[kind].settings_fields if name in data}
