"""The files that a mail carries."""

from collections.abc import Sequence
from uuid import UUID

from workflows.messaging.models import Media

MAXIMUM_ATTACHMENTS = 10
MAXIMUM_BYTES = 20 * 1024 * 1024
"""Of all attachments of a mail together."""


def find_attachments(*, account_id: UUID, media_ids: Sequence[UUID]) -> list[Media]:
    """Return the files that there are, in the order asked for; one query, none for none."""
    if not media_ids:
        return []
    found = {media.id: media for media in Media.objects.for_account(account_id).filter(id__in=media_ids)}
    return [found[media_id] for media_id in dict.fromkeys(media_ids) if media_id in found]


def too_large(files: Sequence[Media]) -> bool:
    return sum(file.size for file in files) > MAXIMUM_BYTES
