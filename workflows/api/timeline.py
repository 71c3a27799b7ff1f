"""Everything that happened to one contact, newest first."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core import signing
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.filters import check_parameters
from accounts.api.pagination import (
    DEFAULT_LIMIT,
    MAXIMUM_LIMIT,
    CursorItemsPagination,
    whole_number,
)
from accounts.api.refusals import InvalidFilter
from accounts.api.serializers import StrictSerializer
from accounts.api.views import AccountViewSet
from accounts.problems import Problem
from workflows.analytics.timeline import Entry, EntryKind, Place, timeline
from workflows.api.execution_serializers import LogSerializer
from workflows.crm.models import Contact, Event, Note
from workflows.models import ActionExecution


class TimelinePagination(CursorItemsPagination):
    """`?cursor=` over entries of several tables: the ends are signed places in time."""

    salt = "workflows.api.timeline"

    def paginate_entries(self, request: Request, *, account_id: UUID, contact_id: UUID) -> Sequence[Entry]:
        limit = whole_number(request, "limit", default=DEFAULT_LIMIT, lowest=1, highest=MAXIMUM_LIMIT)
        direction, place = self._read_place(request.query_params.get("cursor"))
        bound = {"newer_than" if direction == "before" else "older_than": place}
        entries = timeline(account_id=account_id, contact_id=contact_id, limit=limit + 1, **bound)
        has_further = len(entries) > limit
        if direction == "before":
            entries = entries[-limit:]
            has_next, has_previous = bool(entries), has_further
        else:
            entries = entries[:limit]
            has_next, has_previous = has_further, place is not None and bool(entries)
        self.next = self._write_place("after", entries[-1].place) if has_next else None
        self.previous = self._write_place("before", entries[0].place) if has_previous else None
        return entries

    def _write_place(self, direction: str, place: Place) -> str:
        return signing.dumps([direction, place.at.isoformat(), str(place.id)], salt=self.salt)

    def _read_place(self, cursor: str | None) -> tuple[str, Place | None]:
        if cursor is None:
            return "after", None
        try:
            direction, at, identifier = signing.loads(cursor, salt=self.salt)
        except (signing.BadSignature, ValueError):
            detail = "cursor must be a `next` or `previous` of an earlier answer."
            raise InvalidFilter(Problem("invalid_filter", detail, "cursor")) from None
        return direction, Place(datetime.fromisoformat(at), UUID(identifier))


class EventSerializer(serializers.ModelSerializer[Event]):
    """A fact about the contact."""

    class Meta:
        model = Event
        fields = ("event_type", "data", "source", "caused_by_id")
        read_only_fields = fields


class TimelineNoteSerializer(serializers.ModelSerializer[Note]):
    """A remark about the contact."""

    author_name = serializers.SerializerMethodField(help_text="Who wrote it; null: the system.")

    class Meta:
        model = Note
        fields = ("content", "note_type", "author_id", "author_name", "caused_by_id")
        read_only_fields = fields

    def get_author_name(self, note: Note) -> str | None:
        return str(note.author) if note.author else None


class EntrySerializer(StrictSerializer):
    """Something that happened to the contact; of `event`, `step` and `note`, the one that `kind` names is not null."""

    id = serializers.UUIDField(source="place.id", read_only=True)
    kind = serializers.ChoiceField(choices=[(kind.value, kind.value) for kind in EntryKind], read_only=True)
    occurred_at = serializers.DateTimeField(source="place.at", read_only=True)
    event = serializers.SerializerMethodField()
    step = serializers.SerializerMethodField()
    note = serializers.SerializerMethodField()

    @extend_schema_field(EventSerializer(allow_null=True))
    def get_event(self, entry: Entry) -> dict[str, Any] | None:
        return EventSerializer(entry.record).data if isinstance(entry.record, Event) else None

    @extend_schema_field(LogSerializer(allow_null=True))
    def get_step(self, entry: Entry) -> dict[str, Any] | None:
        return LogSerializer(entry.record).data if isinstance(entry.record, ActionExecution) else None

    @extend_schema_field(TimelineNoteSerializer(allow_null=True))
    def get_note(self, entry: Entry) -> dict[str, Any] | None:
        return TimelineNoteSerializer(entry.record).data if isinstance(entry.record, Note) else None


class TimelineViewSet(AccountViewSet):
    """What happened to one contact: events, steps of workflows and notes, newest first."""

    queryset = Event.objects.all()
    serializer_class = EntrySerializer
    pagination_class = TimelinePagination
    parent_queryset = Contact.objects.present()
    parent_kwarg = "contact_id"

    def list(self, request: Request, **kwargs: Any) -> Response:
        check_parameters(request, self)
        pages = self.paginator
        assert isinstance(pages, TimelinePagination)
        entries = pages.paginate_entries(request, account_id=self.caller.account_id, contact_id=self.parent.id)
        return pages.get_paginated_response(self.get_serializer(entries, many=True).data)
