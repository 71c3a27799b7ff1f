"""Connections are kept where that is safe, and used again by one request at a time."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network

import pytest

from workflows.messaging.outbound import Client, NotSent, SentUnknown
from workflows.messaging.outbound import connections as module
from workflows.messaging.postbox.testing import postbox_in_process
from workflows.messaging.tests.outbound.servers import OK, scripted


@pytest.fixture
def client():
    client = Client(allowed=[ip_network("127.0.0.1/32")])
    yield client
    client.close()


class TestReuse:
    def test_sends_the_next_request_over_the_same_connection(self, client):
        with scripted([OK, OK]) as server:
            for _ in range(2):
                assert client.request("POST", f"http://127.0.0.1:{server.port}/", body=b"x").body == b"ok"
            client.close()
            assert len(server.connections) == 1

    def test_opens_a_new_one_when_the_server_has_closed(self, client):
        with scripted(OK) as server:
            for _ in range(3):
                assert client.request("POST", f"http://127.0.0.1:{server.port}/", body=b"x").body == b"ok"
                time.sleep(0.05)
            assert len(server.connections) == 3

    @pytest.mark.parametrize(
        "answer",
        [
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
            b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
            OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        ],
        ids=["told to close", "HTTP 1.0", "an answer nobody asked for"],
    )
    def test_gives_a_connection_up_that_cannot_be_trusted(self, answer, client):
        with scripted([answer, OK]) as server:
            for _ in range(2):
                assert client.request("GET", f"http://127.0.0.1:{server.port}/").body == b"ok"
            client.close()
            assert len(server.connections) == 2

    def test_gives_a_connection_up_whose_body_was_not_read_to_its_end(self, client):
        with scripted([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", OK]) as server:
            client.request("GET", f"http://127.0.0.1:{server.port}/", max_response_bytes=1)
            client.request("GET", f"http://127.0.0.1:{server.port}/")
            client.close()
            assert len(server.connections) == 2

    def test_does_not_use_one_that_rested_too_long(self, client, monkeypatch):
        monkeypatch.setattr(module, "IDLE_SECONDS", 0.05)
        with scripted([OK, OK]) as server:
            client.request("GET", f"http://127.0.0.1:{server.port}/")
            time.sleep(0.1)
            client.request("GET", f"http://127.0.0.1:{server.port}/")
            client.close()
            assert len(server.connections) == 2

    def test_keeps_a_bounded_number(self, client, monkeypatch):
        monkeypatch.setattr(module, "MAXIMUM_IDLE", 2)
        pool = client._connections
        servers = [scripted([OK, OK]) for _ in range(4)]
        ports = [server.__enter__().port for server in servers]
        for port in ports:
            client.request("GET", f"http://127.0.0.1:{port}/")
        assert pool._count == sum(len(resting) for resting in pool._resting.values()) == 2
        client.close()
        for server in servers:
            server.__exit__(None, None, None)

    def test_says_unknown_when_a_kept_connection_breaks_after_the_request(self, client):
        with scripted([OK, b""]) as server:
            client.request("POST", f"http://127.0.0.1:{server.port}/", body=b"x")
            with pytest.raises(SentUnknown, match="without an answer"):
                client.request("POST", f"http://127.0.0.1:{server.port}/", body=b"y")
            assert b"".join(server.requests).count(b"POST") == 2


class TestAddresses:
    def test_are_tried_in_turn_within_the_time(self, postbox):
        tried = []

        def dial(address, port, timeout_seconds):
            tried.append((str(address), round(timeout_seconds, 1)))
            if len(tried) < 3:
                raise TimeoutError
            return module.dial(address, port, timeout_seconds)

        client = Client(
            allowed=[ip_network("127.0.0.0/8")],
            lookup=lambda host: ["127.0.0.8", "127.0.0.9", "127.0.0.1"],
            dial=dial,
        )
        assert (
            client.request("GET", f"http://many.example:{postbox.address.http}/x", timeout_seconds=9).status_code == 200
        )
        assert tried == [("127.0.0.8", 3.0), ("127.0.0.9", 4.5), ("127.0.0.1", 9.0)]
        client.close()

    def test_are_remembered_for_a_while_and_looked_up_once_by_many(self, postbox):
        asked = []

        def lookup(host):
            asked.append(host)
            time.sleep(0.1)
            return ["127.0.0.1"]

        client = Client(allowed=[ip_network("127.0.0.1/32")], lookup=lookup)
        url = f"http://hooks.example:{postbox.address.http}/x"
        with ThreadPoolExecutor(8) as threads:
            assert {answer.status_code for answer in threads.map(lambda _: client.request("GET", url), range(16))} == {
                200
            }
        assert asked == ["hooks.example"]
        client.close()

    def test_of_too_many_names_at_once_are_refused(self, monkeypatch):
        from workflows.messaging.outbound import resolving

        monkeypatch.setattr(resolving, "MAXIMUM_LOOKUPS", 1)
        release = threading.Event()
        client = Client(lookup=lambda host: release.wait(5) and ["127.0.0.1"])
        with ThreadPoolExecutor(1) as threads:
            first = threads.submit(client.request, "GET", "http://one.example/", timeout_seconds=5)
            time.sleep(0.1)
            with pytest.raises(NotSent, match="Too many names") as error:
                client.request("GET", "http://two.example/")
            release.set()
            with pytest.raises(NotSent, match="must not be called"):
                first.result()
        assert error.value.error_class == "network"


@pytest.mark.proof
class TestThroughput:
    def test_makes_300_requests_a_second_against_a_server_that_takes_50_ms(self, client, tmp_path):
        with postbox_in_process(tmp_path) as postbox:
            postbox.add_rule("accept", delay_ms=50)

            def call(number: int) -> int:
                return client.request(
                    "POST", postbox.url(), headers={"webhook-id": f"k{number}"}, body=b"{}"
                ).status_code

            with ThreadPoolExecutor(32) as threads:
                started_at = time.monotonic()
                statuses = set(threads.map(call, range(3000)))
                rate = 3000 / (time.monotonic() - started_at)
            assert statuses == {200}
            assert postbox.counts()["new"] == 3000
        assert rate >= 300  # 32 at a time could make 640
