"""Webhooks as the postbox takes them in. How clients fare with its misbehaviour is in ../outbound."""

import http.client
import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from workflows.messaging.postbox.testing import PostboxClient


def call(postbox: PostboxClient, method="POST", path="/hooks/test", body=b"{}", headers=None):
    """Make a request with the plainest client there is."""
    connection = http.client.HTTPConnection(postbox.address.host, postbox.address.http, timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())
    finally:
        connection.close()


class TestArrivals:
    def test_are_written_down_as_they_came(self, postbox):
        status, body, _ = call(
            postbox, "PATCH", "/any/thing?x=1", b'{"name": "\xc3\xa4"}', {"X-One": "1", "Idempotency-Key": "k"}
        )
        assert (status, json.loads(body)) == (200, {"received": True})
        [arrived] = postbox.requests()
        assert (arrived["method"], arrived["host"], arrived["path"]) == ("PATCH", "127.0.0.1", "/any/thing?x=1")
        assert (arrived["key"], arrived["outcome"], arrived["body"]) == ("k", "new", '{"name": "ä"}')
        assert ["X-One", "1"] in arrived["headers"]

    def test_show_bytes_that_are_no_text_in_base64(self, postbox):
        call(postbox, body=b"\xff\x00")
        [arrived] = postbox.requests()
        assert arrived["body_base64"] == "/wA="
        assert "body" not in arrived

    @pytest.mark.parametrize(
        ("headers", "key"),
        [
            ({}, ""),
            ({"webhook-id": "w"}, "w"),
            ({"Idempotency-Key": "i"}, "i"),
            ({"Webhook-ID": "w", "Idempotency-Key": "i"}, "w"),
        ],
    )
    def test_are_keyed_by_the_header(self, headers, key, postbox):
        call(postbox, headers=headers)
        assert postbox.requests()[0]["key"] == key

    def test_are_taken_side_by_side(self, postbox):
        postbox.add_rule("accept", delay_ms=200)
        with ThreadPoolExecutor(20) as threads:
            statuses = list(
                threads.map(lambda number: call(postbox, headers={"webhook-id": str(number)})[0], range(20))
            )
        assert statuses == [200] * 20
        assert postbox.counts()["keys"] == 20

    @pytest.mark.parametrize(
        "data",
        [b"", b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"],
        ids=["nothing", "a TLS greeting", "no HTTP", "half a body"],
    )
    def test_that_break_off_are_none(self, data, postbox):
        with socket.create_connection((postbox.address.host, postbox.address.http)) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1000)
        assert postbox.counts()["total"] == 0
        assert call(postbox)[0] == 200


class TestKeys:
    def test_are_answered_the_second_time_like_the_first(self, postbox):
        postbox.add_rule("accept", body='{"number": 1}', status=201, times=1)
        first = call(postbox, headers={"webhook-id": "k"})
        second = call(postbox, headers={"webhook-id": "k"})
        assert first[:2] == second[:2] == (201, b'{"number": 1}')
        assert [arrived["outcome"] for arrived in postbox.requests()] == ["new", "repeated"]
        assert postbox.counts()["keys_twice_as_new"] == 0

    def test_count_as_new_after_a_refusal(self, postbox):
        postbox.add_rule("status", status=503, times=1)
        assert [call(postbox, headers={"webhook-id": "k"})[0] for _ in range(2)] == [503, 200]
        assert [arrived["outcome"] for arrived in postbox.requests()] == ["refused", "new"]

    def test_were_acted_on_although_the_reply_was_dropped(self, postbox):
        postbox.add_rule("drop_reply", times=1)
        with pytest.raises(http.client.RemoteDisconnected):
            call(postbox, headers={"webhook-id": "k"})
        assert call(postbox, headers={"webhook-id": "k"})[0] == 200
        assert [arrived["outcome"] for arrived in postbox.requests()] == ["new", "repeated"]

    def test_are_twice_new_where_the_receiver_does_not_honour_them(self, postbox):
        postbox.add_rule("accept", honours_keys=False)
        for _ in range(2):
            call(postbox, headers={"webhook-id": "k"})
        assert [arrived["outcome"] for arrived in postbox.requests()] == ["new", "new"]
        assert postbox.counts()["keys_twice_as_new"] == 1
        [twice] = postbox.keys(twice_as_new="true")
        assert (twice["key"], twice["new"]) == ("k", 2)


class TestMisbehaviour:
    @pytest.mark.parametrize("retry_after", ["120", "-1", "junk", "Mon, 23 Nov 2026 14:32:00 GMT", "9" * 100])
    def test_can_ask_to_wait_in_any_words(self, retry_after, postbox):
        postbox.add_rule("status", status=429, retry_after=retry_after, body='{"slow": "down"}')
        status, body, headers = call(postbox)
        assert (status, body, headers["Retry-After"]) == (429, b'{"slow": "down"}', retry_after)

    def test_redirects_as_often_as_told(self, postbox):
        postbox.add_rule("redirect", path="/from", hops=2, to="/to", status=308)
        status, _, headers = call(postbox, path="/from?x=1")
        assert (status, headers["Location"]) == (308, "/from?postbox-hop=2")
        status, _, headers = call(postbox, path=headers["Location"])
        assert (status, headers["Location"]) == (308, "/to")
        assert [arrived["outcome"] for arrived in postbox.requests()] == ["refused", "refused"]

    def test_acts_at_the_end_of_a_chain_that_leads_nowhere(self, postbox):
        postbox.add_rule("redirect", hops=1)
        _, _, headers = call(postbox, path="/x")
        assert call(postbox, path=headers["Location"])[0] == 200
        assert [arrived["outcome"] for arrived in postbox.requests()] == ["refused", "new"]

    def test_is_noted_at_the_arrival(self, postbox):
        postbox.add_rule("status", status=500)
        call(postbox)
        assert (postbox.requests()[0]["behaviour"], postbox.requests()[0]["status"]) == ("status", 500)

    def test_ends_when_the_rules_are_cleared(self, postbox):
        postbox.add_rule("reset")
        with pytest.raises(ConnectionError):
            call(postbox)
        postbox.clear_rules()
        assert call(postbox)[0] == 200
