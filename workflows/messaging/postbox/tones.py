"""A little sound for recordings: two notes, one for each side of a call."""

import io
import math
import struct
import wave

RATE = 8000
NOTES = (440.0, 554.4)
"""Hertz, by channel."""
LOUDNESS = 6000


def greeting(seconds: int) -> bytes:
    """Return a WAV of two channels, 16 bits at 8 kHz."""
    samples = (
        struct.pack("<2h", *(round(LOUDNESS * math.sin(2 * math.pi * note * place / RATE)) for note in NOTES))
        for place in range(RATE * seconds)
    )
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(len(NOTES))
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(b"".join(samples))
    return file.getvalue()
