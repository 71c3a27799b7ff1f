"""Sounds for tests, made by hand: nothing in them but silence."""

import io
import wave as waves

RATE = 8000
FRAME = b"\xff\xfb\x90\x00" + bytes(413)
"""Of an MP3: MPEG 1, layer III, 128 kbit/s at 44.1 kHz, 26 ms."""


def wave(seconds: float = 1.0, *, channels: int = 1) -> bytes:
    """Return a WAV as telephones have it: 16 bits, 8 kHz."""
    file = io.BytesIO()
    with waves.open(file, "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(bytes(int(2 * channels * RATE * seconds)))
    return file.getvalue()


def mp3(frames: int = 100, *, tag: bytes = b"") -> bytes:
    """Return an MP3 of so many frames, behind an ID3 tag if there is one."""
    size = len(tag)
    head = b"ID3\x03\x00\x00" + bytes([size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127]) if tag else b""
    return head + tag + FRAME * frames
