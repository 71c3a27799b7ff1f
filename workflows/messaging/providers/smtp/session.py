"""A conversation with a mail server."""

import re
import select
import smtplib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from io import BufferedReader, RawIOBase
from typing import Any

from workflows.messaging.outbound import Deadline, NotSent, SentUnknown, connect
from workflows.messaging.providers.smtp.replies import failure, refusal
from workflows.messaging.providers.smtp.server import Server, own_name, tls_context
from workflows.messaging.secrets import UnreadableSecret, reveal_secrets

MAXIMUM_REPLY_BYTES = 64 * 1024
MAXIMUM_MAILS = 100  # some servers want to be greeted anew after as many
IDLE_SECONDS = 20.0
LIFE_SECONDS = 300.0  # then the name is looked up again, and a changed password asked for
READY, DONE, WILL_FORWARD, GO_ON = 220, 250, 251, 354
END_OF_MAIL = b".\r\n"

_LINE_ENDS = re.compile(rb"\r\n|\r|\n")
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")


@dataclass(frozen=True, slots=True)
class Delivery:
    """A mail that the server took: its last reply, and the further recipients that it did not want."""

    reply: str
    refused: Sequence[str] = ()


class Replies(RawIOBase):
    """What a server says, read until the session's deadline however slowly it comes."""

    def __init__(self, session: "Session") -> None:
        self._session = session

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        session = self._session
        assert session.sock is not None
        session.sock.settimeout(session.deadline.remaining())
        count = session.sock.recv_into(buffer)
        session.reply_bytes += count
        if session.reply_bytes > MAXIMUM_REPLY_BYTES:
            raise OSError("the reply has no end")
        return count


class Session(smtplib.SMTP):
    """A signed-in conversation, one mail after another; each has one deadline for all it does.

    Opening it raises NotSent when that is not possible.
    """

    def __init__(self, server: Server, deadline: Deadline) -> None:
        super().__init__(local_hostname=own_name())
        self.deadline = deadline
        self.reply_bytes = 0
        self._mails = 0
        self._opened_at = self._used_at = time.monotonic()
        host, port = server.place()
        self._host = host  # the name that smtplib wants in the certificate
        self.sock = connect(host, port, deadline)
        try:
            self._begin(server)
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            self.close()
            raise failure(error) from error
        except BaseException:
            self.close()
            raise

    def _begin(self, server: Server) -> None:
        if server.security == "tls":
            assert self.sock is not None
            self.sock.settimeout(self.deadline.remaining())
            self.sock = tls_context().wrap_socket(self.sock, server_hostname=self._host)
        self._expect("greeting", *self.getreply(), READY)
        self.ehlo_or_helo_if_needed()
        if server.security == "starttls":
            self.starttls(context=tls_context())
            self.ehlo_or_helo_if_needed()
        if server.username and server.secret_id is not None:
            try:
                secret = reveal_secrets(account_id=server.account_id, secret_ids=[server.secret_id])[server.secret_id]
            except KeyError:
                raise NotSent("invalid_config", "The password of the connection no longer exists.") from None
            except UnreadableSecret as error:
                raise NotSent("invalid_config", str(error)) from error
            try:
                self.login(server.username, secret.reveal())
            finally:
                self.user = self.password = ""

    def getreply(self) -> tuple[int, bytes]:
        self.reply_bytes = 0
        if self.file is None:
            self.file = BufferedReader(Replies(self))
        return super().getreply()

    def send(self, s: Any) -> None:
        if self.sock is not None:
            self.sock.settimeout(self.deadline.remaining())
        super().send(s)

    @property
    def is_reused(self) -> bool:
        return self._mails > 0

    def is_fresh(self) -> bool:
        """Tell whether it may carry another mail: neither old nor overused, and nothing has come, not even its end."""
        now = time.monotonic()
        if self.sock is None or self._mails >= MAXIMUM_MAILS:
            return False
        if now - self._used_at > IDLE_SECONDS or now - self._opened_at > LIFE_SECONDS:
            return False
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return not poll.poll(0)

    def deliver(self, sender: str, recipients: Sequence[str], content: bytes, deadline: Deadline) -> Delivery:
        """Hand over one mail. The first recipient is the one that counts; others may be refused.

        NotSent: the server does not have the mail. SentUnknown: nobody can tell.
        """
        self.deadline = deadline
        content = with_crlf(content)
        try:
            refused = self._envelope(sender, recipients, len(content))
            self._transmit(content)
        except (smtplib.SMTPException, OSError) as error:
            self.close()
            raise failure(error) from error
        try:
            code, text = self.getreply()
        except (smtplib.SMTPException, OSError) as error:
            self.close()
            raise unknown() from error
        if code < DONE:
            self.close()
            raise unknown()
        self._expect("data", code, text, DONE)
        self._mails += 1
        self._used_at = time.monotonic()
        return Delivery(text.decode("utf-8", "replace")[:200], refused)

    def _envelope(self, sender: str, recipients: Sequence[str], size: int) -> list[str]:
        options = [f"size={size}"] if self.has_extn("size") else []
        if self.has_extn("8bitmime"):
            options.append("body=8bitmime")
        self._expect("mail", *self.mail(sender, options), DONE)
        refused = []
        for number, recipient in enumerate(recipients):
            code, text = self.rcpt(recipient)
            if code in (DONE, WILL_FORWARD):
                continue
            if number == 0:
                self._expect("rcpt", code, text, DONE)
            refused.append(recipient)
        return refused

    def _transmit(self, content: bytes) -> None:
        """Send the mail. When this raises, the final dot is still here, and no server may accept the mail without."""
        self.putcmd("data")
        self._expect("data", *self.getreply(), GO_ON)
        stuffed = content.replace(b"\r\n.", b"\r\n..")
        self.send((b"." if stuffed.startswith(b".") else b"") + stuffed + END_OF_MAIL)

    def _expect(self, stage: str, code: int, text: bytes, wanted: int) -> None:
        """Raise NotSent for another reply than wanted, leaving the session ready for the next mail if it can be."""
        if code == wanted:
            return
        try:
            self.rset()
        except (smtplib.SMTPException, OSError):
            self.close()
        raise refusal(stage, code, text)


def with_crlf(content: bytes) -> bytes:
    """Return content whose every line ends in CR LF: other ends mean different things to different servers."""
    if _BARE.search(content):
        content = _LINE_ENDS.sub(b"\r\n", content)
    return content if content.endswith(b"\r\n") else content + b"\r\n"


def unknown() -> SentUnknown:
    return SentUnknown("outcome_unknown", "The mail was handed over, and the mail server did not say if it accepts it.")
