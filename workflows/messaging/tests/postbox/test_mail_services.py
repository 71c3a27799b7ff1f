"""The postbox in the place of mail services: its mails are on its pages, and people say what becomes of them."""

import http.client
import json
import time

import pytest

from workflows.messaging.postbox.mail_services import HAPPENINGS

SENT = {
    "personalizations": [{"to": [{"email": "zoe@example.com", "name": "Zoë"}]}],
    "from": {"email": "ada@acme.example", "name": "Ada"},
    "subject": "Hello",
    "content": [{"type": "text/plain", "value": "Hello"}, {"type": "text/html", "value": "<p>Hello</p>"}],
    "headers": {"Message-ID": "<1@acme.example>"},
    "custom_args": {"followthrough_id": "1"},
}


def call(postbox, method, path, content=None, **headers):
    connection = http.client.HTTPConnection(postbox.address.host, postbox.address.http, timeout=10)
    try:
        body = content if isinstance(content, bytes) or content is None else json.dumps(content).encode()
        connection.request(method, path, body, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())
    finally:
        connection.close()


def send(postbox, content=SENT, **headers):
    callback = f"{postbox.address.url}/told"
    return call(postbox, "POST", "/v3/mail/send", content, **{"Postbox-Callback": callback, **KEY, **headers})


KEY = {"Authorization": "Bearer key"}


def told(postbox, count):
    """Return what arrived at the webhook, which is the postbox, too."""
    deadline = time.monotonic() + 5
    while len(found := postbox.requests(path="/told")) < count and time.monotonic() < deadline:
        time.sleep(0.01)
    return [json.loads(each["body"])[0] for each in found]


class TestMails:
    def test_are_among_the_others(self, postbox):
        status, body, headers = send(postbox)
        (entry,) = postbox.mails()
        assert (status, body) == (202, b"")
        about = dict(entry["headers"])
        assert headers["X-Message-Id"] == about["Postbox-Id"]
        assert (entry["subject"], entry["sender"], entry["recipients"], entry["key"]) == (
            "Hello",
            "ada@acme.example",
            ["zoe@example.com"],
            "<1@acme.example>",
        )
        status, page, _ = call(postbox, "GET", f"/mails/{entry['id']}")
        assert status == 200
        assert all(f'data-happening="{each}"' in page.decode() for each in HAPPENINGS)
        assert call(postbox, "GET", f"/mails/{entry['id']}/html")[1].decode().count("<p>Hello</p>") == 1

    def test_are_told_of_at_once_and_when_a_person_wants(self, postbox):
        send(postbox)
        (entry,) = postbox.mails()
        assert [each["event"] for each in told(postbox, 1)] == ["delivered"]
        assert postbox.let_happen(entry["id"], "clicked", "https://acme.example/") == {"happening": "clicked"}
        event = told(postbox, 2)[-1]
        assert (event["event"], event["url"], event["followthrough_id"]) == ("click", "https://acme.example/", "1")

    @pytest.mark.parametrize("callback", ["", "http://evil.example/told", "nonsense", "http://["])
    def test_are_told_of_on_this_machine_alone(self, postbox, callback):
        send(postbox, **{"Postbox-Callback": callback})
        (entry,) = postbox.mails()
        with pytest.raises(ValueError, match="no such mail for a mail service"):
            postbox.let_happen(entry["id"], "opened")
        assert postbox.requests() == []

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"[]",
            b"{",
            b"[" * 100_000,
            {},
            {**SENT, "personalizations": []},
            {**SENT, "personalizations": [{"to": "zoe"}]},
            {**SENT, "from": {"email": "nobody"}},
            {**SENT, "from": None},
            {**SENT, "content": "Hello"},
            {**SENT, "attachments": [{"content": "?", "type": "text/plain", "filename": "x"}]},
            {**SENT, "headers": "X: y"},
        ],
        ids=range(12),
    )
    def test_that_make_no_sense_are_refused(self, postbox, content):
        status, body, _ = send(postbox, content)
        assert status == 400, body
        assert [entry["outcome"] for entry in postbox.mails()] == ["refused"]

    def test_without_a_key_are_refused(self, postbox):
        assert send(postbox, Authorization="")[0] == 401


class TestSaying:
    @pytest.mark.parametrize("content", [b"", b"[]", {}, {"happening": "x"}, {"happening": "opened", "url": 5}])
    def test_what_nobody_understands_is_refused(self, postbox, content):
        send(postbox)
        (entry,) = postbox.mails()
        assert call(postbox, "POST", f"/control/mails/{entry['id']}", content)[0] == 400

    def test_takes_json_alone_which_no_form_elsewhere_can_send(self, postbox):
        content = b'{"happening": "opened"}'
        assert call(postbox, "POST", "/control/mails/1", content, **{"Content-Type": "text/plain"})[0] == 415

    def test_of_mails_that_are_not_there_is_refused(self, postbox):
        assert call(postbox, "POST", "/control/mails/999999", {"happening": "opened"})[0] == 404
