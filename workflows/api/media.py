"""`/media`: files that messages carry."""

from collections.abc import Mapping
from typing import Any

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from accounts.api.filters import check_parameters
from accounts.api.parsers import StrictJSONParser
from accounts.api.refusals import TooLarge
from accounts.api.renderers import OrjsonRenderer
from accounts.api.serializers import StrictModelSerializer, StrictSerializer
from accounts.api.views import AccountViewSet, CreateMixin, DestroyMixin, ListMixin, RetrieveMixin
from accounts.problems import Missing
from workflows.api.uploads import UploadParser
from workflows.api.usages import UsagesMixin
from workflows.authoring import removing
from workflows.crm.services.usages import Target
from workflows.messaging.models import Media
from workflows.messaging.services.attachments import MAXIMUM_BYTES
from workflows.messaging.services.file_types import KNOWN
from workflows.messaging.services.media import take_in

TOO_LARGE = f"The file is larger than {MAXIMUM_BYTES // 1024**2} MB; link to it instead."


class MediaParser(UploadParser):
    maximum_bytes = MAXIMUM_BYTES
    too_large = TOO_LARGE


class AnyFileRenderer(BaseRenderer):
    """Lets clients ask for whatever the file is; the answer streams past it."""

    media_type = "*/*"
    format = "file"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return OrjsonRenderer().render(data)  # an error instead of a file


class MediaSerializer(StrictModelSerializer):
    """A file."""

    created_by = serializers.UUIDField(
        source="created_by_id", read_only=True, allow_null=True, help_text="User id; null: not known."
    )

    class Meta:
        model = Media
        fields = ("id", "name", "content_type", "size", "created_at", "created_by")
        read_only_fields = fields


class MediaInput(StrictSerializer):
    """A file to keep."""

    file = serializers.FileField(
        max_length=255,
        allow_empty_file=True,
        help_text=f"≤ 20 MB, by its content one of {KNOWN}.",
    )


class MediaViewSet(UsagesMixin, ListMixin, RetrieveMixin, CreateMixin, DestroyMixin, AccountViewSet):
    """Files that messages carry, newest first; their type is judged by their content.

    Deleting one that a workflow names answers 409 `in_use`.
    """

    queryset = Media.objects.all()
    serializer_class = MediaSerializer
    input_serializer_class = MediaInput
    parser_classes = (MediaParser,)
    search_fields = ("name",)
    ordering_fields = ("name", "size", "created_at")

    def get_parsers(self) -> list[BaseParser]:
        """Read multipart bodies where there is a file, JSON elsewhere."""
        is_upload = self.request is None or self.request.method == "POST"
        return super().get_parsers() if is_upload else [StrictJSONParser()]

    def perform_create(self, data: dict[str, Any]) -> Media:
        if data["file"].size > MAXIMUM_BYTES:
            raise TooLarge(TOO_LARGE)
        return take_in(**self.on_behalf(), file=data["file"], name=data["file"].name)

    def usage_target(self, instance: Media) -> Target:
        return Target("media", instance.id)

    def perform_destroy(self, media: Media) -> None:
        removing.delete_media(**self.on_behalf(), media_id=media.id)

    @extend_schema(responses={(200, "*/*"): OpenApiTypes.BINARY})
    @action(detail=True, renderer_classes=[OrjsonRenderer, AnyFileRenderer], filter_backends=[], pagination_class=None)
    def content(self, request: Request, *args: Any, **kwargs: Any) -> FileResponse:
        """Answer the file itself, to be saved."""
        check_parameters(request, self, is_list=False)
        media = self.get_object()
        try:
            file = media.file.open("rb")
        except FileNotFoundError:
            raise Missing from None
        answer = FileResponse(file, as_attachment=True, filename=media.name, content_type=media.content_type)
        answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
        answer["X-Content-Type-Options"] = "nosniff"
        return answer
