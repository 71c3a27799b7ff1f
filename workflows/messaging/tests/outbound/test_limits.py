"""Whatever a server does, a request ends in time and takes little memory."""

import contextlib
import gzip
import socket
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from workflows.messaging.outbound import Client, NotSent, SentUnknown
from workflows.messaging.postbox.testing import postbox_in_process
from workflows.messaging.tests.outbound.servers import scripted

GRACE_SECONDS = 1.0
MEGABYTE = 1024 * 1024


@pytest.fixture
def stopwatch() -> Iterator[list[float]]:
    """Holds the limit of this test; fails the test when it took longer than that and the grace."""
    limit: list[float] = []
    started_at = time.monotonic()
    yield limit
    assert time.monotonic() - started_at < limit[0] + GRACE_SECONDS


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where the kernel takes connections and nobody reads or writes."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


class TestTime:
    @pytest.mark.parametrize("behaviour", ["hang", "drip_head"])
    def test_ends_without_an_answer(self, behaviour, outbound, postbox, stopwatch):
        postbox.add_rule(behaviour, interval_ms=20)
        stopwatch.append(0.5)
        with pytest.raises(SentUnknown, match="did not answer in time") as error:
            outbound.request("POST", postbox.url(), body=b"x", timeout_seconds=0.5)
        assert error.value.error_class == "timeout"

    @pytest.mark.parametrize("behaviour", ["drip_body", "endless_body", "gzip_bomb"])
    def test_ends_with_what_there_is_of_the_body(self, behaviour, outbound, postbox, stopwatch):
        postbox.add_rule(behaviour, interval_ms=20)
        stopwatch.append(0.5)
        answer = outbound.request("POST", postbox.url(), body=b"x", timeout_seconds=0.5)
        assert (answer.status_code, answer.truncated) == (200, True)

    def test_covers_all_redirects_together(self, outbound, postbox, stopwatch):
        postbox.add_rule("redirect", hops=3, delay_ms=300)
        stopwatch.append(0.7)
        with pytest.raises(SentUnknown, match="in time"):
            outbound.request("GET", postbox.url(), timeout_seconds=0.7)

    def test_covers_the_look_up_of_the_name(self, stopwatch):
        stopwatch.append(0.3)
        client = Client(lookup=lambda host: time.sleep(1.2) or ["93.184.216.34"])
        with pytest.raises(NotSent, match="not found in time") as error:
            client.request("GET", "http://slow-dns.example/", timeout_seconds=0.3)
        assert error.value.error_class == "timeout"

    def test_covers_a_server_that_says_nothing_in_the_tls_handshake(self, outbound, stopwatch, silent_port):
        stopwatch.append(0.4)
        with pytest.raises(NotSent, match="in time") as error:
            outbound.request("GET", f"https://127.0.0.1:{silent_port}/", timeout_seconds=0.4)
        assert error.value.error_class == "timeout"

    def test_covers_a_server_that_does_not_read(self, stopwatch, outbound, silent_port):
        stopwatch.append(0.5)
        body = bytes(32 * MEGABYTE)
        with pytest.raises(SentUnknown, match="did not take the whole request") as error:
            outbound.request("POST", f"http://127.0.0.1:{silent_port}/", body=body, timeout_seconds=0.5)
        assert error.value.error_class == "timeout"

    def test_covers_interim_answers_without_end(self, stopwatch, outbound):
        with scripted(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000) as server:
            stopwatch.append(1.0)
            with pytest.raises(SentUnknown, match="interim"):
                outbound.request("GET", f"http://127.0.0.1:{server.port}/", timeout_seconds=1)


class TestSize:
    def test_reads_no_more_than_asked_for(self, outbound, postbox):
        postbox.add_rule("accept", body="0123456789")
        answer = outbound.request("GET", postbox.url(), max_response_bytes=4)
        assert (answer.body, answer.truncated) == (b"0123", True)
        answer = outbound.request("GET", postbox.url(), max_response_bytes=10)
        assert (answer.body, answer.truncated) == (b"0123456789", False)

    @pytest.mark.parametrize("behaviour", ["endless_head", "endless_body", "gzip_bomb"])
    def test_stays_flat_in_memory(self, behaviour, outbound, postbox):
        postbox.add_rule(behaviour)
        tracemalloc.start()
        try:
            if behaviour == "endless_head":
                with pytest.raises(SentUnknown, match="did not answer in HTTP"):
                    outbound.request("GET", postbox.url(), timeout_seconds=5)
            else:
                answer = outbound.request("GET", postbox.url(), timeout_seconds=5)
                assert (len(answer.body), answer.truncated) == (256 * 1024, True)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 8 * MEGABYTE  # the postbox's own buffers are in this process too

    @pytest.mark.parametrize(
        ("encoding", "body", "unpacked"),
        [
            ("gzip", gzip.compress(b"hello", mtime=0), b"hello"),
            ("GZIP", gzip.compress(b"hello", mtime=0), b"hello"),
            ("x-gzip", gzip.compress(b"hello", mtime=0), b"hello"),
            ("deflate", zlib.compress(b"hello"), b"hello"),
            ("br", b"left as it is", b"left as it is"),
            ("", b"plain", b"plain"),
        ],
    )
    def test_unpacks_what_came_packed(self, encoding, body, unpacked, outbound):
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        with scripted(head + body) as server:
            answer = outbound.request("GET", f"http://127.0.0.1:{server.port}/")
        assert (answer.body, answer.truncated) == (unpacked, False)

    def test_calls_a_body_truncated_that_is_no_gzip(self, outbound):
        with scripted(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope") as server:
            answer = outbound.request("GET", f"http://127.0.0.1:{server.port}/")
        assert (answer.status_code, answer.body, answer.truncated) == (200, b"", True)


@pytest.mark.proof
class TestUnderFire:
    def test_memory_and_open_files_stay_flat_over_hundreds_of_hostile_answers(self, outbound, tmp_path):
        behaviours = ["endless_head", "endless_body", "gzip_bomb", "cut_body", "garbage", "reset", "drop_reply"]
        with postbox_in_process(tmp_path) as postbox:
            for behaviour in behaviours:
                postbox.add_rule(behaviour, path=f"/{behaviour}")

            def round_of_calls() -> None:
                for behaviour in behaviours:
                    with contextlib.suppress(SentUnknown):
                        outbound.request("POST", postbox.url(f"/{behaviour}"), body=b"x" * 10_000, timeout_seconds=2)

            for _ in range(5):
                round_of_calls()
            files, kilobytes = open_files(), resident_kilobytes()
            for _ in range(50):
                round_of_calls()
            assert open_files() <= files + 2
            assert resident_kilobytes() - kilobytes < 8 * 1024


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def resident_kilobytes() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])
