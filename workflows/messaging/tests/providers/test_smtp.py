"""Mail servers that behave, misbehave and lie."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.mail import EmailMessage
from uuid_utils.compat import uuid7

from accounts.actors import SYSTEM
from accounts.models import Account
from workflows.messaging.outbound import Deadline, NotSent, SentUnknown
from workflows.messaging.postbox.testing import PostboxClient
from workflows.messaging.providers.smtp import POSTBOX_HOST, AccountEmailBackend, Server, pool, session
from workflows.messaging.providers.smtp.replies import refusal
from workflows.messaging.secrets import create_secret
from workflows.messaging.tests.providers.servers import OK, Client, scripted

SECONDS = 1.0


@pytest.fixture(autouse=True)
def no_sessions() -> Iterator[None]:
    pool.clear()
    yield
    pool.clear()


def server(port: int, host: str = "127.0.0.1", security: str = "none", **options: Any) -> Server:
    return Server(uuid7(), host, port, security, **options)


def mail(body: str = "Hello") -> EmailMessage:
    return EmailMessage("Hi", body, "ada@acme.example", ["zoe@example.com"])


def deliver(place: Server, message: EmailMessage | None = None, seconds: float = SECONDS) -> Any:
    return AccountEmailBackend(place, seconds=seconds).deliver(message or mail())


def postbox_server(postbox: PostboxClient, **options: Any) -> Server:
    return server(postbox.address.smtp, postbox.address.host, **options)


class TestDelivering:
    def test_tells_what_the_server_said(self, postbox):
        delivery = deliver(postbox_server(postbox))
        assert delivery.reply.startswith("OK, mail ")
        assert delivery.refused == []

    def test_is_an_email_backend(self, postbox):
        message = mail()
        message.connection = AccountEmailBackend(postbox_server(postbox))
        assert message.send() == 1
        assert len(postbox.mails()) == 1

    def test_reuses_a_session_for_the_next_mail(self):
        def script(client: Client) -> None:
            client.greet()
            while True:
                client.take_envelope()
                client.hear_mail()
                client.say(OK)

        with scripted(script) as (port, clients):
            place = server(port)
            for _ in range(3):
                deliver(place)
            assert len(clients) == 1

    def test_does_not_share_sessions_between_accounts(self):
        def script(client: Client) -> None:
            client.greet()
            client.take_envelope()
            client.hear_mail()
            client.say(OK)
            client.hear()

        with scripted(script) as (port, clients):
            deliver(server(port))
            deliver(server(port))
            assert len(clients) == 2

    @pytest.mark.parametrize("farewell", [b"", b"421 idle for too long\r\n"])
    def test_opens_another_session_when_the_server_has_left(self, farewell):
        def script(client: Client) -> None:
            client.greet()
            client.take_envelope()
            client.hear_mail()
            client.say(OK)
            if farewell:
                client.hear()
                client.say(farewell)

        with scripted(script) as (port, clients):
            place = server(port)
            deliver(place)
            deliver(place)
            assert len(clients) == 2

    def test_goes_on_after_a_refused_mail(self, postbox):
        place = postbox_server(postbox)
        postbox.add_rule("status", status=550, stage="rcpt", times=1)
        with pytest.raises(NotSent):
            deliver(place)
        deliver(place)
        assert len(postbox.mails()) == 1

    def test_keeps_no_session_that_was_left_in_the_middle(self, postbox):
        place = postbox_server(postbox)
        with contextlib.suppress(RuntimeError), pool.session(place, Deadline.after(SECONDS)) as session:
            session.mail("ada@acme.example")
            raise RuntimeError
        deliver(place)
        assert len(postbox.mails()) == 1

    def test_uses_a_session_for_so_many_mails_only(self, postbox, monkeypatch):
        monkeypatch.setattr(session, "MAXIMUM_MAILS", 2)
        place = postbox_server(postbox)
        for _ in range(5):
            deliver(place)
        assert len(postbox.mails()) == 5

    def test_finds_the_postbox_wherever_it_runs(self, postbox, settings, tmp_path):
        settings.DATA_DIR = tmp_path
        place = server(0, POSTBOX_HOST)
        with pytest.raises(NotSent, match="has not been started"):
            deliver(place)
        postbox.address.write(tmp_path)
        deliver(place)
        assert len(postbox.mails()) == 1

    def test_knows_no_postbox_in_production(self, postbox, settings, tmp_path):
        settings.DATA_DIR, settings.POSTBOX_ENABLED = tmp_path, False
        postbox.address.write(tmp_path)
        with pytest.raises(NotSent):
            deliver(server(0, POSTBOX_HOST))
        assert postbox.mails() == []


class TestSigningIn:
    @pytest.fixture
    def secret_id(self, account: Account) -> Any:
        return create_secret(account_id=account.id, actor=SYSTEM, name="Mail", value="s3cret-password").id

    def place(self, postbox: PostboxClient, account: Account, secret_id: Any) -> Server:
        address = postbox.address
        return Server(account.id, address.host, address.smtp, "none", username="ada", secret_id=secret_id)

    def test_uses_the_secret(self, postbox, account, secret_id):
        deliver(self.place(postbox, account, secret_id))
        assert len(postbox.mails()) == 1

    def test_is_an_authentication_failure_when_refused(self, postbox, account, secret_id):
        postbox.add_rule("status", status=535, stage="auth")
        with pytest.raises(NotSent) as failure:
            deliver(self.place(postbox, account, secret_id))
        assert failure.value.error_class == "authentication"
        assert "s3cret" not in failure.value.message

    def test_is_no_authentication_failure_when_the_server_is_busy(self, postbox, account, secret_id):
        postbox.add_rule("status", status=454, stage="auth")
        with pytest.raises(NotSent) as failure:
            deliver(self.place(postbox, account, secret_id))
        assert failure.value.error_class == "unavailable"

    def test_does_not_find_another_accounts_secret(self, postbox, other_account, secret_id):
        with pytest.raises(NotSent, match="password of the connection") as failure:
            deliver(self.place(postbox, other_account, secret_id))
        assert failure.value.error_class == "invalid_config"

    def test_keeps_no_password(self, postbox, account, secret_id):
        place = self.place(postbox, account, secret_id)
        deliver(place)
        with pool.session(place, None) as resting:
            assert "s3cret" not in str(vars(resting))

    def test_needs_a_server_that_asks(self, account, secret_id):
        def script(client: Client) -> None:
            client.greet()
            client.hear()

        with scripted(script) as (port, _), pytest.raises(NotSent) as failure:
            deliver(Server(account.id, "127.0.0.1", port, "none", username="ada", secret_id=secret_id))
        assert failure.value.error_class == "invalid_config"


def hang(client: Client) -> None:
    client.hear()
    time.sleep(5)


def greet_for_ever(client: Client) -> None:
    while True:
        client.say(b"220-hello\r\n" * 1000)


def drip(client: Client) -> None:
    while True:
        client.say(b"2")
        time.sleep(0.1)


def drip_after_greeting(client: Client) -> None:
    client.greet()
    drip(client)


def long_line(client: Client) -> None:
    client.say(b"220 " + b"x" * 100_000)


def garbage(client: Client) -> None:
    client.say(b"\x00\xff HTTP/1.1 200 OK\r\n\r\n")
    client.hear()


def close_at_once(client: Client) -> None:
    pass


def refuse(client: Client) -> None:
    client.say(b"554 go away\r\n")
    client.hear()


def close_within_content(client: Client) -> None:
    client.greet()
    client.take_envelope()
    client.wire.recv(10)


def answer_early(client: Client) -> None:
    """Say 250 to DATA instead of 354."""
    client.greet()
    while not client.hear().lower().startswith(b"data"):
        client.say(OK)
    client.say(OK)


class TestThrottling:
    @pytest.mark.parametrize(
        ("text", "error_class"),
        [
            ("4.7.0 Temporary rate limit", "rate_limited"),
            ("4.7.1 Greylisted, come back", "rate_limited"),
            ("Too many messages", "rate_limited"),
            ("Throttled", "rate_limited"),
            ("Daily limit reached", "rate_limited"),
            ("4.2.2 Mailbox full", "unavailable"),
            ("4.3.1 Operator size limit", "unavailable"),
            ("Please integrate later", "unavailable"),
        ],
    )
    def test_is_told_from_trouble_by_the_text(self, text, error_class):
        assert refusal("mail", 451, text.encode()).error_class == error_class


@pytest.mark.django_db
class TestHostileServers:
    @pytest.mark.parametrize(
        ("script", "error_class"),
        [
            (hang, "timeout"),
            (drip, "timeout"),
            (drip_after_greeting, "timeout"),
            (greet_for_ever, "network"),
            (long_line, "rejected"),
            (garbage, "unavailable"),
            (close_at_once, "network"),
            (refuse, "rejected"),
            (answer_early, "unavailable"),
        ],
    )
    def test_end_in_time_and_have_no_mail(self, script, error_class):
        begun = time.monotonic()
        with scripted(script) as (port, _), pytest.raises(NotSent) as failure:
            deliver(server(port))
        assert time.monotonic() - begun < SECONDS + 1
        assert failure.value.error_class == error_class

    def test_that_close_within_a_large_mail_have_not_got_it(self):
        with scripted(close_within_content) as (port, _), pytest.raises(NotSent) as failure:
            deliver(server(port), mail(("x" * 900 + "\n") * 9000), seconds=10)
        assert failure.value.error_class == "network"

    @pytest.mark.parametrize("answer", [None, b"", b"2", b"\xff\xfe nonsense\r\n", b"250-" * 50_000])
    def test_that_do_not_answer_the_final_dot_may_have_the_mail(self, answer):
        def script(client: Client) -> None:
            client.greet()
            client.take_envelope()
            client.hear_mail()
            if answer is None:
                time.sleep(3)
            else:
                client.say(answer)

        begun = time.monotonic()
        with scripted(script) as (port, _), pytest.raises(SentUnknown):
            deliver(server(port))
        assert time.monotonic() - begun < SECONDS + 1

    @pytest.mark.parametrize("security", ["tls", "starttls"])
    def test_without_encryption_are_not_used_where_it_is_wanted(self, postbox, security):
        with pytest.raises(NotSent):
            deliver(postbox_server(postbox, security=security))
        assert postbox.mails() == []

    def test_at_internal_addresses_are_not_called(self, settings):
        settings.OUTBOUND_ALLOW_NETWORKS = []
        with scripted(refuse) as (port, clients), pytest.raises(NotSent, match="must not be called"):
            deliver(server(port))
        assert clients == []


class TestContent:
    @pytest.mark.parametrize("body", [".", "..\n.", "a\n.\nb", ".\n.\n", "a\r.\rb", "a\r\n.\r\nMAIL FROM:<x@y>\r\n"])
    def test_cannot_end_before_its_end(self, body):
        mails = []

        def script(client: Client) -> None:
            client.greet()
            client.take_envelope()
            mails.append(client.hear_mail())
            client.say(OK)
            client.hear()

        with scripted(script) as (port, _):
            deliver(server(port), mail(body))
        (content,) = mails
        plain = content.replace(b"\r\n..", b"\r\n.").partition(b"\r\n\r\n")[2]
        assert plain.rstrip(b"\r\n").split(b"\r\n") == body.encode().rstrip(b"\r\n").replace(b"\r\n", b"\n").replace(
            b"\r", b"\n"
        ).split(b"\n")
        assert b"\r\n.\r\n" not in content
        assert b"\n" not in content.replace(b"\r\n", b"")
