"""Multipart bodies: large files straight to disk; what says it is too large is not read at all."""

from collections.abc import Mapping
from typing import IO, Any, ClassVar

from rest_framework.parsers import DataAndFiles, MultiPartParser

from accounts.api.parsers import declared_length
from accounts.api.refusals import TooLarge

ENVELOPE_BYTES = 64 * 1024
"""What the other fields and the boundaries of a multipart body may take."""


class UploadParser(MultiPartParser):
    """Reads multipart bodies; a subclass sets what a file may have and what to say when it has more."""

    maximum_bytes: ClassVar[int]
    too_large: ClassVar[str]

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> DataAndFiles:
        if declared_length(parser_context) > self.maximum_bytes + ENVELOPE_BYTES:
            raise TooLarge(self.too_large)
        return super().parse(stream, media_type, parser_context)
