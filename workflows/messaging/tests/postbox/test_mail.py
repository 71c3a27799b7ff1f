import smtplib
import time
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from workflows.messaging.postbox.testing import PostboxClient


def mail(key: str = "<1@shop.example>", **headers: str) -> EmailMessage:
    message = EmailMessage()
    given = {"From": "Grüße <hello@shop.example>", "To": "Anna Åström <anna@x.example>", "Message-ID": key, **headers}
    for name, value in {"Subject": "Grüße 🎉", **given}.items():
        message[name] = value
    message.set_content("Hello\n.\n..dots\n")
    return message


@pytest.fixture
def smtp(postbox: PostboxClient) -> Iterator[smtplib.SMTP]:
    client = smtplib.SMTP(postbox.address.host, postbox.address.smtp, timeout=10)
    yield client
    client.close()


class TestArrivals:
    def test_are_written_down_as_they_came(self, smtp, postbox):
        smtp.send_message(mail(), from_addr="bounce+1@shop.example", to_addrs=["anna@x.example", "Bcc@x.example"])
        [arrived] = postbox.mails()
        assert (arrived["key"], arrived["subject"], arrived["outcome"]) == ("<1@shop.example>", "Grüße 🎉", "new")
        assert (arrived["sender"], arrived["recipients"]) == (
            "bounce+1@shop.example",
            ["anna@x.example", "bcc@x.example"],
        )
        assert ["From", "Grüße <hello@shop.example>"] in arrived["headers"]
        assert arrived["body"].endswith("Hello\r\n.\r\n..dots\r\n")

    def test_come_one_after_another_over_one_connection(self, smtp, postbox):
        for number in range(20):
            smtp.send_message(mail(f"<{number}@shop.example>"))
        assert postbox.counts(protocol="smtp")["keys"] == 20

    def test_may_come_with_any_login_that_is_not_kept(self, smtp, postbox):
        smtp.login("me", "planted-password")
        smtp.send_message(mail())
        assert "planted" not in str(postbox.mails())

    def test_are_found_by_recipient(self, smtp, postbox):
        smtp.send_message(mail())
        assert len(postbox.mails(recipient="ANNA@x.example")) == 1
        assert postbox.mails(recipient="nobody@x.example") == []

    @pytest.mark.parametrize("subject", ["=?utf-8?b?broken", "=?nocharset?q?x?=", "a" * 5000])
    def test_are_taken_with_headers_nobody_can_read(self, subject, smtp, postbox):
        source = f"Subject: {subject}\r\nMessage-ID: <1@x>\r\n\r\nhi".replace("a" * 900, "a" * 900 + "\r\n ")
        smtp.sendmail("a@x.example", ["b@x.example"], source.encode())
        assert len(postbox.mails()) == 1

    def test_of_the_same_key_are_both_new_as_mail_servers_do_not_look_at_it(self, smtp, postbox):
        for _ in range(2):
            smtp.send_message(mail())
        assert postbox.counts()["keys_twice_as_new"] == 1

    def test_of_the_same_key_are_repeated_where_told(self, smtp, postbox):
        postbox.add_rule("accept", protocol="smtp", honours_keys=True)
        for _ in range(2):
            smtp.send_message(mail())
        assert [arrived["outcome"] for arrived in postbox.mails()] == ["new", "repeated"]


class TestMisbehaviour:
    @pytest.mark.parametrize(
        ("stage", "error"),
        [
            ("mail", smtplib.SMTPSenderRefused),
            ("rcpt", smtplib.SMTPRecipientsRefused),
            ("data", smtplib.SMTPDataError),
        ],
    )
    @pytest.mark.parametrize("status", [451, 550])
    def test_refuses_at_any_stage(self, stage, error, status, smtp, postbox):
        postbox.add_rule("status", status=status, stage=stage, body="because I say so")
        with pytest.raises(error) as refused:
            smtp.send_message(mail())
        assert f"({status}, b'because I say so'" in str(refused.value)
        assert [arrived["outcome"] for arrived in postbox.mails()] == (["refused"] if stage == "data" else [])
        postbox.clear_rules()
        smtp.send_message(mail())

    def test_refuses_one_recipient_and_takes_the_other(self, smtp, postbox):
        postbox.add_rule("status", status=550, stage="rcpt", recipient="gone@x.example")
        refused = smtp.send_message(mail(), to_addrs=["gone@x.example", "anna@x.example"])
        assert list(refused) == ["gone@x.example"]
        assert postbox.mails()[0]["recipients"] == ["anna@x.example"]

    def test_refuses_a_login(self, smtp, postbox):
        postbox.add_rule("status", status=535, stage="auth")
        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            smtp.login("me", "wrong")
        assert refused.value.smtp_code == 535

    @pytest.mark.parametrize(("behaviour", "outcome"), [("drop_reply", "new"), ("reset", "refused")])
    def test_hangs_up_after_the_mail(self, behaviour, outcome, smtp, postbox):
        postbox.add_rule(behaviour, protocol="smtp", times=1)
        with pytest.raises(smtplib.SMTPServerDisconnected):
            smtp.send_message(mail())
        assert [arrived["outcome"] for arrived in postbox.mails()] == [outcome]

    def test_hangs_up_before_the_mail(self, smtp, postbox):
        postbox.add_rule("reset", protocol="smtp", stage="mail")
        with pytest.raises(smtplib.SMTPServerDisconnected):
            smtp.send_message(mail())
        assert postbox.mails() == []

    def test_says_nothing(self, postbox):
        postbox.add_rule("hang", protocol="smtp")
        client = smtplib.SMTP(postbox.address.host, postbox.address.smtp, timeout=0.5)
        with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
            client.send_message(mail())
        assert [arrived["outcome"] for arrived in postbox.mails()] == ["refused"]

    def test_is_slow(self, smtp, postbox):
        postbox.add_rule("accept", protocol="smtp", delay_ms=200)
        started_at = time.monotonic()
        smtp.send_message(mail())
        assert time.monotonic() - started_at >= 0.2
