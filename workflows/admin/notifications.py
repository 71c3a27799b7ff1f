"""Notifications, to look at."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from workflows.admin.base import MemberScopedAdmin
from workflows.crm.models import Notification


@admin.register(Notification)
class NotificationAdmin(MemberScopedAdmin):
    """What members are told, the latest first: everybody sees their own, superusers see all."""

    list_display = ("title", "count", "recipient", "account", "occurred_at", "read_at")
    list_select_related = ("recipient", "account")
    search_fields = ("title", "message")
    fields = (
        "id",
        "account",
        "recipient",
        "kind",
        "title",
        "message",
        "count",
        "workflow_id",
        "execution_id",
        "occurred_at",
        "read_at",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        return rows if request.user.is_superuser else rows.filter(recipient_id=request.user.pk)
