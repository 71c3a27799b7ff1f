"""`/courses/{id}/access`: who may see how much of a course, and what they completed."""

from datetime import timedelta
from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.filters import check_parameters
from accounts.api.serializers import StrictModelSerializer, StrictSerializer
from accounts.api.views import AccountViewSet, CreateMixin, ListMixin, RetrieveMixin
from workflows.api.courses import LessonSerializer
from workflows.api.execution_filters import PeriodFilter
from workflows.crm.models import AccessLevel, AccessStatus, Course, CourseAccess
from workflows.crm.services import granting
from workflows.crm.services.course_access import LONGEST, REASON_LENGTH, Grant
from workflows.crm.services.lessons import OpenLesson, lessons_for
from workflows.engine import clock


class AccessSerializer(StrictModelSerializer):
    """A contact's access to a course, at present or in the past."""

    course_id = serializers.UUIDField(read_only=True)
    contact_id = serializers.UUIDField(read_only=True)

    class Meta:
        model = CourseAccess
        fields = (
            "id",
            "course_id",
            "contact_id",
            "level",
            "status",
            "granted_at",
            "expires_at",
            "drip_content",
            "ended_at",
            "end_reason",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class NewAccess(StrictSerializer):
    """Access to grant."""

    example = {"contact_id": "00000000-0000-4000-8000-000000000000", "level": "full", "duration_days": 365}

    contact_id = serializers.UUIDField(help_text="A contact of the account.")
    level = serializers.ChoiceField(
        choices=AccessLevel.choices, required=False, help_text="How much is open; `full` unless given."
    )
    duration_days = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=LONGEST,
        help_text="Days of 24 hours until it expires, 1–3650; null or left out: never.",
    )
    drip_content = serializers.BooleanField(
        required=False, help_text="Whether lessons open after their own days; else all at once. True unless given."
    )
    extend = serializers.BooleanField(
        required=False,
        help_text="Whether access that the contact has is lengthened and raised; else that is a conflict.",
    )


class Revocation(StrictSerializer):
    """How access ends."""

    example = {"reason": "Refund", "retain_progress": False}

    reason = serializers.CharField(
        required=False, allow_blank=True, max_length=REASON_LENGTH, help_text="≤ 500 characters; kept with the access."
    )
    retain_progress = serializers.BooleanField(
        required=False, help_text="Whether it stays known which lessons were completed; true unless given."
    )


class Completion(StrictSerializer):
    """A lesson that the contact completed, or did not after all."""

    example = {"lesson_id": "00000000-0000-4000-8000-000000000000"}

    lesson_id = serializers.UUIDField(help_text="A lesson of the course.")
    is_completed = serializers.BooleanField(required=False, help_text="False takes it back; true unless given.")


class OpenLessonSerializer(serializers.Serializer[OpenLesson]):
    """A lesson as this access shows it."""

    lesson = LessonSerializer(help_text="The lesson.")
    opens_at = serializers.DateTimeField(
        allow_null=True, help_text="When it opens or opened (UTC); null: never with this access."
    )
    is_open = serializers.BooleanField(help_text="Whether it is open now.")
    completed_at = serializers.DateTimeField(allow_null=True, help_text="When it was completed first; null: not yet.")


class OpenLessonsSerializer(serializers.Serializer[Any]):
    """The lessons of the course, in order, as this access shows them."""

    items = OpenLessonSerializer(many=True, help_text="Every lesson.")
    total = serializers.IntegerField(help_text="How many lessons the course has.")
    completed = serializers.IntegerField(help_text="How many of them the contact completed.")
    progress_percent = serializers.IntegerField(help_text="That in percent, rounded down; 0 without lessons.")


class AccessFilter(PeriodFilter):
    contact_id = django_filters.UUIDFilter(label="Only that of this contact.")
    status = django_filters.ChoiceFilter(choices=AccessStatus.choices, label="Only that in this status.")
    level = django_filters.ChoiceFilter(choices=AccessLevel.choices, label="Only that of this level.")

    class Meta:
        model = CourseAccess
        fields: list[str] = []


class CourseAccessViewSet(ListMixin, RetrieveMixin, CreateMixin, AccountViewSet):
    """Access of contacts to one course, newest first; what has ended stays listed."""

    queryset = CourseAccess.objects.all()
    serializer_class = AccessSerializer
    input_serializer_classes = {"create": NewAccess, "revoke": Revocation, "complete": Completion}
    filterset_class = AccessFilter
    ordering_fields = ("granted_at", "expires_at", "ended_at")
    parent_queryset = Course.objects.all()
    parent_kwarg = "course_id"
    parent_field = "course"
    unlocked_actions = ("revoke", "complete")

    def perform_create(self, data: dict[str, Any]) -> CourseAccess:
        """Grant access. 409 `already_granted` when the contact has some, unless it is to be extended."""
        days = data.get("duration_days")
        terms = Grant(
            level=data.get("level", AccessLevel.FULL.value),
            duration=timedelta(days=days) if days else None,
            drip_content=data.get("drip_content", True),
            extends=data.get("extend", False),
        )
        return granting.grant(
            **self.on_behalf(),
            course_id=self.parent.id,
            contact_id=data["contact_id"],
            terms=terms,
            now=clock.now(),
        )

    @extend_schema(request=Revocation, responses=AccessSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, **kwargs: Any) -> Response:
        """End the access; what has ended stays as it is."""
        access = self.get_object()
        return self.answer(granting.revoke(**self.of(access), **self.validated()))

    @extend_schema(request=Completion, responses=AccessSerializer)
    @action(detail=True, methods=["post"])
    def complete(self, request: Request, **kwargs: Any) -> Response:
        """Note that the contact completed a lesson. 409 `lesson_not_open` when the access does not open it now."""
        access = self.get_object()
        data = {"is_completed": True, **self.validated()}
        return self.answer(granting.complete_lesson(**self.of(access), **data))

    @extend_schema(responses=OpenLessonsSerializer)
    @action(detail=True, methods=["get"])
    def lessons(self, request: Request, **kwargs: Any) -> Response:
        """Show the lessons as this access opens them, and the contact's progress."""
        check_parameters(request, self, is_list=False)
        shown = lessons_for(access=self.get_object(), now=clock.now())
        completed = sum(each.completed_at is not None for each in shown)
        data = {
            "items": shown,
            "total": len(shown),
            "completed": completed,
            "progress_percent": 100 * completed // len(shown) if shown else 0,
        }
        return Response(OpenLessonsSerializer(data).data)

    def of(self, access: CourseAccess) -> dict[str, Any]:
        return {
            **self.on_behalf(),
            "course_id": self.parent.id,
            "access_id": access.id,
            "now": clock.now(),
        }
