"""Facts about contacts, as workflows hear of them."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin.base import AccountScopedAdmin
from accounts.admin.lists import NameFilter
from accounts.admin.panels import as_code, cut
from workflows.admin.related import contact_link, row_link, with_contact_names
from workflows.crm.catalogue import EVENT_TYPES
from workflows.crm.models import Event
from workflows.models import ActionExecution


class EventTypeFilter(NameFilter):
    title = "event type"
    parameter_name = "event_type"
    names = staticmethod(lambda: EVENT_TYPES)


@admin.register(Event)
class EventAdmin(AccountScopedAdmin):
    """Events, newest first; facts are not changed."""

    is_log = True
    list_display = ("occurred_at", "event_type", "contact", "facts", "source", "account")
    list_filter = (EventTypeFilter,)
    list_select_related = ("account",)
    search_fields = ("=event_id",)
    search_ids = ("id", "contact_id", "caused_by_id")
    linked_by = ("contact_id", "event_type")
    sortable_by = ()
    ordering = ("-id",)
    fields = (
        "event_type",
        "contact",
        "account",
        "occurred_at",
        "created_at",
        "source",
        "event_id",
        "caused_by",
        "depth",
        "dispatched_at",
        "data_shown",
    )
    readonly_fields = ("contact", "caused_by", "data_shown", "created_at", "dispatched_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return with_contact_names(super().get_queryset(request))

    @admin.display(description="contact")
    def contact(self, event: Event) -> str:
        return contact_link(event)

    @admin.display(description="caused by")
    def caused_by(self, event: Event) -> str:
        return row_link(ActionExecution, event.account_id, event.caused_by_id)

    @admin.display(description="details")
    def facts(self, event: Event) -> str:
        return cut(", ".join(f"{name}: {value}" for name, value in event.data.items()), 80)

    @admin.display(description="data")
    def data_shown(self, event: Event) -> Any:
        return as_code(event.data)
