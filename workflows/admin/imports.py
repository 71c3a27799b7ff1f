"""Files of contacts and what became of their rows."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.decorators import display
from unfold.widgets import UnfoldAdminFileFieldWidget

from accounts.admin.base import AccountScopedAdmin
from accounts.admin.forms import StaffForm
from accounts.admin.panels import Panel, cells, cut
from accounts.admin.staff import Acting
from workflows.admin.cells import LABELS
from workflows.crm import imports
from workflows.crm.models import Import, ImportProblem
from workflows.engine.wake import Tick, wake

SHOWN = 100


class ImportForm(StaffForm):
    """A file to import."""

    file = forms.FileField(
        max_length=255,
        widget=UnfoldAdminFileFieldWidget,
        help_text="CSV in UTF-8 (or UTF-16, Windows-1252), its first line naming the columns; ≤ 200 MB.",
    )

    class Meta:
        model = Import
        fields = ("file", "tag_name", "duplicate_handling")


@admin.register(Import)
class ImportAdmin(AccountScopedAdmin):
    """Imports, newest first; a worker carries them out."""

    form = ImportForm
    list_display = ("filename", "state", "total", "created", "updated", "skipped", "failed", "account", "created_at")
    list_filter = ("status",)
    list_select_related = ("account",)
    search_fields = ("filename",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ("file", "tag_name", "duplicate_handling")
        return (
            "filename",
            "status",
            "tag_name",
            "duplicate_handling",
            "total",
            "created",
            "updated",
            "skipped",
            "failed",
            "remarks_shown",
            "error_message",
            "created_at",
            "completed_at",
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else ("remarks_shown", "created_at", "completed_at")

    @display(description="status", ordering="status", label=LABELS)
    def state(self, job: Import) -> str:
        return job.status

    @admin.display(description="remarks")
    def remarks_shown(self, job: Import) -> str:
        return " ".join(job.remarks)

    def get_panels(self, request: HttpRequest, row: Import) -> Sequence[Panel]:
        problems = ImportProblem.objects.for_account(row.account_id).filter(job=row).order_by("line")[:SHOWN]
        return [
            Panel(
                title="Rows that failed",
                headings=("Line", "Column", "What is wrong", "Row"),
                rows=cells(
                    (each.line, each.column, each.detail, cut(", ".join(map(str, each.row.values())), 200))
                    for each in problems
                ),
                empty="Every row was read.",
                notes=(f"The first {SHOWN} of {row.failed}.",) if row.failed > SHOWN else (),
            )
        ]

    def perform_create(self, acting: Acting, data: dict[str, Any]) -> Import:
        file = data.pop("file")
        job = imports.receive_file(**acting.on_behalf(), chunks=file.chunks(), filename=file.name, **data)
        wake(Tick.RUN_IMPORT, import_id=str(job.id))
        return job
