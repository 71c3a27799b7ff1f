"""`/contacts/import` and `/imports`: files of contacts."""

from collections.abc import Mapping
from typing import Any

from django.http import StreamingHttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.filters import check_parameters
from accounts.api.refusals import TooLarge
from accounts.api.renderers import OrjsonRenderer
from accounts.api.serializers import StrictModelSerializer, StrictSerializer
from accounts.api.views import AccountViewSet, ListMixin, RetrieveMixin
from workflows.api.uploads import UploadParser
from workflows.crm import imports
from workflows.crm.imports.starting import MAXIMUM_UPLOAD_BYTES
from workflows.crm.models import Import, ImportHandling
from workflows.engine.wake import Tick, wake

TOO_LARGE = f"The file is larger than {MAXIMUM_UPLOAD_BYTES // 1024**2} MB; split it."


class ContactFileParser(UploadParser):
    maximum_bytes = MAXIMUM_UPLOAD_BYTES
    too_large = TOO_LARGE


class CsvRenderer(BaseRenderer):
    """Lets clients ask for `text/csv`; the answer streams past it."""

    media_type = "text/csv"
    format = "csv"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return OrjsonRenderer().render(data)  # an error instead of a file


class ImportSerializer(StrictModelSerializer):
    """A file of contacts and what became of its rows: each is created, updated, skipped or failed."""

    errors_url = serializers.SerializerMethodField(help_text="Where the rows that failed are as CSV; null: none did.")
    remarks = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="What else there is to say, e.g. columns left out."
    )

    class Meta:
        model = Import
        fields = (
            "id",
            "filename",
            "status",
            "tag_name",
            "duplicate_handling",
            "total",
            "created",
            "updated",
            "skipped",
            "failed",
            "errors_url",
            "remarks",
            "error_message",
            "created_at",
            "completed_at",
        )
        read_only_fields = fields

    def get_errors_url(self, job: Import) -> str | None:
        return reverse("v1:import-errors", kwargs={"id": job.id}) if job.failed else None


class ImportInput(StrictSerializer):
    """A file to import."""

    file = serializers.FileField(
        max_length=255, help_text="CSV in UTF-8 (or UTF-16, Windows-1252), its first line naming the columns; ≤ 200 MB."
    )
    tag = serializers.CharField(
        required=False, allow_blank=True, max_length=50, default="", help_text="A tag for every contact of the file."
    )
    duplicate_handling = serializers.ChoiceField(
        choices=ImportHandling.choices,
        default=ImportHandling.UPDATE.value,
        help_text="What to do with rows about contacts that are there: `update` (default) or `skip`.",
    )


class ContactImportViewSet(AccountViewSet):
    """Sending files of contacts."""

    queryset = Import.objects.all()
    serializer_class = ImportSerializer
    input_serializer_class = ImportInput
    parser_classes = (ContactFileParser,)

    @extend_schema(responses={202: ImportSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Take a file in; a worker imports it. Follow it at `/imports/{id}`."""
        data = self.validated()
        if data["file"].size > MAXIMUM_UPLOAD_BYTES:
            raise TooLarge(TOO_LARGE)
        job = imports.receive_file(
            **self.on_behalf(),
            chunks=data["file"].chunks(),
            filename=data["file"].name,
            tag_name=data["tag"],
            duplicate_handling=data["duplicate_handling"],
        )
        wake(Tick.RUN_IMPORT, import_id=str(job.id))
        return self.answer(job, status.HTTP_202_ACCEPTED)


class ImportViewSet(ListMixin, RetrieveMixin, AccountViewSet):
    """Files of contacts that were imported, newest first."""

    queryset = Import.objects.all()
    serializer_class = ImportSerializer
    ordering_fields = ("created_at",)

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR})
    @action(detail=True, renderer_classes=[OrjsonRenderer, CsvRenderer], filter_backends=[], pagination_class=None)
    def errors(self, request: Request, *args: Any, **kwargs: Any) -> StreamingHttpResponse:
        """Answer the rows that failed as CSV: as they were sent, then their `line` and the `problem`."""
        check_parameters(request, self, is_list=False)
        job = self.get_object()
        answer = StreamingHttpResponse(imports.problems_as_csv(job), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="import-{job.id}-errors.csv"'
        return answer
