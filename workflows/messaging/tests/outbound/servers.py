"""Servers that answer outgoing requests with exactly the bytes a test gives them."""

import contextlib
import datetime
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Listener:
    """What a scripted server saw: one entry a connection, each the bytes that came in."""

    port: int
    connections: list[bytearray] = field(default_factory=list)

    @property
    def requests(self) -> list[bytes]:
        return [bytes(received) for received in self.connections]


@contextlib.contextmanager
def scripted(
    *answers: Sequence[bytes] | bytes, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> Iterator[Listener]:
    """Serve connections one after another; the n-th gets the n-th script, the last one repeats.

    A script is what to send after each request head that arrives; then the connection is closed.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as server:
        server.bind((host, 0))
        server.listen(64)
        listener = Listener(server.getsockname()[1])

        def serve() -> None:
            for number in range(1_000_000):
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                received = bytearray()
                listener.connections.append(received)
                script = answers[min(number, len(answers) - 1)] if answers else []
                with contextlib.suppress(OSError):
                    if tls is not None:
                        connection = tls.wrap_socket(connection, server_side=True)
                    for answer in [script] if isinstance(script, bytes) else script:
                        wait_for_head(connection, received)
                        connection.sendall(answer)
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)
                connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener
        finally:
            server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def wait_for_head(connection: socket.socket, received: bytearray) -> None:
    """Read up to the end of one more request head and its body."""
    start = len(received)
    while b"\r\n\r\n" not in received[start:]:
        data = connection.recv(65536)
        if not data:
            raise ConnectionError
        received += data
    head, _, body = bytes(received[start:]).partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    missing = int(lengths[0]) - len(body) if lengths else 0
    while missing > 0:
        data = connection.recv(65536)
        if not data:
            raise ConnectionError
        received += data
        missing -= len(data)


@dataclass(frozen=True)
class Authority:
    """A certificate authority of a test's own."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    folder: Path

    @classmethod
    def make(cls, folder: Path) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        certificate = (
            builder(name, name, key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        return cls(key, certificate, folder)

    def client_context(self) -> ssl.SSLContext:
        pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)

    def server_context(self, name: str, *, days: int = 1) -> ssl.SSLContext:
        """Return the context of a server that has a certificate for this name or address."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        try:
            alternative: x509.GeneralName = x509.IPAddress(ip_address(name))
        except ValueError:
            alternative = x509.DNSName(name)
        certificate = (
            builder(subject, self.certificate.subject, key, days=days)
            .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        path = self.folder / f"{name}-{days}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


def builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, days: int = 1
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=10))
        .not_valid_after(now + datetime.timedelta(days=days))
    )
