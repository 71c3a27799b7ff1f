"""Who has or had access to which course."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.decorators import display

from accounts.admin.base import AccountScopedAdmin
from accounts.admin.operations import Operation
from accounts.admin.panels import Panel, cells, link_to
from accounts.admin.staff import Acting
from workflows.admin.cells import LABELS, when
from workflows.admin.membership_forms import RevokeForm
from workflows.crm.models import AccessStatus, CourseAccess
from workflows.crm.services import granting
from workflows.crm.services.lessons import lessons_for
from workflows.engine import clock


def revoke(acting: Acting, row: CourseAccess, data: dict[str, Any]) -> None:
    granting.revoke(**acting.on_behalf(), course_id=row.course_id, access_id=row.id, now=clock.now(), **data)


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
