"""`/audit-log`: who changed what, when."""

from uuid import UUID

import django_filters
from django.db.models import Q, QuerySet
from rest_framework import serializers

from accounts.api.pagination import CursorItemsPagination
from accounts.api.serializers import StrictModelSerializer, StrictSerializer
from accounts.api.views import AccountViewSet, ListMixin
from accounts.models import AuditEntry, Role


class ActorSerializer(StrictSerializer):
    """Who did it."""

    label = serializers.CharField(  # type: ignore[assignment]  # hides Field.label
        source="actor_label", help_text="The actor as text; outlives the user and the key."
    )
    user_id = serializers.UUIDField(
        source="actor_user_id", allow_null=True, help_text="The person, also behind an API key."
    )
    api_key_id = serializers.UUIDField(
        source="actor_api_key_id", allow_null=True, help_text="The API key, if a program did it."
    )


class AuditEntrySerializer(StrictModelSerializer):
    """One change by one actor."""

    actor = ActorSerializer(source="*", read_only=True)

    class Meta:
        model = AuditEntry
        fields = ("id", "actor", "verb", "object_type", "object_id", "before", "after", "created_at")
        read_only_fields = fields


class AuditFilter(django_filters.FilterSet):
    object_type = django_filters.CharFilter(help_text="Kind of the object, e.g. `workflow`.")
    object_id = django_filters.UUIDFilter(help_text="Id of the object.")
    verb = django_filters.CharFilter(help_text="What was done, e.g. `workflow.activated`.")
    actor = django_filters.UUIDFilter(method="by_actor", help_text="Id of a user or of an API key.")

    class Meta:
        model = AuditEntry
        fields = ()

    def by_actor(self, entries: QuerySet[AuditEntry], name: str, value: UUID) -> QuerySet[AuditEntry]:
        return entries.filter(Q(actor_user_id=value) | Q(actor_api_key_id=value))


class AuditLogViewSet(ListMixin, AccountViewSet):
    """The audit log, newest first."""

    queryset = AuditEntry.objects.all()
    serializer_class = AuditEntrySerializer
    pagination_class = CursorItemsPagination
    filterset_class = AuditFilter
    read_role = Role.ADMIN
