"""Courses and their lessons; who has access is in `course_access`."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.admin.base import AccountScopedAdmin
from accounts.admin.forms import StaffForm
from accounts.admin.operations import Operation
from accounts.admin.panels import Panel, cells, link_to, list_of
from accounts.admin.staff import Acting
from workflows.admin.cells import chip, when
from workflows.admin.membership_forms import GrantForm, terms_of
from workflows.authoring import removing
from workflows.authoring.records import change_course, create_course
from workflows.crm.models import AccessStatus, Course, CourseAccess, Lesson
from workflows.crm.services import granting
from workflows.crm.services.lessons import add_lesson, change_lesson, delete_lesson
from workflows.engine import clock
from workflows.messaging.models import EmailTemplate

SHOWN = 20


class CourseForm(StaffForm):
    """A course and how contacts are welcomed to it."""

    attrs = {"welcome_template_id": "welcome_template"}

    url = forms.URLField(
        label="Address",
        required=False,
        max_length=2048,
        assume_scheme="https",
        widget=UnfoldAdminTextInputWidget,
        help_text="Where contacts find it; in the welcome mail.",
    )
    sender_email = forms.EmailField(
        required=False,
        max_length=254,
        widget=UnfoldAdminTextInputWidget,
        help_text="From which address; empty: nobody gets a welcome mail.",
    )
    welcome_template = forms.ModelChoiceField(
        queryset=EmailTemplate.objects.none(),
        required=False,
        widget=UnfoldAdminSelectWidget,
        empty_label="A short text of ours",
        help_text="What the welcome mail says.",
    )

    class Meta:
        model = Course
        fields = ("name", "description", "url", "sender_name", "sender_email", "welcome_template")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        course: Course | None = kwargs.get("instance")
        if course is not None:
            kwargs["initial"] = {"welcome_template": course.welcome_template_id} | (kwargs.get("initial") or {})
        super().__init__(*args, **kwargs)
        if "welcome_template" in self.fields:
            templates = EmailTemplate.objects.for_account(self.account_id)
            self.fields["welcome_template"].queryset = templates  # type: ignore[attr-defined]


def grant(acting: Acting, row: Course, data: dict[str, Any]) -> None:
    contact_id = data["contact"].id
    granting.grant(**acting.on_behalf(), course_id=row.id, contact_id=contact_id, terms=terms_of(data), now=clock.now())


@admin.register(Course)
class CourseAdmin(AccountScopedAdmin):
    """Courses, by name."""

    form = CourseForm
    list_display = ("name", "lessons", "accesses", "account", "updated_at")
    list_select_related = ("account",)
    search_fields = ("name", "description")
    fields = ("name", "description", "url", ("sender_name", "sender_email"), "welcome_template")
    operations = (
        Operation(
            name="grant",
            label="Grant access",
            icon="school",
            carry_out=grant,
            done="Granted",
            form_class=GrantForm,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        active = Count("accesses", filter=Q(accesses__status=AccessStatus.ACTIVE), distinct=True)
        counts = {"lesson_count": Count("lessons", distinct=True), "access_count": active}
        return super().get_queryset(request).annotate(**counts)

    @admin.display(description="lessons", ordering="lesson_count")
    def lessons(self, course: Any) -> int:
        return course.lesson_count

    @admin.display(description="with access", ordering="access_count")
    def accesses(self, course: Any) -> int:
        return course.access_count

    def get_panels(self, request: HttpRequest, row: Course) -> Sequence[Panel]:
        accesses = CourseAccess.objects.for_account(row.account_id).filter(course=row).select_related("contact")
        return [
            Panel(
                title="Lessons",
                headings=("", "Lesson", "Opens after", "For"),
                rows=cells(
                    (lesson.position + 1, link_to(lesson), days(lesson.drip_days), lesson.get_level_display())
                    for lesson in Lesson.objects.for_account(row.account_id).filter(course=row)
                ),
                link=list_of(Lesson, course=row),
                empty="No lesson yet.",
            ),
            Panel(
                title="Access",
                headings=("Contact", "Level", "Granted", "Expires", "Status"),
                rows=cells(
                    (
                        link_to(access, str(access.contact)),
                        access.get_level_display(),
                        when(access.granted_at),
                        when(access.expires_at) or "never",
                        chip(access.status),
                    )
                    for access in accesses.order_by("-id")[:SHOWN]
                ),
                link=list_of(CourseAccess, course=row),
                empty="Nobody has access yet.",
            ),
        ]

    def perform_create(self, acting: Acting, data: dict[str, Any]) -> Course:
        return create_course(**acting.on_behalf(), **as_values(data))

    def perform_change(self, acting: Acting, row: Course, data: dict[str, Any]) -> Course:
        return change_course(**acting.on_behalf(), course_id=row.id, values=as_values(data))

    def perform_delete(self, acting: Acting, row: Course) -> None:
        removing.delete_course(**acting.on_behalf(), course_id=row.id)


@admin.register(Lesson)
class LessonAdmin(AccountScopedAdmin):
    """Lessons of all courses."""

    list_display = ("title", "course", "position", "drip_days", "level", "account")
    list_filter = ("course", "level")
    list_select_related = ("account", "course")
    search_fields = ("title",)
    linked_by = ("course",)
    ordering = ("course", "position")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        own = ("title", "position", "drip_days", "level")
        return ("course", *own) if obj is None else ("course_link", *own)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else ("course_link",)

    @admin.display(description="course")
    def course_link(self, lesson: Lesson) -> str:
        return link_to(lesson.course)

    def perform_create(self, acting: Acting, data: dict[str, Any]) -> Lesson:
        course = data.pop("course")
        return add_lesson(**acting.on_behalf(), course_id=course.id, **data)

    def perform_change(self, acting: Acting, row: Lesson, data: dict[str, Any]) -> Lesson:
        return change_lesson(**acting.on_behalf(), course_id=row.course_id, lesson_id=row.id, values=data)

    def perform_delete(self, acting: Acting, row: Lesson) -> None:
        delete_lesson(**acting.on_behalf(), course_id=row.course_id, lesson_id=row.id)


def as_values(data: dict[str, Any]) -> dict[str, Any]:
    """Return what the form says in the words of the service."""
    if "welcome_template" not in data:
        return data
    template = data.pop("welcome_template")
    return {**data, "welcome_template_id": template.id if template else None}


def days(count: int) -> str:
    return "at once" if count == 0 else "a day" if count == 1 else f"{count} days"
