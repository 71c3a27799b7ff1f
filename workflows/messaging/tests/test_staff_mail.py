"""Mail to members: has it left, or not, or may it have?"""

import smtplib

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend

from workflows.messaging import staff_mail
from workflows.messaging.outbound import NotSent, SentUnknown

TO = [("Ada", "ada@example.com"), ("", "bob@example.com")]


def send() -> None:
    staff_mail.send(subject="Hello\nthere", body="Text", to=TO)


class TestSend:
    def test_sends_one_mail_to_all(self) -> None:
        send()
        (letter,) = mail.outbox
        assert (letter.subject, letter.body) == ("Hello there", "Text")
        assert letter.to == ["Ada <ada@example.com>", "bob@example.com"]

    def test_tells_when_the_server_is_away(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(self: EmailBackend) -> None:
            raise ConnectionRefusedError

        monkeypatch.setattr(EmailBackend, "open", fail)
        with pytest.raises(NotSent) as failure:
            send()
        assert (failure.value.error_class, mail.outbox) == ("network", [])

    @pytest.mark.parametrize(
        ("error", "expected"),
        [
            (smtplib.SMTPRecipientsRefused({"a": (550, b"no")}), "rejected"),
            (smtplib.SMTPRecipientsRefused({"a": (451, b"later"), "b": (550, b"no")}), "unavailable"),
            (smtplib.SMTPSenderRefused(553, b"no", "x"), "rejected"),
            (smtplib.SMTPDataError(452, b"full"), "unavailable"),
        ],
    )
    def test_tells_a_refusal(self, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: str) -> None:
        refuse(monkeypatch, error)
        with pytest.raises(NotSent) as failure:
            send()
        assert failure.value.error_class == expected

    @pytest.mark.parametrize("error", [smtplib.SMTPServerDisconnected("gone"), TimeoutError()])
    def test_tells_when_nobody_knows(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        refuse(monkeypatch, error)
        with pytest.raises(SentUnknown):
            send()


def refuse(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(self: EmailBackend, messages: object) -> int:
        raise error

    monkeypatch.setattr(EmailBackend, "send_messages", fail)
