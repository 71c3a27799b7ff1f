"""`/courses` and their lessons."""

from typing import Any

from django.db.models import Count, Q
from rest_framework import serializers

from accounts.api.serializers import AccountRelatedField, StrictModelSerializer, StrictSerializer
from accounts.api.views import AccountViewSet, CreateMixin, DestroyMixin, ListMixin, RetrieveMixin, UpdateMixin
from workflows.api.email_templates import mailable
from workflows.api.usages import UsagesMixin
from workflows.authoring import removing
from workflows.authoring.records import change_course, create_course
from workflows.crm.models import AccessLevel, Course, Lesson
from workflows.crm.services.lessons import MAXIMUM_LESSONS, add_lesson, change_lesson, delete_lesson
from workflows.crm.services.usages import Target
from workflows.messaging.mailboxes import one_line
from workflows.messaging.models import EmailTemplate


class CourseSerializer(StrictModelSerializer):
    """Something to learn, in lessons."""

    accesses_count = serializers.IntegerField(read_only=True, help_text="Contacts that have access now.")

    class Meta:
        model = Course
        fields = (
            "id",
            "name",
            "description",
            "url",
            "sender_name",
            "sender_email",
            "welcome_template_id",
            "accesses_count",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class CourseInput(StrictSerializer):
    """What can be set of a course."""

    example = {"name": "Riding", "url": "https://learn.example.com/riding", "sender_email": "ada@acme.example"}

    name = serializers.CharField(max_length=100, help_text="1–100 characters; unique in the account.")
    description = serializers.CharField(
        required=False, allow_blank=True, max_length=2000, help_text="≤ 2000 characters."
    )
    url = serializers.URLField(
        required=False, allow_blank=True, max_length=2048, help_text="Where contacts find it; in the welcome mail."
    )
    sender_name = serializers.CharField(
        required=False, allow_blank=True, max_length=100, help_text="From whom the welcome mail is, ≤ 100 characters."
    )
    sender_email = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=254,
        help_text="From which address; empty: nobody gets a welcome mail.",
    )
    welcome_template_id = AccountRelatedField(
        queryset_for=EmailTemplate.objects.for_account,
        code="template_not_found",
        required=False,
        allow_null=True,
        help_text="E-mail template of the welcome mail; null: a short text of ours.",
    )

    def validate_sender_email(self, address: str) -> str:
        return mailable(address) if address else ""

    def validate_sender_name(self, name: str) -> str:
        if one_line(name) != name:
            raise serializers.ValidationError("Leave out line breaks and control characters.", code="invalid")
        return name

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "welcome_template_id" in attrs:
            template = attrs["welcome_template_id"]
            attrs["welcome_template_id"] = template.id if template else None
        return attrs


class CourseViewSet(UsagesMixin, ListMixin, RetrieveMixin, CreateMixin, UpdateMixin, DestroyMixin, AccountViewSet):
    """Courses of the account, by name.

    Deleting one that a workflow names answers 409 `in_use`, one that contacts have access to `invalid_transition`.
    """

    queryset = Course.objects.annotate(accesses_count=Count("accesses", filter=Q(accesses__status="active")))
    serializer_class = CourseSerializer
    input_serializer_class = CourseInput
    search_fields = ("name", "description")
    ordering_fields = ("name", "created_at", "updated_at")
    etag_exceptions = ("accesses_count",)

    def perform_create(self, data: dict[str, Any]) -> Course:
        course = create_course(**self.on_behalf(), **data)
        return self.get_queryset().get(id=course.id)

    def perform_update(self, course: Course, data: dict[str, Any]) -> Course:
        change_course(**self.on_behalf(), course_id=course.id, values=data)
        return self.get_queryset().get(id=course.id)

    def perform_destroy(self, course: Course) -> None:
        removing.delete_course(**self.on_behalf(), course_id=course.id)

    def usage_target(self, instance: Course) -> Target:
        return Target("course", instance.id)


class LessonSerializer(StrictModelSerializer):
    """A part of a course."""

    course_id = serializers.UUIDField(read_only=True)

    class Meta:
        model = Lesson
        fields = ("id", "course_id", "title", "position", "drip_days", "level", "created_at", "updated_at")
        read_only_fields = fields


class LessonInput(StrictSerializer):
    """What can be set of a lesson."""

    example = {"title": "Saddling", "position": 0, "drip_days": 7, "level": "limited"}

    title = serializers.CharField(max_length=200, help_text="1–200 characters.")
    position = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=MAXIMUM_LESSONS,
        help_text="0-based place; those behind it move. Left out for a new lesson, or beyond the end: the last.",
    )
    drip_days = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=3650,
        help_text="Days of 24 hours from the start of access after which it opens, 0–3650; 0 unless given.",
    )
    level = serializers.ChoiceField(
        choices=AccessLevel.choices,
        required=False,
        help_text="The least access that opens it; `full` unless given.",
    )


class LessonViewSet(ListMixin, RetrieveMixin, CreateMixin, UpdateMixin, DestroyMixin, AccountViewSet):
    """Lessons of one course, in order."""

    queryset = Lesson.objects.all()
    serializer_class = LessonSerializer
    input_serializer_class = LessonInput
    parent_queryset = Course.objects.all()
    parent_kwarg = "course_id"
    parent_field = "course"
    search_fields = ("title",)
    ordering_fields = ("position", "title", "created_at")

    def perform_create(self, data: dict[str, Any]) -> Lesson:
        """Add a lesson; 409 `lesson_limit_reached` at 500."""
        return add_lesson(**self.on_behalf(), course_id=self.parent.id, **data)

    def perform_update(self, lesson: Lesson, data: dict[str, Any]) -> Lesson:
        return change_lesson(**self.on_behalf(), course_id=self.parent.id, lesson_id=lesson.id, values=data)

    def perform_destroy(self, lesson: Lesson) -> None:
        delete_lesson(**self.on_behalf(), course_id=self.parent.id, lesson_id=lesson.id)
