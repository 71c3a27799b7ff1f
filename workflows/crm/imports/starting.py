"""Taking files in: each becomes an `Import` that a worker or a command runs."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction
from uuid_utils.compat import uuid7

from accounts import audit
from accounts.actors import Actor
from accounts.problems import Invalid, Problem
from workflows.crm.imports.files import printable
from workflows.crm.models import Import, ImportHandling, ImportStatus
from workflows.crm.services.tags import checked_name

MAXIMUM_UPLOAD_BYTES = 200 * 1024 * 1024


def start_import(
    *,
    account_id: UUID,
    actor: Actor,
    path: Path,
    filename: str = "",
    tag_name: str = "",
    duplicate_handling: str = ImportHandling.UPDATE,
) -> Import:
    """Record that the file at `path` is to be imported; `run_import` does it. Audited.

    Raises Invalid for a tag that cannot be.
    """
    return _record(account_id, actor, path, filename or path.name, tag_name, duplicate_handling, is_upload=False)


def receive_file(
    *,
    account_id: UUID,
    actor: Actor,
    chunks: Iterable[bytes],
    filename: str,
    tag_name: str = "",
    duplicate_handling: str = ImportHandling.UPDATE,
) -> Import:
    """Store an uploaded file piece by piece, at most 200 MB, and record it like `start_import`."""
    folder = Path(settings.MEDIA_ROOT) / "imports"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{uuid7()}.csv"
    try:
        with path.open("xb") as file:
            for chunk in chunks:
                file.write(chunk)
                if file.tell() > MAXIMUM_UPLOAD_BYTES:
                    detail = f"The file is larger than {MAXIMUM_UPLOAD_BYTES // 1024**2} MB; split it."
                    raise Invalid(Problem("too_large", detail, "file"))
        return _record(account_id, actor, path, filename, tag_name, duplicate_handling, is_upload=True)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def unfinished_imports(*, before: datetime) -> list[UUID]:
    """Return the imports taken in before that time which nobody has finished."""
    waiting = Import.objects.filter(
        status__in=(ImportStatus.QUEUED, ImportStatus.RUNNING), is_upload=True, created_at__lt=before
    )
    return list(waiting.order_by("id").values_list("id", flat=True))


def _record(
    account_id: UUID,
    actor: Actor,
    path: Path,
    filename: str,
    tag_name: str,
    duplicate_handling: str,
    *,
    is_upload: bool,
) -> Import:
    if duplicate_handling not in ImportHandling.values:
        detail = f"duplicate_handling must be one of {', '.join(ImportHandling.values)}."
        raise Invalid(Problem("invalid_choice", detail, "duplicate_handling"))
    if tag_name:
        checked_name(tag_name)
    with transaction.atomic():
        job = Import.objects.create(
            account_id=account_id,
            filename=printable(filename)[:255],
            path=str(path.resolve()),
            is_upload=is_upload,
            tag_name=tag_name.strip(),
            duplicate_handling=duplicate_handling,
        )
        audit.record(
            account_id=account_id,
            actor=actor,
            verb="contacts.imported",
            object_type="import",
            object_id=job.id,
            after={"filename": job.filename, "tag_name": job.tag_name, "duplicate_handling": duplicate_handling},
        )
    return job
