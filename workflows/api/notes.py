"""`/contacts/{id}/notes`: remarks about a contact."""

from typing import Any

from django.db import transaction
from rest_framework import serializers

from accounts.api.serializers import StrictModelSerializer, StrictSerializer
from accounts.api.views import AccountViewSet, CreateMixin, DestroyMixin, ListMixin, RetrieveMixin, UpdateMixin
from workflows.crm.models import Contact, Note, NoteType
from workflows.crm.services import by_hand
from workflows.crm.services.notes import change_note, delete_note
from workflows.engine import clock


class NoteSerializer(StrictModelSerializer):
    """A remark about a contact."""

    contact_id = serializers.UUIDField(read_only=True)
    author_id = serializers.UUIDField(
        read_only=True, allow_null=True, help_text="User id of who wrote it; null: the system."
    )

    class Meta:
        model = Note
        fields = ("id", "contact_id", "content", "note_type", "author_id", "created_at", "updated_at")
        read_only_fields = fields


class NoteInput(StrictSerializer):
    """What can be set of a note."""

    example = {"content": "Called about the renewal; call again in May."}

    content = serializers.CharField(max_length=5000, trim_whitespace=False, help_text="1–5000 characters.")

    def validate_content(self, content: str) -> str:
        if not content.strip():
            raise serializers.ValidationError("This field may not be blank.", code="blank")
        return content


class NewNote(NoteInput):
    """A note to write; how it is filed cannot be changed later."""

    example = {"content": "Called about the renewal."}

    note_type = serializers.ChoiceField(
        choices=NoteType.choices, default=NoteType.GENERAL.value, help_text="How the note is filed: by kind."
    )


class ContactNoteViewSet(ListMixin, RetrieveMixin, CreateMixin, UpdateMixin, DestroyMixin, AccountViewSet):
    """Notes about one contact, newest first."""

    queryset = Note.objects.all()
    serializer_class = NoteSerializer
    input_serializer_classes = {"create": NewNote, "partial_update": NoteInput}
    lookup_url_kwarg = "note_id"
    search_fields = ("content",)
    ordering_fields = ("created_at", "updated_at")
    parent_queryset = Contact.objects.present()
    parent_kwarg = "contact_id"
    parent_field = "contact"

    def perform_create(self, data: dict[str, Any]) -> Note:
        return by_hand.add_note(**self.on_behalf(), contact_id=self.parent.id, now=clock.now(), **data)

    def perform_update(self, note: Note, data: dict[str, Any]) -> Note:
        with transaction.atomic():
            return change_note(
                **self.on_behalf(), note_id=note.id, content=data.get("content", note.content), now=clock.now()
            )

    def perform_destroy(self, note: Note) -> None:
        with transaction.atomic():
            delete_note(**self.on_behalf(), note_id=note.id)
