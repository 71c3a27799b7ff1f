"""What the calling member is told."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.filters import BooleanFilter
from accounts.api.pagination import ItemsPagination
from accounts.api.serializers import NoInput, StrictModelSerializer, StrictSerializer
from accounts.api.views import AccountViewSet, ListMixin, RetrieveMixin
from accounts.models import Role
from workflows.crm.models import Notification
from workflows.crm.services.notifications import count_unread, mark_all_read, mark_read
from workflows.engine import clock


class NotificationSerializer(StrictModelSerializer):
    """Something that the calling member is told."""

    class Meta:
        model = Notification
        fields = (
            "id",
            "kind",
            "title",
            "message",
            "workflow_id",
            "execution_id",
            "count",
            "occurred_at",
            "read_at",
            "created_at",
        )
        read_only_fields = fields


class AllRead(StrictSerializer):
    marked = serializers.IntegerField(help_text="How many were unread until now.")


class NotificationFilter(django_filters.FilterSet):
    unread = BooleanFilter("read_at", lookup_expr="isnull", label="`true`: only unread ones; `false`: only read ones.")

    class Meta:
        model = Notification
        fields: list[str] = []


class NotificationPagination(ItemsPagination):
    """A page that says how many of all are unread."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.unread_count = count_unread(account_id=view.caller.account_id, user_id=view.caller.user.id)
        return super().paginate_queryset(queryset, request, view)

    def get_paginated_response(self, data: Any, **extra: Any) -> Response:
        return super().get_paginated_response(data, unread_count=self.unread_count, **extra)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        page = super().get_paginated_response_schema(schema)
        page["required"].append("unread_count")
        page["properties"]["unread_count"] = {"type": "integer", "description": "Unread ones, whatever the filter."}
        return page


class NotificationViewSet(ListMixin, RetrieveMixin, AccountViewSet):
    """The calling member's own notifications (those of a key: its member's), the latest first."""

    queryset = Notification.objects.all()
    serializer_class = NotificationSerializer
    pagination_class = NotificationPagination
    filterset_class = NotificationFilter
    write_role = Role.VIEWER

    def get_queryset(self) -> QuerySet[Any]:
        queryset = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return queryset
        return queryset.filter(recipient=self.caller.user)

    @extend_schema(request=NoInput, responses=NotificationSerializer)
    @action(detail=True, methods=["post"], input_serializer_class=NoInput)
    def read(self, request: Request, **kwargs: Any) -> Response:
        """Mark it as read; one that was read keeps its time."""
        notification_id = self.get_object().id
        self.validated()
        return self.answer(mark_read(**self.own(), notification_id=notification_id, now=clock.now()))

    @extend_schema(request=NoInput, responses=AllRead)
    @action(detail=False, methods=["post"], url_path="read-all", input_serializer_class=NoInput)
    def read_all(self, request: Request, **kwargs: Any) -> Response:
        """Mark all that are unread."""
        self.validated()
        return Response(AllRead({"marked": mark_all_read(**self.own(), now=clock.now())}).data)

    def own(self) -> dict[str, Any]:
        return {"account_id": self.caller.account_id, "user_id": self.caller.user.id}
