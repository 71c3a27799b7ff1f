"""Files that messages carry: taken in, kept and removed."""

import re
from typing import Any
from uuid import UUID

from django.core.files.base import File
from django.db import transaction
from uuid_utils.compat import uuid7

from accounts import audit
from accounts.actors import Actor
from accounts.problems import Invalid, Missing, Problem
from workflows.messaging.mailboxes import one_line
from workflows.messaging.models import Media
from workflows.messaging.services.attachments import MAXIMUM_BYTES
from workflows.messaging.services.file_types import KNOWN, type_of, with_ending

MAXIMUM_NAME_LENGTH = 150
UNWANTED = re.compile(r'[\\/:*?"<>|\u200e\u200f\u202a-\u202e\u2066-\u2069]+')


def take_in(*, account_id: UUID, actor: Actor, file: "File[Any]", name: str) -> Media:
    """Keep an uploaded file, or raise Invalid when it is empty, too large or of a type that is not taken in."""
    size = file.size
    if not size:
        raise Invalid(Problem("empty", "The file is empty.", "file"))
    if size > MAXIMUM_BYTES:
        raise Invalid(Problem("too_large", f"A file has at most {MAXIMUM_BYTES // 1024**2} MB.", "file"))
    name = file_name(name)
    file_type = type_of(file.open(), name)
    if file_type is None:
        raise Invalid(Problem("unsupported_type", f"The file is none of {KNOWN}, judged by its content.", "file"))
    name = with_ending(name, file_type)
    media_id = uuid7()
    media = Media(
        id=media_id,
        account_id=account_id,
        name=name,
        content_type=file_type.content_type,
        size=size,
        created_by_id=actor.user_id,
    )
    file.seek(0)
    media.file.save(f"{account_id}/{media_id}", File(file), save=False)
    try:
        with transaction.atomic():
            media.save(force_insert=True)
            record(media, actor, "media.created", after=facts(media))
    except BaseException:
        media.file.storage.delete(str(media.file.name))
        raise
    return media


def delete_media(*, account_id: UUID, actor: Actor, media_id: UUID) -> None:
    """Delete a file; steps that carry it fail with `media_not_found` from then on."""
    with transaction.atomic():
        media = Media.objects.for_account(account_id).select_for_update().filter(id=media_id).first()
        if media is None:
            raise Missing
        record(media, actor, "media.deleted", before=facts(media))
        storage, stored_name = media.file.storage, str(media.file.name)
        media.delete()
        transaction.on_commit(lambda: storage.delete(stored_name))


def file_name(name: str) -> str:
    """Return the name as recipients may see it: no folders, no line breaks, nothing that turns its ending around."""
    cleaned = one_line(UNWANTED.sub(" ", name.replace("\\", "/").rpartition("/")[2])).strip(". ")
    stem, dot, ending = cleaned.rpartition(".")
    room = MAXIMUM_NAME_LENGTH - 12
    return f"{stem[:room]}{dot}{ending[:6]}" if dot and stem else cleaned[:room] or "file"


def facts(media: Media) -> dict[str, Any]:
    return {"name": media.name, "content_type": media.content_type, "size": media.size}


def record(
    media: Media,
    actor: Actor,
    verb: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    audit.record(
        account_id=media.account_id,
        actor=actor,
        verb=verb,
        object_type="media",
        object_id=media.id,
        before=before,
        after=after,
    )
