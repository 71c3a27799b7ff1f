"""The postbox's own addresses: the API for tests and the pages to read on."""

import re
import smtplib
from email.message import EmailMessage

import pytest

from workflows.messaging.tests.postbox.test_receiver import call

EVIL = "<script>alert(1)</script>"
PICTURE = b"\x89PNG\r\n\x1a\n"


def get(postbox, path, **headers):
    status, body, answered = call(postbox, "GET", path, None, headers)
    return status, body.decode("utf-8", "replace"), answered


@pytest.fixture
def letter(postbox) -> int:
    """A mail that tries everything; returns its number."""
    message = EmailMessage()
    message["Subject"] = f"Hi {EVIL}"
    message["From"] = f'"{EVIL}" <a@shop.example>'
    message["To"] = "anna@x.example"
    message["Message-ID"] = "<1@shop.example>"
    message.set_content(f"Read http://127.0.0.1:8000/t/c/abc?x=1&y=2 {EVIL}\n")
    message.add_alternative(
        f'<!DOCTYPE html><html><head></head><body><a href="http://127.0.0.1:8000/x">x</a>'
        f'<img src="cid:logo"><img src="https://tracker.example/x.gif">{EVIL}</body></html>',
        subtype="html",
    )
    message.get_payload()[1].add_related(PICTURE, "image", "png", cid="<logo>")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="Rechnung März.pdf")
    message.add_attachment(EVIL, subtype="html", filename="evil.html")
    with smtplib.SMTP(postbox.address.host, postbox.address.smtp) as client:
        client.send_message(message)
    return postbox.mails()[0]["id"]


class TestMails:
    def test_are_listed_and_escaped(self, postbox, letter):
        status, page, headers = get(postbox, "/mails")
        assert status == 200
        assert "anna@x.example" in page
        assert "Hi &lt;script&gt;" in page
        assert EVIL not in page
        assert "default-src 'none'" in headers["Content-Security-Policy"]

    @pytest.mark.parametrize("view", ["html", "text", "files", "headers", "source", "nonsense"])
    def test_have_views_that_hold_nothing_alive(self, view, postbox, letter):
        status, page, _ = get(postbox, f"/mails/{letter}?view={view}")
        assert status == 200
        assert EVIL not in page
        assert len(re.findall("<script", page)) == 1

    def test_load_nothing_from_elsewhere(self, postbox, letter):
        for path in ("/mails", f"/mails/{letter}", "/requests", "/rules"):
            _, page, _ = get(postbox, path)
            assert re.findall(r'(?:src|href)="(https?:)?//', page) == []

    def test_show_html_in_a_frame_without_rights(self, postbox, letter):
        _, page, _ = get(postbox, f"/mails/{letter}")
        assert re.search(r'<iframe[^>]* sandbox="allow-popups allow-popups-to-escape-sandbox"', page)

    def test_give_the_html_out_under_a_policy_of_its_own(self, postbox, letter):
        _, html, headers = get(postbox, f"/mails/{letter}/html")
        policy = headers["Content-Security-Policy"]
        assert "sandbox allow-popups" in policy
        assert "script-src" not in policy
        assert "default-src 'none'" in policy
        assert "https:" not in policy
        assert html.startswith('<!DOCTYPE html><base target="_blank"><html>')
        assert f'src="/mails/{letter}/parts/0"' in html

    def test_make_links_of_addresses_in_text(self, postbox, letter):
        _, page, _ = get(postbox, f"/mails/{letter}?view=text")
        assert '<a target="_blank" href="http://127.0.0.1:8000/t/c/abc?x=1&amp;y=2"' in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page

    def test_list_attachments_without_the_pictures_of_the_html(self, postbox, letter):
        _, page, _ = get(postbox, f"/mails/{letter}?view=files")
        assert re.findall(r"/mails/\d+/parts/(\d+)", page) == ["1", "2"]

    @pytest.mark.parametrize(
        ("part", "content_type", "disposition"),
        [
            (0, "image/png", "inline"),
            (1, "application/octet-stream", "attachment; filename*=UTF-8''Rechnung%20M%C3%A4rz.pdf"),
            (2, "application/octet-stream", "attachment; filename*=UTF-8''evil.html"),
        ],
    )
    def test_hand_files_out_for_download(self, part, content_type, disposition, postbox, letter):
        status, _, headers = get(postbox, f"/mails/{letter}/parts/{part}")
        assert (status, headers["Content-Type"], headers["Content-Disposition"]) == (200, content_type, disposition)
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in headers["Content-Security-Policy"]

    def test_hand_out_their_source(self, postbox, letter):
        _, source, headers = get(postbox, f"/mails/{letter}/source")
        assert source.startswith("Subject:")
        assert headers["Content-Disposition"].startswith("attachment")

    @pytest.mark.parametrize(
        "source",
        [
            b"",
            b"no headers at all",
            b"Content-Type: multipart/mixed; boundary=x\r\n\r\nbroken",
            b"Content-Type: text/html; charset=nonsense\r\n\r\n<p>\xff",
            b"Content-Transfer-Encoding: base64\r\n\r\n!!!",
            b"Content-Type: text/plain\r\nSubject: \xff\xfe\r\n\r\n\xff",
            b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nhi",
        ],
    )
    def test_can_be_read_however_broken(self, source, postbox):
        with smtplib.SMTP(postbox.address.host, postbox.address.smtp) as client:
            client.sendmail("a@x.example", ["b@x.example"], source)
        number = postbox.mails()[0]["id"]
        for path in (f"/mails/{number}", f"/mails/{number}/html", f"/mails/{number}/source", "/mails"):
            assert get(postbox, path)[0] == 200

    def test_are_found_by_search_and_page(self, postbox, letter):
        assert "anna@x.example" in get(postbox, "/mails?search=ANNA")[1]
        assert "Nothing matches" in get(postbox, "/mails?search=%3Cscript%3Enothing")[1]
        assert "anna@x.example" not in get(postbox, f"/mails?before={letter}")[1]
        assert get(postbox, "/mails?before=nonsense")[0] == 200

    def test_that_do_not_exist_are_missed_kindly(self, postbox, letter):
        call(postbox)
        request = postbox.requests()[0]["id"]
        for path in ("/mails/999999", f"/mails/{request}", f"/mails/{letter}/parts/99", f"/requests/{letter}"):
            status, page, _ = get(postbox, path)
            assert (status, "not in the ledger" in page) == (404, True)


class TestRequests:
    def test_are_shown_with_their_json_in_colours(self, postbox):
        call(postbox, body=b'{"name": "<b>\xc3\xa4</b>", "n": 1.5, "ok": true, "none": null}')
        _, page, _ = get(postbox, f"/requests/{postbox.requests()[0]['id']}")
        for piece in (
            '<span class="name">&quot;name&quot;</span>: <span class="string">&quot;&lt;b&gt;ä&lt;/b&gt;&quot;</span>',
            '<span class="number">1.5</span>',
            '<span class="word">true</span>',
            '<span class="word">null</span>',
        ):
            assert piece in page

    @pytest.mark.parametrize(
        "body", [b"", b"plain <b>", b"\xff\x00", b"[" * 5000, b"1e999999", b"NaN", b'"\\ud800"', b"x" * 600_000]
    )
    def test_are_shown_whatever_the_body(self, body, postbox):
        call(postbox, body=body, path="/<script>?x=</a>")
        number = postbox.requests()[0]["id"]
        status, page, _ = get(postbox, f"/requests/{number}")
        assert status == 200
        assert "<b>" not in page
        assert len(re.findall("<script", page)) == 1
        assert call(postbox, "GET", f"/requests/{number}/body", None)[1] == body

    def test_show_what_became_of_them(self, postbox):
        postbox.add_rule("status", status=503, times=1)
        for _ in range(3):
            call(postbox, headers={"webhook-id": "k"})
        _, page, _ = get(postbox, "/requests")
        assert re.findall(r'class="badge (\w+)">([^<]+)<', page) == [
            ("repeated", "repeated"),
            ("refused", "status 503"),
        ]


class TestHome:
    def test_leads_to_what_is_there(self, postbox):
        assert get(postbox, "/")[2]["Location"] == "/requests"

    def test_leads_to_mails_when_there_are_any(self, postbox, letter):
        assert get(postbox, "/")[2]["Location"] == "/mails"

    def test_serves_its_own_style_and_script(self, postbox):
        for name in ("postbox.css", "postbox.js", "icon.svg"):
            assert get(postbox, f"/static/{name}")[0] == 200
        assert postbox.counts()["total"] == 0


class TestApi:
    @pytest.mark.parametrize("path", ["/ledger", "/mails", "/control/rules"])
    def test_is_there_under_local_names_only(self, path, postbox):
        """A page elsewhere that has its name resolved to this machine sees a webhook receiver, nothing else."""
        status, body, _ = get(postbox, path, Host="evil.example")
        assert (status, body) == (200, '{"received": true}')
        assert postbox.requests()[0]["host"] == "evil.example"

    def test_takes_rules_as_json_only_which_no_form_elsewhere_can_send(self, postbox):
        status, body, _ = call(postbox, path="/control/rules", body=b'{"behaviour": "hang"}')
        assert (status, b"application/json" in body) == (415, True)
        assert postbox.rules() == []

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"behaviour": "explode"}', b"[" * 100_000])
    def test_refuses_rules_it_cannot_use(self, body, postbox):
        status, answer, _ = call(
            postbox, path="/control/rules", body=body, headers={"Content-Type": "application/json"}
        )
        assert status == 400
        assert b'"error"' in answer

    def test_removes_one_rule(self, postbox):
        first, second = postbox.add_rule("hang"), postbox.add_rule("reset")
        assert call(postbox, "DELETE", f"/control/rules/{first['id']}", None)[0] == 200
        assert call(postbox, "DELETE", f"/control/rules/{first['id']}", None)[0] == 404
        assert [rule["id"] for rule in postbox.rules()] == [second["id"]]

    @pytest.mark.parametrize("query", ["nonsense=1", "limit=0", "limit=x", "limit=9999999", "limit="])
    def test_refuses_parameters_it_does_not_know(self, query, postbox):
        status, body, _ = get(postbox, f"/ledger?{query}")
        assert status == 400
        assert '"error"' in body

    def test_gives_one_entry_and_the_list_without_bodies(self, postbox):
        call(postbox, body=b"hello")
        number = postbox.requests()[0]["id"]
        assert '"body": "hello"' in get(postbox, f"/ledger/{number}")[1]
        assert "hello" not in get(postbox, "/ledger?bodies=false")[1]
        assert get(postbox, "/ledger/999999")[0] == 404
