"""Redirects are followed like a careful browser would."""

import pytest

from workflows.messaging.outbound import NotSent
from workflows.messaging.tests.outbound.servers import OK, scripted

SECRETS = {
    "Authorization": "Bearer secret",
    "Cookie": "session=secret",
    "X-Api-Key": "secret",
    "X-Anything": "secret",
}
HARMLESS = {
    "Content-Type": "application/json",
    "webhook-id": "k",
    "webhook-timestamp": "1",
    "webhook-signature": "v1,x",
}


class TestRedirects:
    @pytest.mark.parametrize(
        ("method", "status", "followed_by", "body"),
        [
            ("GET", 301, "GET", ""),
            ("GET", 302, "GET", ""),
            ("GET", 303, "GET", ""),
            ("GET", 307, "GET", ""),
            ("GET", 308, "GET", ""),
            ("POST", 301, "GET", ""),
            ("POST", 302, "GET", ""),
            ("POST", 303, "GET", ""),
            ("POST", 307, "POST", "x"),
            ("POST", 308, "POST", "x"),
            ("PUT", 301, "PUT", "x"),
            ("PUT", 302, "PUT", "x"),
            ("PUT", 303, "GET", ""),
            ("PUT", 307, "PUT", "x"),
            ("DELETE", 302, "DELETE", ""),
            ("DELETE", 303, "GET", ""),
        ],
    )
    def test_keep_or_change_the_method(self, method, status, followed_by, body, outbound, postbox):
        postbox.add_rule("redirect", path="/from", to="/to", status=status)
        sent = b"x" if method in {"POST", "PUT"} else None
        answer = outbound.request(method, postbox.url("/from"), body=sent, headers={"Content-Type": "text/plain"})
        assert answer.status_code == 200
        [first, second] = postbox.requests()
        assert (first["method"], first["path"]) == (method, "/from")
        assert (second["method"], second["path"], second["body"]) == (followed_by, "/to", body)
        assert ("Content-Type" in dict(second["headers"])) == (followed_by == method)

    def test_are_followed_three_times(self, outbound, postbox):
        postbox.add_rule("redirect", hops=3, to="/end", path="/hooks/*", status=307)
        assert outbound.request("POST", postbox.url(), body=b"x").status_code == 200
        assert [arrived["path"].partition("?")[0] for arrived in postbox.requests()] == [*["/hooks/test"] * 3, "/end"]

    def test_are_as_few_as_asked_for(self, outbound, postbox):
        postbox.add_rule("redirect", hops=1, to="/end", path="/hooks/*", status=307)
        with pytest.raises(NotSent, match="more than 0 redirects"):
            outbound.request("POST", postbox.url(), body=b"x", max_redirects=0)

    def test_without_a_location_are_plain_answers(self, outbound, postbox):
        postbox.add_rule("status", status=302)
        assert outbound.request("GET", postbox.url()).status_code == 302

    def test_take_all_headers_along_to_the_same_origin(self, outbound, postbox):
        postbox.add_rule("redirect", path="/from", to="/to", status=307)
        outbound.request("POST", postbox.url("/from"), headers=SECRETS | HARMLESS, body=b"x")
        headers = dict(postbox.requests(path="/to")[0]["headers"])
        assert {name: headers[name] for name in SECRETS | HARMLESS} == SECRETS | HARMLESS

    def test_leave_secrets_behind_when_the_origin_changes(self, outbound, postbox):
        with scripted(OK) as other:
            postbox.add_rule("redirect", path="/from", to=f"http://127.0.0.1:{other.port}/to", status=307)
            outbound.request("POST", postbox.url("/from"), headers=SECRETS | HARMLESS, body=b"x")
            [arrived] = other.requests
        assert b"secret" not in arrived
        for name, value in HARMLESS.items():
            assert f"{name}: {value}".encode() in arrived
        assert arrived.endswith(b"\r\n\r\nx")

    def test_do_not_get_secrets_back_on_the_way_home(self, outbound, postbox):
        with scripted(f"HTTP/1.1 307 X\r\nLocation: {postbox.url('/to')}\r\n\r\n".encode()) as other:
            postbox.add_rule("redirect", path="/from", to=f"http://127.0.0.1:{other.port}/", status=307)
            outbound.request("POST", postbox.url("/from"), headers=SECRETS, body=b"x")
        assert not {"Authorization", "Cookie", "X-Api-Key"} & {
            name for name, _ in postbox.requests(path="/to")[0]["headers"]
        }
