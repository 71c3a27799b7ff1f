import html
import re
from collections.abc import Mapping
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from workflows.messaging import tokens
from workflows.messaging.composing import Dressing, Mail, MailSource, Unsendable, compose
from workflows.messaging.tokens import Sent
from workflows.templating import RenderProblem, Work

SENT = Sent(uuid7(), uuid7(), uuid7())
CONTEXT = {"contact": {"first_name": "Zoë <b>"}}


def composed(source: MailSource, context: Mapping[str, Any] = CONTEXT, **dressing: Any) -> Mail:
    return compose(source, context, sent=SENT, dressing=Dressing("Acme & Co", **dressing), work=Work())


def links(markup: str) -> list[str]:
    return [html.unescape(url) for url in re.findall(r'<a [^>]*?href="([^"]*)"', markup)]


class TestCompose:
    def test_frames_a_fragment_and_leaves_a_document(self):
        fragment = composed(MailSource("Hi", "<p>Hello</p>")).html
        assert fragment.startswith("<!doctype html>\n<html>")
        assert "<body>\n<p>Hello</p>\n</body>" in fragment
        document = '<html lang="de"><body class="x"><p>Hello</p></body></html>'
        assert composed(MailSource("Hi", document)).html == document

    def test_escapes_values_in_html_only(self):
        mail = composed(
            MailSource("Hi {{ contact.first_name }}", "<p>{{ contact.first_name }}</p>", "{{ contact.first_name }}")
        )
        assert mail.subject == "Hi Zoë <b>"
        assert "<p>Zoë &lt;b&gt;</p>" in mail.html
        assert mail.text == "Zoë <b>"

    def test_puts_the_preview_text_first(self):
        mail = composed(
            MailSource("Hi", "<html><body id='x'><p>Hello</p></body></html>", "", "A & {{ contact.first_name }}")
        )
        assert re.search(r"<body id='x'><div style=\"display:none[^\"]*\">A &amp; Zoë &lt;b&gt;", mail.html)
        assert "A &" not in mail.text

    def test_puts_the_footer_and_the_pixel_last(self):
        mail = composed(MailSource("Hi", "<html><body><p>Hello</p></BODY></html>"), is_marketing=True, track_opens=True)
        assert mail.html.endswith("</BODY></html>")
        footer, pixel = mail.html.index("You receive this e-mail from Acme &amp; Co"), mail.html.index("/t/o/")
        assert mail.html.index("Hello") < footer < pixel < mail.html.index("</BODY>")

    def test_leads_links_through_us_to_where_they_lead(self):
        mail = composed(MailSource("Hi", '<a href="https://x.example/?a=1&amp;b=2">x</a>'), track_clicks=True)
        (url,) = links(mail.html)
        assert url.startswith("http://127.0.0.1:8000/t/c/")
        assert tokens.read_click_token(url.rpartition("/")[2]) == (SENT, "https://x.example/?a=1&b=2")
        assert mail.text == "x (https://x.example/?a=1&b=2)"

    def test_adds_campaign_parameters_before(self):
        mail = composed(
            MailSource("Hi", '<a href="https://x.example/">x</a>'), track_clicks=True, parameters={"utm_source": "news"}
        )
        assert (
            tokens.read_click_token(links(mail.html)[0].rpartition("/")[2])[1] == "https://x.example/?utm_source=news"
        )

    def test_never_leads_the_unsubscribe_link_through_us(self):
        mail = composed(
            MailSource("Hi", '<a href="{{ unsubscribe_url }}">bye</a>'),
            is_marketing=True,
            track_clicks=True,
            parameters={"utm_source": "news"},
        )
        (url,) = links(mail.html)
        assert tokens.read_unsubscribe_token(url.rpartition("/")[2]) == SENT
        assert mail.headers["List-Unsubscribe"] == f"<{url}>"

    def test_leaves_addresses_that_are_too_long(self):
        url = "https://x.example/" + "a" * 2000
        assert links(composed(MailSource("Hi", f'<a href="{url}">x</a>'), track_clicks=True).html) == [url]

    def test_adds_nothing_when_nothing_is_wanted(self):
        mail = composed(MailSource("Hi", "<html><body>Hello</body></html>"))
        assert (mail.html, mail.text, mail.headers) == ("<html><body>Hello</body></html>", "Hello", {})

    @pytest.mark.parametrize(
        "source",
        [
            MailSource(" ", "Hello"),
            MailSource("{{ contact.nothing }}", "Hello"),
            MailSource("\r\n", "Hello"),
            MailSource("x" * 256, "Hello"),
            MailSource("Hi", "", ""),
            MailSource("Hi", "{{ contact.nothing }}", " "),
        ],
    )
    def test_refuses_mails_without_subject_or_body(self, source):
        with pytest.raises(Unsendable):
            composed(source)

    def test_stops_templates_that_do_too_much(self):
        loop = "{% for i in (1..9999) %}{% for j in (1..9999) %}x{% endfor %}{% endfor %}"
        with pytest.raises(RenderProblem):
            composed(MailSource("Hi", loop))
