"""`/messages`: what was sent to contacts, and what became of it."""

import django_filters
from rest_framework import serializers

from accounts.api.pagination import CursorItemsPagination
from accounts.api.serializers import StrictModelSerializer
from accounts.api.views import AccountViewSet, ListMixin, RetrieveMixin
from workflows.api.execution_filters import PeriodFilter
from workflows.crm.models import Channel
from workflows.messaging.models import Call, Direction, Message, MessageStatus


class MessageFilter(PeriodFilter):
    status = django_filters.ChoiceFilter(choices=MessageStatus.choices, label="Only those in this status.")
    channel = django_filters.ChoiceFilter(choices=Channel.choices, label="Only those on this channel.")
    direction = django_filters.ChoiceFilter(choices=Direction.choices, label="Only those to contacts, or from them.")
    contact_id = django_filters.UUIDFilter(label="Only those of this contact.")
    execution_id = django_filters.UUIDFilter(label="Only those of this execution.")

    class Meta:
        model = Message
        fields: list[str] = []


class CallSerializer(StrictModelSerializer):
    """What only calls have."""

    class Meta:
        model = Call
        fields = (
            "status",
            "outcome",
            "answered_by",
            "destination_status",
            "duration_seconds",
            "recording_sid",
            "recording_url",
            "recording_seconds",
            "attempt",
        )
        read_only_fields = fields


class MessageSerializer(StrictModelSerializer):
    """A message to or from a contact; the bodies of mails are not kept."""

    contact_id = serializers.UUIDField(read_only=True)
    call = CallSerializer(read_only=True, allow_null=True, help_text="How a call went; null: it is no call.")
    media_urls = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="Addresses of an MMS' files."
    )

    class Meta:
        model = Message
        fields = (
            "id",
            "contact_id",
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
            "call",
            "connection_id",
            "provider_message_id",
            "execution_id",
            "action_execution_id",
            "error_message",
            "opens",
            "clicks",
            "sent_at",
            "delivered_at",
            "opened_at",
            "clicked_at",
            "bounced_at",
            "complained_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class MessageViewSet(ListMixin, RetrieveMixin, AccountViewSet):
    """Messages, newest first."""

    queryset = Message.objects.select_related("call")
    serializer_class = MessageSerializer
    filterset_class = MessageFilter
    pagination_class = CursorItemsPagination
    cursor_ordering = "-created_at"
