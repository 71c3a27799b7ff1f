"""Sound files that calls play: what they are and how long they last, judged by their content."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import IO
from uuid import UUID

from django.conf import settings

from accounts.problems import Problem
from workflows.messaging import tokens
from workflows.messaging.models import Media
from workflows.messaging.services.file_types import type_of

MAXIMUM_BYTES = 5 * 1024 * 1024
MAXIMUM_SECONDS = 300
TYPES = ("audio/mpeg", "audio/wav")
VALID_FOR = timedelta(days=1)
WAVE_CODINGS = frozenset({1, 6, 7})
"""PCM, A-law and µ-law, which telephones know; in an extensible header the coding is named further behind."""
EXTENSIBLE = 0xFFFE
BIT_RATES = {
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Kbit/s of MP3 by version of MPEG and the header's number; 0 would be free format, which nobody plays."""
SAMPLE_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
"""By the header's number of the version."""
HEADER_BYTES = 4
SYNCHRONISED = 0xE0
"""A header begins with eleven ones."""
ID3_BYTES = 10
MAXIMUM_MISSES = 10_000
"""What looks like the head of a frame and is none, after which a file is not looked at any further."""


class NoSound(ValueError):
    """The file is no sound that can be played; the text says why."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of an MP3."""

    size: int
    seconds: float


def problem_of(media: Media, attr: str) -> Problem | None:
    """Return why calls cannot play a file, if so; reads it."""
    try:
        check(media)
    except NoSound as error:
        return Problem("invalid_audio", str(error), attr)
    return None


def check(media: Media) -> float:
    """Return how many seconds a file lasts, or raise NoSound."""
    if media.size > MAXIMUM_BYTES:
        raise NoSound(f"The file has more than {MAXIMUM_BYTES // 1024**2} MB; upload a shorter or smaller one.")
    try:
        with media.file.open("rb") as file:
            return seconds_of(file)
    except FileNotFoundError:
        raise NoSound("The file is not on this machine any more; upload it again.") from None


def seconds_of(file: IO[bytes]) -> float:
    """Return how long a sound lasts, or raise NoSound when it is none, silent, broken or too long."""
    kind = type_of(file, "")
    if kind is None or kind.content_type not in TYPES:
        raise NoSound("The file is neither MP3 nor WAV, judged by its content.")
    file.seek(0)
    content = file.read(MAXIMUM_BYTES + 1)
    seconds = seconds_of_wave(content) if kind.content_type == "audio/wav" else seconds_of_mp3(content)
    if not seconds:
        raise NoSound("The file holds no sound; record it anew.")
    if seconds > MAXIMUM_SECONDS:
        raise NoSound(f"The sound lasts more than {MAXIMUM_SECONDS // 60} minutes; shorten it.")
    return seconds


def seconds_of_wave(content: bytes) -> float:
    """Return the length of a WAV by its header and the data that are really there."""
    place, bytes_a_second, length = 12, 0, 0
    while place + 8 <= len(content):
        name, size = content[place : place + 4], int.from_bytes(content[place + 4 : place + 8], "little")
        body = content[place + 8 : place + 8 + size]
        if name == b"fmt " and len(body) >= 16:  # noqa: PLR2004 - of the least header
            coding = int.from_bytes(body[:2], "little")
            coding = int.from_bytes(body[24:26], "little") if coding == EXTENSIBLE else coding
            if coding not in WAVE_CODINGS:
                raise NoSound("The WAV is not PCM, A-law or µ-law; save it as one of these.")
            bytes_a_second = int.from_bytes(body[8:12], "little")
        elif name == b"data":
            length += len(body)
        place += 8 + size + size % 2
    return length / bytes_a_second if bytes_a_second else 0.0


def seconds_of_mp3(content: bytes) -> float:
    """Return the length of an MP3, frame by frame; what stands between frames is passed over."""
    place, seconds, misses = end_of_tag(content), 0.0, 0
    while (place := content.find(b"\xff", place)) >= 0 and misses < MAXIMUM_MISSES:
        frame = frame_at(content, place)
        if frame is None:
            place += 1
            misses += 1
        else:
            seconds += frame.seconds
            place += frame.size
    return seconds


def end_of_tag(content: bytes) -> int:
    """Return where the sound begins behind an ID3 tag, whose size is written in seven bits a byte."""
    if not content.startswith(b"ID3") or len(content) < ID3_BYTES:
        return 0
    first, second, third, fourth = content[6:10]
    return ID3_BYTES + (first << 21 | second << 14 | third << 7 | fourth)


def frame_at(content: bytes, place: int) -> Frame | None:
    """Return the frame of layer III whose header is at a place and which is there in full, if there is one."""
    header = content[place : place + HEADER_BYTES]
    if len(header) < HEADER_BYTES or header[1] < SYNCHRONISED or header[1] >> 1 & 3 != 1:
        return None
    version, rate_number, sample_number = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3
    if version not in SAMPLE_RATES or not 0 < rate_number < len(BIT_RATES[1]) or sample_number > 2:  # noqa: PLR2004
        return None
    is_first = version == 3  # noqa: PLR2004 - MPEG 1
    rate = SAMPLE_RATES[version][sample_number]
    samples = 1152 if is_first else 576
    bits = BIT_RATES[1 if is_first else 2][rate_number] * 1000
    size = samples // 8 * bits // rate + (header[2] >> 1 & 1)
    return Frame(size, samples / rate) if place + size <= len(content) else None


def public_url(*, account_id: UUID, media_id: UUID, today: date) -> str:
    """Return an address that plays a file of the account to whoever knows it, until the end of the next day."""
    token = tokens.audio_token(account_id, media_id, today + VALID_FOR)
    return f"{settings.PUBLIC_URL.rstrip('/')}/t/a/{token}"
