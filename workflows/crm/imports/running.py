"""Running an import from its file to the last row; killed at any point, a second run goes on where it stopped."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.utils import timezone

from accounts.models import Account
from workflows.crm.imports.columns import Layout, read_header
from workflows.crm.imports.files import CsvFile, Row, UnreadableFile
from workflows.crm.imports.merging import Merger, Record
from workflows.crm.imports.problems import keep_problems
from workflows.crm.imports.rows import Person, RowProblem, RowReader
from workflows.crm.imports.staging import stage_contacts, stage_identities
from workflows.crm.imports.writing import claim_identities, write_staged
from workflows.crm.models import CustomField, Import, ImportHandling, ImportStatus
from workflows.crm.services.contacts.identities import Identity, find_owners
from workflows.crm.services.contacts.planning import Collision
from workflows.crm.services.contacts.reading import hold_definitions
from workflows.crm.services.locking import lock_contact_rows
from workflows.crm.services.tags import TagName, checked_name, get_or_create_tags

CHUNK_ROWS = 20_000
MAXIMUM_ATTEMPTS = 20
MAXIMUM_FRUITLESS_RUNS = 5
MAXIMUM_REMARKS = 50
RETRIED = frozenset({"40P01", "40001", "55P03"})
"""Deadlock, serialization failure, lock time-out: the chunk is repeated."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import has come; `share` is that of the file's bytes, 0–1.

    `contact_ids` are the contacts that the rows read last are about, new ones and known ones, each once.
    """

    rows: int
    share: float
    contact_ids: Sequence[UUID]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows that are written in one transaction."""

    persons: Sequence[Person]
    problems: Sequence[RowProblem]
    rows: int
    share: float


def run_import(
    *,
    import_id: UUID,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    is_stopping: Callable[[], bool] = lambda: False,
    clock: Callable[[], datetime] = timezone.now,
) -> Import:
    """Read the file of an import and write its contacts; return the import as it then is.

    Chunks of 20 000 rows are transactions of their own, each with the count of rows done, so that a repeated run
    continues. While another process runs the same import, nothing is done. A file that cannot be read ends it as
    `failed` with the reason; rows that cannot be read are kept as `ImportProblem`s and never lose the others. When
    `is_stopping` says so, it stops between two chunks and stays `running`. After five runs in a row that died at the
    same rows it is given up.
    """
    with _only_one(import_id) as is_ours:
        job = Import.objects.get(id=import_id)
        if not is_ours or job.status in (ImportStatus.COMPLETED, ImportStatus.FAILED):
            return job
        if job.fruitless_runs >= MAXIMUM_FRUITLESS_RUNS:
            reason = f"Given up behind row {job.total}: {job.fruitless_runs} runs in a row broke off there."
            _end(job, ImportStatus.FAILED, clock(), reason)
            job.refresh_from_db()
            return job
        job.status = ImportStatus.RUNNING
        job.fruitless_runs += 1  # taken back with the first rows written; a run that dies before leaves it
        job.save(update_fields=["status", "fruitless_runs"])
        try:
            is_finished = _read_and_write(job, on_progress, is_stopping, clock)
        except (UnreadableFile, OSError) as error:
            reason = str(error) if isinstance(error, UnreadableFile) else "The file is not there any more."
            _end(job, ImportStatus.FAILED, clock(), reason)
        else:
            if is_finished:
                _end(job, ImportStatus.COMPLETED, clock())
            else:
                Import.objects.filter(id=import_id).update(fruitless_runs=0)
        job.refresh_from_db()
        return job


def _read_and_write(
    job: Import,
    on_progress: Callable[[Progress], None],
    is_stopping: Callable[[], bool],
    clock: Callable[[], datetime],
) -> bool:
    """Write what is left of the file; tell whether it is finished."""
    with CsvFile(Path(job.path)) as file, ThreadPoolExecutor(1, thread_name_prefix="import") as reading:
        layout, reader = _prepare(job, file)
        rows = itertools.islice(file.rows(), job.total, None)
        following = reading.submit(_next_chunk, file, rows, reader)
        while (chunk := following.result()).rows:
            if is_stopping():
                return False
            following = reading.submit(_next_chunk, file, rows, reader)  # parsed while this one is written
            contact_ids = _write_chunk(job, chunk, clock())
            on_progress(Progress(job.total, chunk.share, contact_ids))
        _remark(job, [file.remark, *layout.remarks, *_unknown_fields(reader)])
    if job.total >= CHUNK_ROWS:
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE crm_contact, crm_contactidentity, crm_contacttag, crm_event")
    return True


def _prepare(job: Import, file: CsvFile) -> tuple[Layout, RowReader]:
    """Read the header and define the custom fields that the file brings along."""
    layout = read_header(file.header, CustomField.objects.for_account(job.account_id))
    CustomField.objects.bulk_create(
        [
            CustomField(account_id=job.account_id, key=field.key, label=field.label, field_type=field.field_type)
            for field in layout.new_fields
        ],
        ignore_conflicts=True,
    )
    custom_fields = {field.key: field for field in CustomField.objects.for_account(job.account_id)}
    country = Account.objects.values_list("default_country", flat=True).get(id=job.account_id)
    job.headings = list(layout.headings)
    job.save(update_fields=["headings"])
    return layout, RowReader(layout, custom_fields, country)


def _next_chunk(file: CsvFile, rows: Iterator[Row], reader: RowReader) -> Chunk:
    persons: list[Person] = []
    problems: list[RowProblem] = []
    for row in itertools.islice(rows, CHUNK_ROWS):
        read = reader.read(row)
        if isinstance(read, RowProblem):
            problems.append(read)
        else:
            persons.append(read)
    share = min(1.0, file.position / file.size) if file.size else 1.0
    return Chunk(persons, problems, len(persons) + len(problems), share)


def _write_chunk(job: Import, chunk: Chunk, now: datetime) -> Sequence[UUID]:
    """Write the chunk and count its rows in one transaction; return the contacts it is about."""
    for attempt in range(MAXIMUM_ATTEMPTS):
        try:
            with transaction.atomic():
                counts, contact_ids = _merge_chunk(job, chunk, now)
                keep_problems(job=job, problems=chunk.problems, now=now)
                totals = {name: getattr(job, name) + count for name, count in counts.items()}
                Import.objects.filter(id=job.id).update(**totals, fruitless_runs=0)
        except Collision:
            continue
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) not in RETRIED or attempt == MAXIMUM_ATTEMPTS - 1:
                raise
        else:
            job.refresh_from_db()
            return contact_ids
    raise Collision


def _merge_chunk(job: Import, chunk: Chunk, now: datetime) -> tuple[Mapping[str, int], Sequence[UUID]]:
    wanted = {identity for person in chunk.persons for identity in person.identities}
    owners = _locked_owners(job.account_id, wanted)
    merger = Merger(
        owners=owners,
        is_skipping=job.duplicate_handling == ImportHandling.SKIP,
        everyones_tag={checked_name(job.tag_name): job.tag_name.strip()} if job.tag_name else {},
    )
    merger.take_all(chunk.persons)
    _forget_deleted_fields(job.account_id, merger.records)
    claims = stage_identities(merger.records)
    if claim_identities(account_id=job.account_id, now=now) != claims:
        raise Collision
    names: dict[str, TagName] = {}
    for record in merger.records:
        for folded, name in record.tags.items():
            names.setdefault(folded, TagName(name))
    tags = get_or_create_tags(account_id=job.account_id, wanted=names, now=now)
    stage_contacts(merger.records, {folded: tag.id for folded, tag in tags.items()})
    changed = write_staged(account_id=job.account_id, evidence=f"Import of {job.filename}", now=now)
    return _counts(chunk, merger, changed), [record.contact_id for record in merger.records]


def _forget_deleted_fields(account_id: UUID, records: Sequence[Record]) -> None:
    """Leave out values of custom fields that were deleted since the header was read; hold the others."""
    keys = {key for record in records for key in record.custom_fields}
    gone = keys - hold_definitions(account_id=account_id, keys=keys).keys()
    for key in gone:
        for record in records:
            record.custom_fields.pop(key, None)


def _locked_owners(account_id: UUID, wanted: set[Identity]) -> Mapping[Identity, UUID]:
    """Return whose the identities are, with those contacts locked; read again under the locks."""
    owners = find_owners(account_id=account_id, identities=wanted)
    if owners:
        lock_contact_rows(account_id=account_id, contact_ids=set(owners.values()))
        if find_owners(account_id=account_id, identities=wanted) != owners:
            raise Collision
    return owners


def _counts(chunk: Chunk, merger: Merger, changed: set[UUID]) -> Mapping[str, int]:
    existing = [record for record in merger.records if not record.is_new]
    updated = sum(record.rows for record in existing if record.contact_id in changed)
    return {
        "total": chunk.rows,
        "created": sum(record.is_new for record in merger.records),
        "updated": updated + merger.repeats_with_news,
        "skipped": sum(record.rows for record in existing) - updated + merger.repeats,
        "failed": len(chunk.problems),
    }


def _unknown_fields(reader: RowReader) -> list[str]:
    names = sorted(reader.unknown_custom_fields)
    if not names:
        return []
    return [f"customFields named {', '.join(names[:20])}, which are no custom fields here: those values were left out."]


def _remark(job: Import, remarks: Sequence[str]) -> None:
    job.remarks = [remark for remark in remarks if remark][:MAXIMUM_REMARKS]
    job.save(update_fields=["remarks"])


def _end(job: Import, status: str, now: datetime, error_message: str = "") -> None:
    Import.objects.filter(id=job.id).update(status=status, error_message=error_message, completed_at=now)
    if job.is_upload:
        Path(job.path).unlink(missing_ok=True)


@contextmanager
def _only_one(import_id: UUID) -> Iterator[bool]:
    """Hold the import for this session; PostgreSQL lets go of it when the process dies."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [f"import {import_id}"])
        is_ours = bool(cursor.fetchone()[0])
    try:
        yield is_ours
    finally:
        if is_ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [f"import {import_id}"])
