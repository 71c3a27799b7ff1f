"""Chats: what pages write there, and what people on Messenger do, told by signed callbacks."""

import hashlib
import hmac
import http.client
import http.server
import json
import threading
import time

import pytest

from workflows.messaging.postbox import POSTBOX_APP_SECRET

PAGE, PERSON = "104270000000001", "2001"
TEXT = {"text": "Hello <b>", "metadata": "key"}
REPLIES = [{"content_type": "text", "title": "Yes", "payload": "yes"}]
CARD = {"title": "A card", "buttons": [{"type": "postback", "title": "Take it", "payload": "take"}]}


class Hook(http.server.BaseHTTPRequestHandler):
    """Keeps what it is told."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.told.append((body, self.headers["X-Hub-Signature-256"]))
        self.send_response(200)
        self.end_headers()

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


def ask(postbox, method, path, data=None, *, hook=None, token="page token"):
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    port = hook.server_address[1] if hook else 1
    headers["Postbox-Page"] = f"{PAGE} http://127.0.0.1:{port}/hook"
    connection = http.client.HTTPConnection(postbox.address.host, postbox.address.http, timeout=10)
    try:
        connection.request(method, path, None if data is None else json.dumps(data), headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def send(postbox, message=TEXT, *, hook=None, person=PERSON, **more):
    data = {"recipient": {"id": person}, "messaging_type": "RESPONSE", "message": message, **more}
    status, body = ask(postbox, "POST", f"/v26.0/{PAGE}/messages", data, hook=hook)
    return status, json.loads(body)


def told(hook):
    """Return what a hook was told, its signatures checked."""
    items = []
    for body, signature in hook.told:
        digest = hmac.new(POSTBOX_APP_SECRET.encode(), body, hashlib.sha256).hexdigest()
        assert signature == f"sha256={digest}"
        (entry,) = json.loads(body)["entry"]
        assert entry["id"] == PAGE
        items += entry["messaging"]
    return items


def page(postbox, path):
    return ask(postbox, "GET", path)[1]


class TestMessages:
    def test_are_taken_echoed_and_delivered(self, postbox, hook):
        status, answer = send(postbox, hook=hook)
        assert (status, answer["recipient_id"]) == (200, PERSON)
        until(lambda: len(hook.told) == 2)
        echo, delivery = told(hook)
        assert (echo["sender"]["id"], echo["recipient"]["id"]) == (PAGE, PERSON)
        assert echo["message"]["is_echo"] is True
        assert (echo["message"]["mid"], echo["message"]["metadata"]) == (answer["message_id"], "key")
        assert delivery["delivery"]["mids"] == [answer["message_id"]]

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"recipient": {}}, 100),
            ({"recipient": {"id": "Ada"}}, 100),
            ({"message": {}}, 100),
            ({"message": {"text": "x" * 2001}}, 100),
            ({"message": {"text": "x", "quick_replies": REPLIES * 14}}, 100),
            ({"messaging_type": "MESSAGE_TAG"}, 100),
        ],
        ids=["nobody", "no-id", "nothing", "too-long", "too-many", "no-tag"],
    )
    def test_are_refused_as_meta_would(self, postbox, change, code):
        status, answer = send(postbox, **change)
        assert (status, answer["error"]["code"]) == (400, code)
        (entry,) = postbox.chats()
        assert entry["outcome"] == "refused"

    def test_need_a_token_and_a_proof_that_fits(self, postbox):
        status, body = ask(postbox, "GET", "/v26.0/me", token="")
        assert (status, json.loads(body)["error"]["code"]) == (400, 2500)
        status, body = ask(postbox, "GET", "/v26.0/me?appsecret_proof=00")
        assert status == 400
        assert POSTBOX_APP_SECRET in json.loads(body)["error"]["message"]
        proof = hmac.new(POSTBOX_APP_SECRET.encode(), b"page token", hashlib.sha256).hexdigest()
        assert ask(postbox, "GET", f"/v26.0/me?appsecret_proof={proof}")[0] == 200

    def test_tell_only_this_machine(self, postbox, hook):
        send(postbox)  # its hook is on a port where nobody listens
        send(postbox, hook=hook)
        until(lambda: len(hook.told) == 2)

    def test_misbehave_by_rules(self, postbox):
        postbox.add_rule("status", protocol="messenger", recipient=PERSON, status=400, body='{"error": {"code": 551}}')
        assert send(postbox)[1] == {"error": {"code": 551}}
        assert send(postbox, person="2002")[0] == 200


class TestPeople:
    def test_have_names_that_stay(self, postbox):
        answers = [json.loads(page(postbox, f"/v26.0/{PERSON}?fields=first_name,last_name")) for _ in range(2)]
        assert answers[0] == answers[1]
        assert answers[0]["first_name"]

    def test_write_tap_and_read(self, postbox, hook):
        ask(postbox, "GET", "/v26.0/me", hook=hook)
        postbox.chat(PAGE, PERSON, "Hello 😀")
        postbox.chat(PAGE, PERSON, "Yes", kind="quick_reply", payload="yes")
        postbox.chat(PAGE, PERSON, "Take it", kind="postback", payload="take")
        postbox.chat(PAGE, PERSON, kind="read")
        until(lambda: len(hook.told) == 4)
        items = sorted(told(hook), key=lambda item: json.dumps(item, sort_keys=True))
        assert {item["sender"]["id"] for item in items} == {PERSON}
        messages = {item["message"]["text"]: item["message"] for item in items if "message" in item}
        assert messages["Yes"]["quick_reply"] == {"payload": "yes"}
        assert "quick_reply" not in messages["Hello 😀"]
        (postback,) = [item["postback"] for item in items if "postback" in item]
        assert (postback["title"], postback["payload"]) == ("Take it", "take")
        assert sum("read" in item for item in items) == 1

    def test_may_be_new(self, postbox, hook):
        ask(postbox, "GET", "/v26.0/me", hook=hook)
        entries = [postbox.chat(PAGE, "", "Hello") for _ in range(2)]
        assert entries[0]["sender"] != entries[1]["sender"]

    def test_do_not_reach_pages_that_never_asked(self, postbox):
        with pytest.raises(ValueError, match="has asked nothing here yet"):
            postbox.chat("99999", PERSON, "Hello")

    @pytest.mark.parametrize(
        ("page_id", "person", "text", "more"),
        [
            ("my page", PERSON, "x", {}),
            (PAGE, "Ada", "x", {}),
            (PAGE, PERSON, "", {}),
            (PAGE, PERSON, "x" * 2001, {}),
            (PAGE, PERSON, "a\0b", {}),
            (PAGE, PERSON, "x", {"kind": "shout"}),
            (PAGE, PERSON, "x", {"volume": "11"}),
            (PAGE, PERSON, 5, {}),
        ],
        ids=range(8),
    )
    def test_say_what_can_be_said_alone(self, postbox, page_id, person, text, more):
        with pytest.raises(ValueError, match=r"POST /control/chats: "):
            postbox.chat(page_id, person, text, **more)


class TestPage:
    def test_shows_chats_and_what_can_be_tapped(self, postbox, hook):
        assert "No chats yet" in page(postbox, "/chats")
        send(postbox, {**TEXT, "quick_replies": REPLIES}, hook=hook)
        assert f"/chats/{PAGE}/{PERSON}" in page(postbox, "/chats")
        talk = page(postbox, f"/chats/{PAGE}/{PERSON}")
        assert "Hello &lt;b&gt;" in talk
        assert 'data-chat-act="quick_reply"' in talk
        send(
            postbox,
            {"attachment": {"type": "template", "payload": {"template_type": "generic", "elements": [CARD]}}},
            hook=hook,
        )
        talk = page(postbox, f"/chats/{PAGE}/{PERSON}")
        assert 'data-chat-act="quick_reply"' not in talk
        assert 'data-chat-act="postback"' in talk
        assert " · delivered" in talk
        postbox.chat(PAGE, PERSON, kind="read")
        assert " · delivered" not in page(postbox, f"/chats/{PAGE}/{PERSON}")

    def test_of_a_chat_that_is_not_there_says_so(self, postbox):
        status, body = ask(postbox, "GET", f"/chats/{PAGE}/{PERSON}")
        assert (status, "Nothing of this chat" in body) == (404, True)

    @pytest.mark.parametrize(
        "message",
        [
            {"text": "x", "quick_replies": [None, 5]},
            {"attachment": "x"},
            {"attachment": {"type": "template", "payload": {"elements": [None], "buttons": 5}}},
            {"attachment": {"type": "image", "payload": []}},
        ],
        ids=range(4),
    )
    def test_survives_messages_of_any_shape(self, postbox, message):
        postbox.add_rule("accept", protocol="messenger", body="{}")
        send(postbox, message)
        assert ask(postbox, "GET", f"/chats/{PAGE}/{PERSON}")[0] == 200

    def test_shows_a_picture_that_came(self, postbox):
        picture = b"\x89PNG\r\n\x1a\n"
        form = (
            b'--x\r\nContent-Disposition: form-data; name="recipient"\r\n\r\n{"id": "2001"}\r\n'
            b'--x\r\nContent-Disposition: form-data; name="message"\r\n\r\n'
            b'{"attachment": {"type": "image", "payload": {}}}\r\n'
            b'--x\r\nContent-Disposition: form-data; name="filedata"; filename="a.png"\r\n'
            b"Content-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n" + picture + b"\r\n--x--\r\n"
        )
        connection = http.client.HTTPConnection(postbox.address.host, postbox.address.http, timeout=10)
        headers = {
            "Content-Type": "multipart/form-data; boundary=x",
            "Authorization": "Bearer t",
            "Postbox-Page": f"{PAGE} http://127.0.0.1:1/",
        }
        connection.request("POST", f"/v26.0/{PAGE}/messages", form, headers)
        assert connection.getresponse().read()
        (entry,) = postbox.chats()
        assert f"/chats/files/{entry['id']}" in page(postbox, f"/chats/{PAGE}/{PERSON}")
        connection.request("GET", f"/chats/files/{entry['id']}")
        answer = connection.getresponse()
        assert (answer.headers["Content-Type"], answer.read()) == ("image/png", picture)
        connection.close()
