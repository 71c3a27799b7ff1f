"""Files that messages carry."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import FileResponse, HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from unfold.widgets import UnfoldAdminFileFieldWidget

from accounts.admin.base import AccountScopedAdmin
from accounts.admin.forms import StaffForm
from accounts.admin.operations import Operation
from accounts.admin.staff import Acting
from accounts.models import Role
from accounts.problems import Conflict
from workflows.authoring import removing
from workflows.messaging.models import Media
from workflows.messaging.services.file_types import KNOWN
from workflows.messaging.services.media import take_in


class MediaForm(StaffForm):
    """A file to keep."""

    file = forms.FileField(
        max_length=255,
        allow_empty_file=True,
        widget=UnfoldAdminFileFieldWidget,
        help_text=f"≤ 20 MB, by its content one of {KNOWN}.",
    )

    class Meta:
        model = Media
        fields = ("file",)


def download(acting: Acting, row: Media, data: dict[str, Any]) -> HttpResponse:
    try:
        file = row.file.open("rb")
    except FileNotFoundError:
        raise Conflict("gone", "The file is not on this machine any more; upload it again.") from None
    answer: Any = FileResponse(file, as_attachment=True, filename=row.name, content_type=row.content_type)
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


@admin.register(Media)
class MediaAdmin(AccountScopedAdmin):
    """Files, newest first; a file is not changed but replaced by another."""

    form = MediaForm
    list_display = ("name", "content_type", "bytes", "created_by", "account", "created_at")
    list_filter = ("content_type",)
    list_select_related = ("account", "created_by")
    search_fields = ("name",)
    operations = (
        Operation(
            name="download", label="Download", icon="download", role=Role.VIEWER, carry_out=download, done="Downloaded"
        ),
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ("file",)
        return ("name", "content_type", "bytes", "created_by", "created_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else ("bytes", "created_at")

    @admin.display(description="size", ordering="size")
    def bytes(self, row: Media) -> str:
        return filesizeformat(row.size)

    def perform_create(self, acting: Acting, data: dict[str, Any]) -> Media:
        return take_in(**acting.on_behalf(), file=data["file"], name=data["file"].name)

    def perform_delete(self, acting: Acting, row: Media) -> None:
        removing.delete_media(**acting.on_behalf(), media_id=row.id)
