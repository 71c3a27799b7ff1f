"""Remarks about contacts."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin.base import AccountScopedAdmin
from accounts.admin.panels import cut, link_to
from accounts.admin.staff import Acting
from workflows.crm.models import Note
from workflows.crm.services import by_hand
from workflows.crm.services.notes import change_note, delete_note
from workflows.engine import clock


@admin.register(Note)
class NoteAdmin(AccountScopedAdmin):
    """Notes about present contacts, newest first."""

    list_display = ("excerpt", "contact_link", "note_type", "author", "account", "created_at")
    list_filter = ("note_type", "author")
    list_select_related = ("account", "author", "contact")
    search_fields = ("content",)
    search_ids = ("id", "contact_id")
    linked_by = ("contact", "author")
    autocomplete_fields = ("contact",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(contact__deleted_at=None).select_related("contact")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ("contact", "content", "note_type")
        return ("contact_link", "content", "note_type", "author", "created_at", "updated_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else ("contact_link", "note_type", "author", "created_at", "updated_at")

    @admin.display(description="note")
    def excerpt(self, note: Note) -> str:
        return cut(note.content, 80)

    @admin.display(description="contact", ordering="contact__first_name")
    def contact_link(self, note: Note) -> str:
        return link_to(note.contact)

    def perform_create(self, acting: Acting, data: dict[str, Any]) -> Note:
        contact = data.pop("contact")
        return by_hand.add_note(**acting.on_behalf(), contact_id=contact.id, now=clock.now(), **data)

    def perform_change(self, acting: Acting, row: Note, data: dict[str, Any]) -> Note:
        return change_note(**acting.on_behalf(), note_id=row.id, content=data["content"], now=clock.now())

    def perform_delete(self, acting: Acting, row: Note) -> None:
        with transaction.atomic():
            delete_note(**acting.on_behalf(), note_id=row.id)
