import time

import pytest

from workflows.messaging.links import is_web_address, rewrite_links, with_parameters


def marked(url: str) -> str:
    return f"https://t.example/?to={url}"


class TestIsWebAddress:
    @pytest.mark.parametrize(
        "url",
        [
            "http://acme.example",
            "https://acme.example/a?b=c#d",
            "https://user@acme.example:8443/",
            "https://bücher.example/ü",
        ],
    )
    def test_accepts_http_and_https(self, url):
        assert is_web_address(url)

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "javascript:alert(1)",
            "data:text/html,x",
            "mailto:zoe@example.com",
            "tel:+123",
            "//acme.example",
            "/path",
            "#top",
            "https://",
            "https:///path",
            "https:acme.example",
            "https://acme.example:99999/",
            "https://acme.example/a b",
            "https://acme.example/\r\nSet-Cookie: a=b",
            "https://acme.example\\@evil.example",
            "https://[::1",
            "ftp://acme.example",
        ],
    )
    def test_refuses_the_rest(self, url):
        assert not is_web_address(url)


class TestRewriteLinks:
    @pytest.mark.parametrize(
        ("markup", "expected"),
        [
            ('<a href="http://x.example">', '<a href="https://t.example/?to=http://x.example">'),
            ("<a href='http://x.example'>", '<a href="https://t.example/?to=http://x.example">'),
            ("<a href=http://x.example>", '<a href="https://t.example/?to=http://x.example">'),
            (
                '<A class="b" HREF = "http://x.example" id=c>',
                '<A class="b" href="https://t.example/?to=http://x.example" id=c>',
            ),
            ('<a\nhref="http://x.example"\n>', '<a\nhref="https://t.example/?to=http://x.example"\n>'),
            ('<area href="http://x.example">', '<area href="https://t.example/?to=http://x.example">'),
            (
                '<a href="http://x.example/?a=1&amp;b=2">',
                '<a href="https://t.example/?to=http://x.example/?a=1&amp;b=2">',
            ),
        ],
    )
    def test_follows_web_addresses_of_links(self, markup, expected):
        assert rewrite_links(markup, marked) == expected

    @pytest.mark.parametrize(
        "markup",
        [
            '<a href="mailto:zoe@example.com">',
            '<a href="#top">',
            '<a href="javascript:alert(1)">',
            '<a href="https://x.example\\@y.example">',
            '<a name="x">',
            '<a data-href="http://x.example">',
            '<img src="http://x.example">',
            '<link href="http://x.example">',
            "http://x.example",
            '<a href="',
            "<a href=>",
            "<abbr href='http://x.example'>",
        ],
    )
    def test_leaves_all_else_as_it_is(self, markup):
        assert rewrite_links(markup, marked) == markup

    def test_escapes_what_it_writes(self):
        assert rewrite_links('<a href="http://x.example">', lambda url: 'https://y.example/"><b>') == (
            '<a href="https://y.example/&quot;&gt;&lt;b&gt;">'
        )

    @pytest.mark.parametrize("piece", ["<a ", '<a href="', "<a href='http://x", "<", "<a <a ", '"', "<a href=x "])
    def test_takes_time_by_length_only(self, piece):
        begun = time.perf_counter()
        rewrite_links(piece * (400_000 // len(piece)), marked)
        assert time.perf_counter() - begun < 2


class TestWithParameters:
    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("https://x.example", "https://x.example?utm_source=news+letter&utm_medium=%26"),
            ("https://x.example/a?b=c#d", "https://x.example/a?b=c&utm_source=news+letter&utm_medium=%26#d"),
            ("https://x.example/?utm_source=mine", "https://x.example/?utm_source=mine&utm_medium=%26"),
            ("https://x.example/?utm_source=&utm_medium=", "https://x.example/?utm_source=&utm_medium="),
        ],
    )
    def test_adds_those_that_are_missing(self, url, expected):
        assert with_parameters(url, {"utm_source": "news letter", "utm_medium": "&"}) == expected

    def test_leaves_addresses_alone_when_there_are_none(self):
        assert with_parameters("HTTPS://X.example/?", {}) == "HTTPS://X.example/?"
