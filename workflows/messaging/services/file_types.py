"""What an uploaded file is, judged by its content: the few types that mails carry."""

import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO

HEAD_BYTES = 4096
SAMPLE_BYTES = 64 * 1024
MAXIMUM_ZIP_ENTRIES = 20_000
OPEN_XML = "application/vnd.openxmlformats-officedocument."

_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class FileType:
    """A type that is taken in; the first of its endings is given to files that have none of them."""

    content_type: str
    endings: Sequence[str]


SIGNATURES: Sequence[tuple[re.Pattern[bytes], FileType]] = [
    (re.compile(rb"%PDF-[12]\."), FileType("application/pdf", [".pdf"])),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), FileType("image/png", [".png"])),
    (re.compile(rb"\xff\xd8\xff"), FileType("image/jpeg", [".jpg", ".jpeg"])),
    (re.compile(rb"GIF8[79]a"), FileType("image/gif", [".gif"])),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), FileType("image/webp", [".webp"])),
    (re.compile(rb"RIFF....WAVE", re.DOTALL), FileType("audio/wav", [".wav"])),
    (re.compile(rb"ID3|\xff[\xfb\xfa\xf3\xf2]"), FileType("audio/mpeg", [".mp3"])),
    (re.compile(rb"....ftyp(?:isom|iso[2-6]|mp4[12]|avc1|M4V )", re.DOTALL), FileType("video/mp4", [".mp4", ".m4v"])),
]
OFFICE = {
    "word/": FileType(f"{OPEN_XML}wordprocessingml.document", [".docx"]),
    "xl/": FileType(f"{OPEN_XML}spreadsheetml.sheet", [".xlsx"]),
    "ppt/": FileType(f"{OPEN_XML}presentationml.presentation", [".pptx"]),
}
ZIP = FileType("application/zip", [".zip"])
TEXTS = {
    ".csv": FileType("text/csv", [".csv"]),
    ".ics": FileType("text/calendar", [".ics"]),
    ".txt": FileType("text/plain", [".txt"]),
}
KNOWN = "PDF, PNG, JPEG, GIF, WebP, MP3, WAV, MP4, DOCX, XLSX, PPTX, ZIP, and CSV, ICS or TXT in UTF-8"


def type_of(file: IO[bytes], name: str) -> FileType | None:
    """Return the type of a file, None when it is not among those taken in. Texts are told apart by their ending."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    for pattern, file_type in SIGNATURES:
        if pattern.match(head):
            return file_type
    if head.startswith(b"PK\x03\x04"):
        return zip_type(file)
    text_type = TEXTS.get(PurePosixPath(name).suffix.lower())
    return text_type if text_type and is_text(file) else None


def zip_type(file: IO[bytes]) -> FileType | None:
    """Tell an office document from other archives; macros make it none of ours."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, RuntimeError, UnicodeError):
        return None
    if len(names) > MAXIMUM_ZIP_ENTRIES or any(name.lower().endswith("vbaproject.bin") for name in names):
        return None
    if "[Content_Types].xml" not in names:
        return ZIP
    return next((kind for folder, kind in OFFICE.items() if any(name.startswith(folder) for name in names)), None)


def is_text(file: IO[bytes]) -> bool:
    """Tell whether a file is UTF-8 without control characters, as far as a sample shows."""
    file.seek(0)
    sample = file.read(SAMPLE_BYTES)
    if not sample or _CONTROL.search(sample):
        return False
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(sample) - 3 and len(sample) == SAMPLE_BYTES  # cut within a character
    return True


def with_ending(name: str, file_type: FileType) -> str:
    """Return a file name that does not claim to be another type."""
    is_fitting = PurePosixPath(name).suffix.lower() in file_type.endings
    return name if is_fitting else f"{name}{file_type.endings[0]}"
