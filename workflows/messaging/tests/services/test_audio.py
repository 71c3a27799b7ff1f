"""What a sound is, and how long it lasts."""

import io
import random
from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.test import Client

from accounts.tests.factories import AccountFactory
from workflows.engine import clock
from workflows.messaging import tokens
from workflows.messaging.services.audio import MAXIMUM_BYTES, NoSound, check, public_url, seconds_of
from workflows.messaging.tests.factories import MediaFactory
from workflows.messaging.tests.sounds import FRAME, mp3, wave

LONGEST_FRAMES = 11_484
"""Of 1152 samples at 44.1 kHz: a hair less than five minutes."""


def seconds(content: bytes) -> float:
    return seconds_of(io.BytesIO(content))


def status(path: str, method: str = "GET") -> int:
    answer = Client().generic(method, path)
    if answer.streaming:
        b"".join(answer.streaming_content)  # which closes the file
    return answer.status_code


class TestSeconds:
    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            (wave(2.5), 2.5),
            (wave(1, channels=2), 1.0),
            (wave(300), 300.0),
            (wave(1)[:-8000], 0.5),  # cut off: what is there counts
            (mp3(100), 100 * 1152 / 44100),
            (mp3(100, tag=bytes(2000) + FRAME), 100 * 1152 / 44100),  # what a tag holds does not count
            (mp3(1) + b"\xff\x00" * 50 + mp3(1), 2 * 1152 / 44100),
            (mp3(LONGEST_FRAMES), LONGEST_FRAMES * 1152 / 44100),
        ],
        ids=["wave", "stereo", "longest wave", "cut wave", "mp3", "tagged mp3", "mp3 with junk", "longest mp3"],
    )
    def test_are_counted(self, content, expected):
        assert seconds(content) == pytest.approx(expected)

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"%PDF-1.7\n", "neither MP3 nor WAV"),
            (wave(0), "no sound"),
            (wave(301), "5 minutes"),
            (b"ID3\x03\x00\x00\x00\x00\x00\x00" + bytes(500), "no sound"),
            (b"\xff\xfb" + bytes(500), "no sound"),
            (mp3(LONGEST_FRAMES + 2), "5 minutes"),
            (b"RIFF\x00\x00\x00\x00WAVE", "no sound"),
            (b"RIFF\x00\x00\x00\x00WAVEfmt \xff\xff\xff\xff", "no sound"),
            (wave(1).replace(b"fmt \x10\x00\x00\x00\x01\x00", b"fmt \x10\x00\x00\x00\x55\x00"), "PCM"),
        ],
        ids=["pdf", "silent", "long", "tag alone", "no frame", "long mp3", "bare", "broken", "coded"],
    )
    def test_are_refused_where_calls_could_not_play_it(self, content, reason):
        with pytest.raises(NoSound, match=reason):
            seconds(content)

    def test_are_counted_soon_whatever_the_file(self):
        junk = random.Random(1).randbytes(MAXIMUM_BYTES // 5).replace(b"\xff", b"\xff\xff")
        with pytest.raises(NoSound):
            seconds(b"ID3" + b"\xff" * MAXIMUM_BYTES)
        try:
            seconds(b"ID3\x03\x00\x00\x00\x00\x00\x00" + junk)
        except NoSound:
            return


@pytest.mark.django_db
class TestFiles:
    def test_may_have_five_megabytes(self, account):
        media = MediaFactory(account=account, is_sound=True, size=MAXIMUM_BYTES)
        assert check(media) == 1.0
        media.size += 1
        with pytest.raises(NoSound, match="5 MB"):
            check(media)

    def test_may_be_gone(self, account):
        media = MediaFactory(account=account, is_sound=True)
        media.file.storage.delete(media.file.name)
        with pytest.raises(NoSound, match="upload it again"):
            check(media)


@pytest.mark.django_db
class TestAddresses:
    @pytest.fixture(autouse=True)
    def public_url(self, settings):
        settings.PUBLIC_URL = "https://crm.example"

    def address(self, media, today=None):
        url = public_url(account_id=media.account_id, media_id=media.id, today=today or clock.now().date())
        return url.removeprefix("https://crm.example")

    def test_play_to_whoever_knows_them(self, account):
        media = MediaFactory(account=account, is_sound=True)
        answer = Client().get(self.address(media))
        assert (answer.status_code, answer["Content-Type"]) == (200, "audio/wav")
        assert b"".join(answer.streaming_content) == wave()
        assert status(self.address(media), "HEAD") == 200
        assert status(self.address(media), "POST") == 405

    def test_are_the_same_all_day_and_end_with_the_next(self, account):
        media = MediaFactory(account=account, is_sound=True)
        today = clock.now().date()
        assert self.address(media) == self.address(media)
        assert status(self.address(media, today - timedelta(days=1))) == 200
        assert status(self.address(media, today - timedelta(days=2))) == 404

    def test_cannot_be_guessed_or_changed(self, account):
        media = MediaFactory(account=account, is_sound=True)
        path = self.address(media)
        for wrong in (f"{path}x", path[:-1], "/t/a/x", "/t/a/\x00", f"/t/a/{'A' * 60}.{'b' * 43}"):
            assert status(wrong) == 404
        opened = tokens.write("open", account.id.bytes + media.id.bytes + date.max.toordinal().to_bytes(4))
        assert status(f"/t/a/{opened}") == 404

    def test_lead_to_sounds_of_the_account_they_name_alone(self, account):
        picture, sound = MediaFactory(account=account), MediaFactory(account=account, is_sound=True)
        assert status(self.address(picture)) == 404
        sound.account_id = AccountFactory().id
        assert status(self.address(sound)) == 404
        sound.account_id, sound.id = account.id, uuid4()
        assert status(self.address(sound)) == 404

    def test_say_nothing_of_a_file_that_is_gone(self, account):
        media = MediaFactory(account=account, is_sound=True)
        media.file.storage.delete(media.file.name)
        assert status(self.address(media)) == 404
