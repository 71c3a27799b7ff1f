"""Courses, their lessons, and who has access to them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from accounts.admin.base import AccountScopedAdmin
from accounts.admin.forms import OperationForm, StaffForm
from accounts.admin.operations import Operation
from accounts.admin.panels import Panel, cells, link_to, list_of
from accounts.admin.staff import Acting
from workflows.admin.cells import LABELS, chip, when
from workflows.authoring import removing
from workflows.authoring.records import change_course, create_course
from workflows.crm.models import AccessLevel, AccessStatus, Course, CourseAccess, Lesson
from workflows.crm.services import granting
from workflows.crm.services.course_access import LONGEST, REASON_LENGTH, Grant
from workflows.crm.services.lessons import add_lesson, change_lesson, delete_lesson, lessons_for
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


class GrantForm(OperationForm):
    """Who gets access, and how much for how long."""

    contact_id = forms.UUIDField(
        widget=UnfoldAdminTextInputWidget, label="Contact", help_text="The contact's id, as its page shows it."
    )
    level = forms.ChoiceField(choices=AccessLevel.choices, initial=AccessLevel.FULL, widget=UnfoldAdminSelectWidget)
    duration_days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=LONGEST,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Days until it expires; empty: never.",
    )
    drip_content = forms.BooleanField(
        required=False, initial=True, widget=UnfoldBooleanSwitchWidget, label="Lessons open one after the other"
    )
    extend = forms.BooleanField(
        required=False, widget=UnfoldBooleanSwitchWidget, label="Lengthen access that the contact has"
    )


class RevokeForm(OperationForm):
    """How access ends."""

    reason = forms.CharField(
        required=False, max_length=REASON_LENGTH, widget=UnfoldAdminTextInputWidget, help_text="≤ 500 characters."
    )
    retain_progress = forms.BooleanField(
        required=False, initial=True, widget=UnfoldBooleanSwitchWidget, label="Keep which lessons were completed"
    )


def grant(acting: Acting, row: Course, data: dict[str, Any]) -> None:
    days = data["duration_days"]
    terms = Grant(
        level=data["level"],
        duration=timedelta(days=days) if days else None,
        drip_content=data["drip_content"],
        extends=data["extend"],
    )
    granting.grant(**acting.on_behalf(), course_id=row.id, contact_id=data["contact_id"], terms=terms, now=clock.now())


def revoke(acting: Acting, row: CourseAccess, data: dict[str, Any]) -> None:
    granting.revoke(**acting.on_behalf(), course_id=row.course_id, access_id=row.id, now=clock.now(), **data)


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


@admin.register(CourseAccess)
class CourseAccessAdmin(AccountScopedAdmin):
    """Who has or had access to which course, newest first."""

    is_log = True
    list_display = ("contact_name", "course", "level", "state", "granted_at", "expires_at", "account")
    list_filter = ("status", "level", "course")
    list_select_related = ("account", "course", "contact")
    search_fields = ("contact__email", "contact__first_name", "contact__last_name")
    linked_by = ("course", "contact")
    ordering = ("-id",)
    fields = (
        "contact_link",
        "course_link",
        "level",
        "status",
        "granted_at",
        "expires_at",
        "drip_content",
        "ended_at",
        "end_reason",
        "account",
    )
    readonly_fields = ("contact_link", "course_link")
    operations = (
        Operation(
            name="revoke",
            label="Revoke",
            icon="lock",
            carry_out=revoke,
            done="Revoked",
            form_class=RevokeForm,
            is_offered=lambda row: row.status == AccessStatus.ACTIVE,
            is_dangerous=True,
        ),
    )

    def title_of(self, row: CourseAccess) -> str:
        return f"{row.contact}: {row.course}"

    @admin.display(description="contact")
    def contact_name(self, access: CourseAccess) -> str:
        return str(access.contact)

    @display(description="status", label=LABELS, ordering="status")
    def state(self, access: CourseAccess) -> str:
        return access.status

    @admin.display(description="contact")
    def contact_link(self, access: CourseAccess) -> str:
        return link_to(access.contact)

    @admin.display(description="course")
    def course_link(self, access: CourseAccess) -> str:
        return link_to(access.course)

    def get_panels(self, request: HttpRequest, row: CourseAccess) -> Sequence[Panel]:
        return [
            Panel(
                title="Lessons",
                headings=("", "Lesson", "Opens", "Open now", "Completed"),
                rows=cells(
                    (
                        shown.lesson.position + 1,
                        link_to(shown.lesson),
                        when(shown.opens_at) or "never",
                        "yes" if shown.is_open else "no",
                        when(shown.completed_at),
                    )
                    for shown in lessons_for(access=row, now=clock.now())
                ),
                empty="The course has no lessons yet.",
            )
        ]


def as_values(data: dict[str, Any]) -> dict[str, Any]:
    """Return what the form says in the words of the service."""
    if "welcome_template" not in data:
        return data
    template = data.pop("welcome_template")
    return {**data, "welcome_template_id": template.id if template else None}


def days(count: int) -> str:
    return "at once" if count == 0 else "a day" if count == 1 else f"{count} days"
