from datetime import UTC, datetime, timedelta

import pytest

from workflows.messaging.retry_after import LONGEST, parse_retry_after

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)


class TestParseRetryAfter:
    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("0", 0),
            ("1", 1),
            ("120", 120),
            (" 120 ", 120),
            ("007", 7),
            ("1.5", 2),  # rounded up: never earlier than asked
            ("0.001", 1),
            ("86400", 86400),
            ("Mon, 23 Nov 2026 14:32:00 GMT", 120),  # the form of today
            ("Monday, 23-Nov-26 14:32:00 GMT", 120),  # RFC 850
            ("Mon Nov 23 14:32:00 2026", 120),  # asctime
            ("Mon, 23 Nov 2026 15:32:00 +0100", 120),
            ("Mon, 23 Nov 2026 14:30:00 GMT", 0),
            ("Mon, 23 Nov 2026 14:00:00 GMT", 0),  # past
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ],
    )
    def test_understands_seconds_and_dates(self, value, seconds):
        assert parse_retry_after(value, now=NOW) == timedelta(seconds=seconds)

    @pytest.mark.parametrize(
        "value",
        [
            "86401",
            "31536000",
            "9" * 400,
            "9" * 300 + ".5",
            "Tue, 24 Nov 2026 14:30:01 GMT",
            "Fri, 31 Dec 9999 23:59:59 GMT",
        ],
    )
    def test_waits_no_longer_than_a_day(self, value):
        assert parse_retry_after(value, now=NOW) == LONGEST == timedelta(hours=24)

    @pytest.mark.parametrize(
        "value",
        [
            None,
            "",
            " ",
            "-1",
            "-120",
            "+5",
            "soon",
            "1e3",
            "1,5",
            "12 s",
            "0x10",
            "٣",
            "１２０",
            "nan",
            "inf",
            "9" * 1000,
            "120, 240",
            "Mon, 99 Nov 2026 14:32:00 GMT",
            "Mon, 23 Nov 2026 99:99:99 GMT",
            "Mon, 23 Nov 99999 14:32:00 GMT",
            "Mon, 23 Nov 2026 14:32:00 +99999999",
            "Mon",
            "2026-11-23T14:32:00Z",
            "\0",
            "a" * 10_000,
        ],
    )
    def test_takes_the_rest_for_silence(self, value):
        assert parse_retry_after(value, now=NOW) is None
