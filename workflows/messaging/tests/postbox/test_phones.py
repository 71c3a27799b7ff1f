"""Phones: what they got, and what they answer by signed callbacks."""

import http.server
import threading
import time
import urllib.request
from urllib.parse import parse_qs

import pytest
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from workflows.messaging.tests.providers.test_twilio import FROM, SID, TO, MovedClient


class Hook(http.server.BaseHTTPRequestHandler):
    """Keeps what it is told and answers with TwiML."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.told.append((self.path, body, self.headers["X-Twilio-Signature"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<Response><Message>Bye &amp; thanks</Message></Response>")

    def log_message(self, *arguments):
        pass


@pytest.fixture
def hook():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.told = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def send(postbox, hook):
    url = f"http://127.0.0.1:{hook.server_address[1]}/hook?message=1"
    client = Client(SID, "auth token", http_client=MovedClient(postbox.address.url))
    return url, client.messages.create(to=TO, from_=FROM, body="Hello <b>", status_callback=url)


def page(postbox, path):
    with urllib.request.urlopen(postbox.url(path)) as answer:
        return answer.read().decode()


class TestPhones:
    def test_tell_that_a_message_arrived(self, postbox, hook):
        url, message = send(postbox, hook)
        until(lambda: len(hook.told) == 2)
        assert {parse_qs(body)["MessageStatus"][0] for _, body, _ in hook.told} == {"sent", "delivered"}
        for path, body, signature in hook.told:
            form = {name: values[0] for name, values in parse_qs(body).items()}
            assert path == "/hook?message=1"
            assert form["MessageSid"] == message.sid
            assert RequestValidator("auth token").validate(url, form, signature)

    def test_answer_and_are_answered(self, postbox, hook):
        url, _ = send(postbox, hook)
        postbox.reply(TO, FROM, "STOP 🛑")
        until(lambda: len(postbox.messages()) == 3)
        (_, body, signature) = next(told for told in hook.told if "received" in told[1])
        form = {name: values[0] for name, values in parse_qs(body).items()}
        assert (form["From"], form["To"], form["Body"]) == (TO, FROM, "STOP 🛑")
        assert RequestValidator("auth token").validate(url.partition("?")[0], form, signature)
        answer = postbox.messages()[-1]
        assert (answer["sender"], answer["recipients"], answer["subject"]) == (FROM, [TO], "Bye & thanks")

    def test_answer_nobody_who_never_wrote(self, postbox):
        with pytest.raises(ValueError, match="never wrote"):
            postbox.reply(TO, FROM, "Hello?")

    @pytest.mark.parametrize(("sender", "text"), [("12", "x"), (TO, ""), (TO, "x" * 1601), (TO, 7)])
    def test_answer_what_can_be_sent_alone(self, postbox, sender, text):
        with pytest.raises(ValueError, match=r"has 1 to 1600|phone numbers"):
            postbox.reply(sender, FROM, text)

    def test_have_a_page(self, postbox, hook):
        assert "No SMS and no calls yet" in page(postbox, "/phones")
        send(postbox, hook)
        assert TO in page(postbox, "/phones")
        talk = page(postbox, f"/phones/{TO}")
        assert "Hello &lt;b&gt;" in talk
        assert f'data-to="{FROM}"' in talk
