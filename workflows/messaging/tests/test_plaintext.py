import time

import pytest

from workflows.messaging.plaintext import text_of


class TestTextOf:
    @pytest.mark.parametrize(
        ("markup", "text"),
        [
            ("", ""),
            ("Hello", "Hello"),
            ("<p>Hello</p><p>World</p>", "Hello\n\nWorld"),
            ("one<br>two<br/>three", "one\ntwo\nthree"),
            ("<ul><li>one</li><li>two</li></ul>", "- one\n\n- two"),
            ("Tom &amp; Jerry &lt;3&nbsp;you", "Tom & Jerry <3 you"),
            ("  a \n\t b  ", "a b"),
            ('<a href="https://x.example/?a=1&amp;b=2">here</a>', "here (https://x.example/?a=1&b=2)"),
            ('<a href="https://x.example">https://x.example</a>', "https://x.example"),
            ('<a href="mailto:zoe@example.com">zoe@example.com</a>', "zoe@example.com"),
            ('<a href="javascript:x">here</a>', "here"),
            ('<a href="https://x.example"><img src="y" alt="Logo"></a>', "Logo (https://x.example)"),
            ('<a href="https://x.example"><img src="y"></a>', "https://x.example"),
            ("<style>p { color: red }</style><p>Hello</p>", "Hello"),
            ("<head><title>T</title></head><body>Hello</body>", "Hello"),
            ("<script>if (a < b) alert('x')</script>Hello", "Hello"),
            ("a<!-- <p>hidden</p> -->b", "ab"),
            ("<!doctype html><p>Hello", "Hello"),
            ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\n\nc"),
            ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
            ("a<!-- never closed", "a"),
            ("a<style>never closed", "a"),
        ],
    )
    def test_says_what_the_mail_says(self, markup, text):
        assert text_of(markup) == text

    @pytest.mark.parametrize(
        "piece", ["<", "<!--", "<style>", "<a href=", "<p", "&", "<!", "</", '<a href="x">', "\n "]
    )
    def test_takes_time_by_length_only(self, piece):
        begun = time.perf_counter()
        text_of(piece * (400_000 // len(piece)))
        assert time.perf_counter() - begun < 3
