import pytest

from workflows.messaging.outbound import NotSent, Target, parse


class TestParse:
    @pytest.mark.parametrize(
        ("url", "target"),
        [
            ("http://hooks.example", Target("http", "hooks.example", 80, "/")),
            ("HTTPS://Hooks.Example/A?b=C", Target("https", "hooks.example", 443, "/A?b=C")),
            ("https://hooks.example:8443/x", Target("https", "hooks.example", 8443, "/x")),
            ("http://hooks.example?x=1", Target("http", "hooks.example", 80, "/?x=1")),
            ("http://hooks.example/x#part", Target("http", "hooks.example", 80, "/x")),
            ("http://hooks.example/a b?c=ä", Target("http", "hooks.example", 80, "/a%20b?c=%C3%A4")),
            ("http://hooks.example/100%?a=%zz&b=%20", Target("http", "hooks.example", 80, "/100%25?a=%25zz&b=%20")),
            ("http://hooks.example/a\\b", Target("http", "hooks.example", 80, "/a%5Cb")),
            ("http://hooks.example/@user:x", Target("http", "hooks.example", 80, "/@user:x")),
            ("http://xn--mnchen-3ya.example/", Target("http", "xn--mnchen-3ya.example", 80, "/")),
            ("http://my_host-1.example/", Target("http", "my_host-1.example", 80, "/")),
            ("http://1.example/", Target("http", "1.example", 80, "/")),
            ("http://localhost:8001/", Target("http", "localhost", 8001, "/")),
            ("http://93.184.216.34/", Target("http", "93.184.216.34", 80, "/")),
            ("http://[2606:4700:0:0::1111]:81/", Target("http", "2606:4700::1111", 81, "/")),
        ],
    )
    def test_reads_what_is_unambiguous(self, url, target):
        assert parse(url) == target

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("", "must begin with http:// or https://"),
            ("ftp://hooks.example/", "must begin with http:// or https://"),
            ("/relative", "must begin with http:// or https://"),
            ("http://user:secret@hooks.example/", "user name or password"),
            ("http://münchen.example/", "xn--"),
            ("http:///path", "no readable host"),
            ("http://hooks.example:99999/", "port outside"),
            ("http://hooks.example:0/", "port outside"),
            ("http://0x7f000001/", "unusual way"),
            ("http://127.1/", "unusual way"),
            ("http://[::g]/", "no readable host"),
            ("http://[1:2]/", "IPv6 address that cannot be read"),
            ("http://hooks..example/", "not valid"),
            ("http://hooks.example./", "not valid"),
            (f"http://{'a' * 64}.example/", "not valid"),
            (f"http://{'a.' * 130}example/", "not valid"),
            ("http://hooks.example/\r\nX: y", "control characters"),
            (" http://hooks.example/", "control characters"),
            ("http://hooks.example/\ud800", "no text"),
            ("http://hooks.example/" + "a" * 8192, "longer than"),
        ],
    )
    def test_refuses_the_rest_and_says_why(self, url, reason):
        with pytest.raises(NotSent, match=reason) as refused:
            parse(url)
        assert refused.value.error_class == "invalid_config"
        assert "secret" not in refused.value.message


class TestTarget:
    @pytest.mark.parametrize(
        ("url", "authority"),
        [
            ("http://hooks.example/", "hooks.example"),
            ("http://hooks.example:80/", "hooks.example"),
            ("http://hooks.example:443/", "hooks.example:443"),
            ("https://hooks.example:443/", "hooks.example"),
            ("https://[2606:4700::1111]:8443/", "[2606:4700::1111]:8443"),
        ],
    )
    def test_names_its_authority_as_the_host_header_does(self, url, authority):
        assert parse(url).authority == authority

    @pytest.mark.parametrize(
        ("first", "second", "shares"),
        [
            ("https://a.example/x", "https://a.example/y", True),
            ("http://a.example/x", "https://a.example/x", True),
            ("https://a.example/x", "https://a.example:8443/x", False),
            ("http://a.example:81/x", "https://a.example/x", False),
            ("https://a.example/x", "http://a.example/x", False),
            ("https://a.example/x", "https://b.a.example/x", False),
            ("https://a.example/x", "https://a.example.evil.example/x", False),
        ],
    )
    def test_shares_credentials_with_its_own_origin_and_its_step_up_to_https(self, first, second, shares):
        assert parse(first).shares_credentials_with(parse(second)) is shares
