"""Messages to and from contacts, and hosts in trouble."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.decorators import display

from accounts.admin.base import AccountScopedAdmin
from accounts.models import Role
from workflows.admin.cells import LABELS, when
from workflows.admin.message_cells import address, call_of, gist, way
from workflows.admin.related import contact_link, row_link, with_contact_names
from workflows.messaging.models import CircuitBreaker, Connection, Message
from workflows.models import ActionExecution, WorkflowExecution


@admin.register(Message)
class MessageAdmin(AccountScopedAdmin):
    """Messages, newest first; what was sent is not changed."""

    is_log = True
    list_display = ("time", "channel", "way", "address", "says", "state", "opens", "clicks", "account")
    list_filter = ("status", "channel", "direction")
    list_select_related = ("account", "call")
    search_fields = ("recipient", "sender", "subject", "text")
    search_ids = ("id", "contact_id", "execution_id", "action_execution_id")
    linked_by = ("contact_id", "execution_id", "connection_id")
    sortable_by = ()
    ordering = ("-created_at", "-id")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "channel",
                    "direction",
                    "status",
                    "purpose",
                    "sender",
                    "recipient",
                    "subject",
                    "text",
                    "media_urls",
                    "segments",
                    "error_message",
                    "account",
                )
            },
        ),
        ("Call", {"fields": ("outcome", "answered_by", "destination_status", "duration", "recording")}),
        ("Belongs to", {"fields": ("contact", "execution", "step", "connection", "provider_message_id")}),
        (
            "When",
            {
                "fields": (
                    "created_at",
                    "sent_at",
                    "delivered_at",
                    "opened_at",
                    "opens",
                    "clicked_at",
                    "clicks",
                    "bounced_at",
                    "complained_at",
                )
            },
        ),
    )
    readonly_fields = (
        "contact",
        "execution",
        "step",
        "connection",
        "created_at",
        "outcome",
        "answered_by",
        "destination_status",
        "duration",
        "recording",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return with_contact_names(super().get_queryset(request))

    @admin.display(description="created at")
    def time(self, row: Message) -> str:
        return when(row.created_at)

    @admin.display(description="direction")
    def way(self, row: Message) -> str:
        return way(row)

    @admin.display(description="contact's address")
    def address(self, row: Message) -> str:
        return address(row)

    @admin.display(description="subject or text")
    def says(self, row: Message) -> str:
        return gist(row)

    @display(description="status", ordering="status", label=LABELS)
    def state(self, row: Message) -> str:
        return row.status

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave out what only calls have, for all else."""
        fieldsets = super().get_fieldsets(request, obj)
        return fieldsets if obj is None or call_of(obj) else [each for each in fieldsets if each[0] != "Call"]

    @admin.display(description="outcome")
    def outcome(self, row: Message) -> str:
        return row.call.get_outcome_display() or row.call.get_status_display()

    @admin.display(description="answered by")
    def answered_by(self, row: Message) -> str:
        return row.call.answered_by.replace("_", " ") or "–"

    @admin.display(description="destination")
    def destination_status(self, row: Message) -> str:
        return row.call.destination_status or "–"

    @admin.display(description="duration")
    def duration(self, row: Message) -> str:
        seconds = row.call.duration_seconds
        return "–" if seconds is None else f"{seconds // 60}:{seconds % 60:02} min"

    @admin.display(description="recording")
    def recording(self, row: Message) -> str:
        url = row.call.recording_url
        return format_html('<a href="{}" rel="noreferrer" target="_blank">{}</a>', url, url) if url else "–"

    @admin.display(description="contact")
    def contact(self, row: Message) -> str:
        return contact_link(row)

    @admin.display(description="execution")
    def execution(self, row: Message) -> str:
        return row_link(WorkflowExecution, row.account_id, row.execution_id)

    @admin.display(description="step")
    def step(self, row: Message) -> str:
        return row_link(ActionExecution, row.account_id, row.action_execution_id)

    @admin.display(description="connection")
    def connection(self, row: Message) -> str:
        return row_link(Connection, row.account_id, row.connection_id)


@admin.register(CircuitBreaker)
class CircuitBreakerAdmin(AccountScopedAdmin):
    """Hosts and connections whose last call failed, or was one too many; a success removes the row."""

    read_role = Role.ADMIN
    list_display = ("host", "failures", "failed_at", "openings", "open_until", "slowed_until", "account")
    list_select_related = ("account",)
    search_fields = ("host",)
    fields = ("host", "account", "failures", "failed_at", "openings", "open_until", "probe_until", "slowed_until")
