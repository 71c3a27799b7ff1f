"""What a failed request tells: whether it went out, why it failed, and nothing of what was in it."""

import socket
import struct

import pytest

from workflows.messaging.outbound import Client, NotSent, SentUnknown
from workflows.messaging.tests.outbound.servers import OK, Authority, scripted


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class TestNotSent:
    def test_when_nobody_listens(self, outbound):
        with pytest.raises(NotSent, match="Connection refused") as error:
            outbound.request("POST", f"http://127.0.0.1:{free_port()}/", body=b"x")
        assert error.value.error_class == "network"

    def test_when_the_name_is_unknown(self):
        def lookup(host):
            raise socket.gaierror(-2, "Name or service not known")

        with pytest.raises(NotSent, match=r"The address of nowhere\.example was not found") as error:
            Client(lookup=lookup).request("GET", "http://nowhere.example/")
        assert error.value.error_class == "network"

    def test_when_the_name_has_no_address(self):
        with pytest.raises(NotSent, match="has no address"):
            Client(lookup=lambda host: []).request("GET", "http://nowhere.example/")

    def test_when_the_resolver_answers_nonsense(self):
        with pytest.raises(NotSent, match="cannot be read") as error:
            Client(lookup=lambda host: ["not-an-address"]).request("GET", "http://nowhere.example/")
        assert error.value.error_class == "network"

    def test_when_the_connection_is_not_made_in_time(self):
        def dial(address, port, timeout_seconds):
            raise TimeoutError

        with pytest.raises(NotSent, match="in time") as error:
            Client(lookup=lambda host: ["93.184.216.34"], dial=dial).request("GET", "http://slow.example/")
        assert error.value.error_class == "timeout"

    def test_when_the_other_side_speaks_no_tls(self, outbound, postbox):
        with pytest.raises(NotSent, match="No secure connection") as error:
            outbound.request("POST", f"https://127.0.0.1:{postbox.address.http}/", body=b"x")
        assert error.value.error_class == "network"

    def test_after_a_redirect_that_keeps_the_method(self, outbound, postbox):
        postbox.add_rule("redirect", to=f"http://127.0.0.1:{free_port()}/", status=307)
        with pytest.raises(NotSent, match="Connection refused"):
            outbound.request("POST", postbox.url(), body=b"x")

    def test_when_the_redirects_have_no_end(self, outbound, postbox):
        postbox.add_rule("redirect", hops=50, status=308)
        with pytest.raises(NotSent, match="more than 3 redirects") as error:
            outbound.request("POST", postbox.url(), body=b"x")
        assert error.value.error_class == "rejected"
        assert len(postbox.requests()) == 4

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("X-Name", "a\r\nX-Evil: 1"),
            ("X-Name", "a\nX-Evil: 1"),
            ("X-Name", "a\rb"),
            ("X-Name", "a\0b"),
            ("X-Name", "\ud800"),
            ("X-Na\r\nme", "a"),
            ("X Name", "a"),
            ("X-Näme", "a"),
            ("", "a"),
            ("X-Name:", "a"),
            ("Host", "other.example"),
            ("content-length", "0"),
            ("Transfer-Encoding", "chunked"),
            ("Connection", "close"),
            ("Expect", "100-continue"),
            ("Proxy-Authorization", "Basic x"),
            ("X-Long", "a" * 40_000),
        ],
    )
    def test_with_a_header_that_would_change_the_request(self, name, value, outbound, postbox):
        with pytest.raises(NotSent) as error:
            outbound.request("POST", postbox.url(), headers={name: value}, body=b"x")
        assert error.value.error_class == "invalid_config"
        assert postbox.requests() == []

    def test_with_a_method_that_is_none(self, outbound, postbox):
        for method in ("TRACE", "CONNECT", "get", "GET / HTTP/1.1\r\nX: y", ""):
            with pytest.raises(NotSent, match="method"):
                outbound.request(method, postbox.url())
        assert postbox.requests() == []

    def test_with_more_headers_than_anybody_needs(self, outbound, postbox):
        with pytest.raises(NotSent, match="more than 64 headers"):
            outbound.request("GET", postbox.url(), headers={f"X-{number}": "a" for number in range(65)})


class TestSentUnknown:
    @pytest.mark.parametrize(
        ("behaviour", "error_class"),
        [("drop_reply", "network"), ("reset", "network"), ("garbage", "network"), ("hang", "timeout")],
    )
    def test_when_the_answer_is_missing(self, behaviour, error_class, outbound, postbox):
        postbox.add_rule(behaviour)
        with pytest.raises(SentUnknown) as error:
            outbound.request("POST", postbox.url(), body=b"x", timeout_seconds=0.4)
        assert error.value.error_class == error_class
        assert len(postbox.requests()) == 1

    @pytest.mark.parametrize("status", [301, 302, 303])
    def test_when_the_first_hop_may_have_acted_and_the_next_fails(self, status, outbound, postbox):
        postbox.add_rule("redirect", to=f"http://127.0.0.1:{free_port()}/", status=status)
        with pytest.raises(SentUnknown, match="After a redirect: No connection") as error:
            outbound.request("POST", postbox.url(), body=b"x")
        assert error.value.error_class == "network"

    def test_not_when_the_first_hop_was_only_asked(self, outbound, postbox):
        postbox.add_rule("redirect", to=f"http://127.0.0.1:{free_port()}/", status=302)
        with pytest.raises(NotSent):
            outbound.request("GET", postbox.url())

    def test_when_half_of_the_request_was_taken(self, outbound):
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen()
            import threading

            def take_a_little() -> None:
                connection, _ = server.accept()
                connection.recv(1000)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()

            thread = threading.Thread(target=take_a_little)
            thread.start()
            with pytest.raises(SentUnknown) as error:
                outbound.request("POST", f"http://127.0.0.1:{server.getsockname()[1]}/", body=bytes(20_000_000))
            thread.join()
        assert error.value.error_class == "network"


class TestAnswer:
    @pytest.mark.parametrize("status", [200, 201, 204, 304, 400, 401, 404, 409, 429, 500, 503])
    def test_is_returned_whatever_its_status(self, status, outbound, postbox):
        postbox.add_rule("status", status=status, retry_after="7")
        answer = outbound.request("POST", postbox.url(), body=b"x")
        assert (answer.status_code, answer.headers["retry-after"]) == (status, "7")

    def test_is_known_although_its_body_breaks_off(self, outbound, postbox):
        postbox.add_rule("cut_body")
        answer = outbound.request("POST", postbox.url(), body=b"x")
        assert (answer.status_code, answer.body, answer.truncated) == (200, b"cut", True)

    def test_is_read_of_a_server_that_refuses_before_it_has_read_all(self, outbound):
        answer_early = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen()
            import threading

            def refuse() -> None:
                connection, _ = server.accept()
                connection.recv(100)
                connection.sendall(answer_early)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1_000_000):
                    pass
                connection.close()

            thread = threading.Thread(target=refuse)
            thread.start()
            answer = outbound.request("POST", f"http://127.0.0.1:{server.getsockname()[1]}/", body=bytes(5_000_000))
            thread.join()
        assert answer.status_code == 413

    def test_skips_interim_answers(self, outbound):
        with scripted(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + OK) as server:
            assert outbound.request("GET", f"http://127.0.0.1:{server.port}/").body == b"ok"

    def test_joins_repeated_headers_and_keeps_them_as_text(self, outbound):
        head = "HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nX-B: ä\r\nContent-Length: 0\r\n\r\n".encode("latin-1")
        with scripted(head) as server:
            headers = outbound.request("GET", f"http://127.0.0.1:{server.port}/").headers
        assert (headers["x-a"], headers["x-b"]) == ("1, 2", "ä")

    def test_measures_the_whole_duration(self, outbound, postbox):
        postbox.add_rule("accept", delay_ms=120)
        assert 120 <= outbound.request("GET", postbox.url()).duration_ms < 1000


class TestRequest:
    def test_arrives_as_it_was_given(self, outbound, postbox):
        outbound.request(
            "PUT",
            postbox.url("/hooks/a b?name=Łukasz"),
            headers={"Content-Type": "application/json", "X-Name": "Łukasz", "Webhook-Id": "k1"},
            body=b'{"a": 1}',
        )
        [arrived] = postbox.requests()
        assert (arrived["method"], arrived["path"], arrived["body"], arrived["key"]) == (
            "PUT",
            "/hooks/a%20b?name=%C5%81ukasz",
            '{"a": 1}',
            "k1",
        )
        assert arrived["headers"] == [
            ["Host", f"127.0.0.1:{postbox.address.http}"],
            ["User-Agent", "Followthrough"],
            ["Accept", "*/*"],
            ["Accept-Encoding", "identity"],
            ["Content-Type", "application/json"],
            ["X-Name", "Łukasz"],
            ["Webhook-Id", "k1"],
            ["Content-Length", "8"],
        ]

    @pytest.mark.parametrize(("method", "length"), [("POST", "0"), ("PUT", "0"), ("PATCH", "0"), ("GET", None)])
    def test_says_aloud_that_a_post_is_empty(self, method, length, outbound, postbox):
        outbound.request(method, postbox.url())
        assert dict(postbox.requests()[0]["headers"]).get("Content-Length") == length

    def test_carries_no_cookie_back_and_no_password_of_the_netrc(self, outbound, postbox, tmp_path, monkeypatch):
        (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret")
        monkeypatch.setenv("HOME", str(tmp_path))
        postbox.add_rule("accept", headers={"Set-Cookie": "session=1"})
        outbound.request("GET", postbox.url())
        outbound.request("GET", postbox.url())
        names = {name.lower() for arrived in postbox.requests() for name, _ in arrived["headers"]}
        assert not names & {"cookie", "authorization"}


class TestMessages:
    def test_name_the_host_and_nothing_else_of_the_request(self, outbound, postbox):
        postbox.add_rule("drop_reply")
        with pytest.raises(SentUnknown) as error:
            outbound.request(
                "POST", postbox.url("/hooks/TOKEN-1?key=TOKEN-2"), headers={"X-Api-Key": "TOKEN-3"}, body=b"TOKEN-4"
            )
        assert "127.0.0.1" in error.value.message
        assert "TOKEN" not in error.value.message
        with pytest.raises(NotSent) as refused:
            outbound.request("POST", "http://TOKEN-1:TOKEN-2@hooks.example/TOKEN-3")
        assert "TOKEN" not in refused.value.message


class TestTls:
    @pytest.fixture
    def authority(self, tmp_path):
        return Authority.make(tmp_path)

    @pytest.fixture
    def client(self, authority):
        from ipaddress import ip_network

        client = Client(
            allowed=[ip_network("127.0.0.1/32")], lookup=lambda host: ["127.0.0.1"], tls=authority.client_context()
        )
        yield client
        client.close()

    def test_checks_the_name_of_the_url_against_the_pinned_server(self, authority, client):
        with scripted(OK, tls=authority.server_context("hooks.example")) as server:
            assert client.request("GET", f"https://hooks.example:{server.port}/").body == b"ok"

    def test_checks_an_address_against_the_certificate(self, authority, client):
        with scripted(OK, tls=authority.server_context("127.0.0.1")) as server:
            assert client.request("GET", f"https://127.0.0.1:{server.port}/").body == b"ok"

    @pytest.mark.parametrize(
        ("name", "days", "reason"), [("other.example", 1, "Hostname"), ("hooks.example", -1, "expired")]
    )
    def test_sends_nothing_to_a_server_with_a_wrong_certificate(self, name, days, reason, authority, client):
        with scripted(OK, tls=authority.server_context(name, days=days)) as server:
            with pytest.raises(NotSent, match=reason) as error:
                client.request("POST", f"https://hooks.example:{server.port}/", body=b"x")
            assert error.value.error_class == "network"
            assert b"".join(server.requests) == b""

    def test_sends_nothing_to_a_server_nobody_vouches_for(self, authority, outbound):
        with scripted(OK, tls=authority.server_context("127.0.0.1")) as server:
            with pytest.raises(NotSent, match="certificate that fails"):
                outbound.request("POST", f"https://127.0.0.1:{server.port}/", body=b"x")
            assert b"".join(server.requests) == b""

    def test_is_not_left_by_a_redirect(self, authority, client, postbox):
        redirect = f"HTTP/1.1 307 X\r\nLocation: {postbox.url()}\r\nContent-Length: 0\r\n\r\n".encode()
        tls = authority.server_context("hooks.example")
        with scripted(redirect, tls=tls) as server, pytest.raises(NotSent, match="from https to http"):
            client.request("POST", f"https://hooks.example:{server.port}/", body=b"x")
        assert postbox.requests() == []
