"""A mail server that says exactly what a test wants, and keeps what it heard."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

OK = b"250 OK\r\n"
Script = Callable[["Client"], None]


@dataclass(eq=False)
class Client:
    """One connection, as the server sees it."""

    wire: socket.socket
    heard: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.file = self.wire.makefile("rb")

    def say(self, text: bytes) -> None:
        self.wire.sendall(text)

    def hear(self) -> bytes:
        line = self.file.readline()
        self.heard.append(line)
        return line

    def hear_mail(self) -> bytes:
        """Read to the final dot."""
        lines = []
        while (line := self.file.readline()) not in (b".\r\n", b""):
            lines.append(line)
        return b"".join(lines)

    def greet(self) -> None:
        self.say(b"220 mail.test\r\n")
        self.hear()
        self.say(OK)

    def take_envelope(self) -> None:
        """Accept MAIL and RCPT, and ask for the content."""
        while not self.hear().lower().startswith(b"data"):
            self.say(OK)
        self.say(b"354 go on\r\n")


@contextlib.contextmanager
def scripted(script: Script) -> Iterator[tuple[int, list[Client]]]:
    """Run a server whose every connection follows the script; yields its port and the connections so far."""
    listener = socket.create_server(("127.0.0.1", 0))
    clients: list[Client] = []

    def serve() -> None:
        while True:
            try:
                wire, _ = listener.accept()
            except OSError:
                return
            client = Client(wire)
            clients.append(client)
            threading.Thread(target=follow, args=(client,), daemon=True).start()

    def follow(client: Client) -> None:
        with contextlib.suppress(OSError):
            script(client)
        with contextlib.suppress(OSError):
            client.file.close()
            client.wire.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], clients
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
        for client in clients:
            with contextlib.suppress(OSError):
                client.wire.shutdown(socket.SHUT_RDWR)
