"""Reads the URL of an outgoing request so strictly that no two programs could read it differently."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote

from workflows.messaging.outbound.errors import NotSent

MAXIMUM_LENGTH = 8192
MAXIMUM_NAME_LENGTH = 253
DEFAULT_PORTS = {"http": 80, "https": 443}
HIGHEST_PORT = 65535

_PARTS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<rest>.*)", re.DOTALL)
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PATH_CHARACTERS = "/?:@!$&'()*+,;=-._~%[]|"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes. `host` is lower case, an IPv6 address without its brackets; `path` includes the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> tuple[str, str, int]:
        return (self.scheme, self.host, self.port)

    @property
    def authority(self) -> str:
        """The `Host` header: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def address(self) -> IPv4Address | IPv6Address | None:
        """The address itself when the URL names one instead of a host name."""
        if ":" in self.host:
            return IPv6Address(self.host)
        return IPv4Address(self.host) if _NUMBER.fullmatch(self.host.rpartition(".")[2]) else None

    def shares_credentials_with(self, other: "Target") -> bool:
        """Say whether a redirect from here to `other` may carry credentials: same origin, or its step up to HTTPS."""
        steps_up = (self.scheme, self.port, other.scheme, other.port) == ("http", 80, "https", 443)
        return self.host == other.host and (self.origin == other.origin or steps_up)


def parse(url: str) -> Target:
    """Read an absolute http or https URL; NotSent(`invalid_config`) where another reader might see another host."""
    if len(url) > MAXIMUM_LENGTH:
        raise unusable(f"is longer than {MAXIMUM_LENGTH} characters")
    if _CONTROL.search(url) or url != url.strip():
        raise unusable("contains control characters or begins or ends with a space")
    match = _PARTS.fullmatch(url)
    if match is None or match["scheme"].lower() not in DEFAULT_PORTS:
        raise unusable("must begin with http:// or https://")
    scheme = match["scheme"].lower()
    host, port = _parse_authority(match["authority"])
    return Target(scheme, host, DEFAULT_PORTS[scheme] if port is None else port, _parse_path(match["rest"]))


def _parse_authority(authority: str) -> tuple[str, int | None]:
    if "@" in authority:
        raise unusable("must not contain a user name or password; use the authentication settings")
    if not authority.isascii():
        raise unusable("names a host outside ASCII; write it in its xn-- form")
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise unusable("has no readable host name")
    port = None if match["port"] is None else int(match["port"])
    if port is not None and not 1 <= port <= HIGHEST_PORT:
        raise unusable(f"has a port outside 1–{HIGHEST_PORT}")
    return _parse_host(match["host"].lower()), port


def _parse_host(host: str) -> str:
    if host.startswith("["):
        try:
            return IPv6Address(host[1:-1]).compressed
        except ValueError:
            raise unusable("has an IPv6 address that cannot be read") from None
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(IPv4Address(host))
        except ValueError:
            raise unusable("writes its address in an unusual way; use four decimal numbers") from None
    if len(host) > MAXIMUM_NAME_LENGTH or not all(_LABEL.fullmatch(label) for label in labels):
        raise unusable("has a host name that is not valid")
    return host


def _parse_path(rest: str) -> str:
    path = rest.partition("#")[0]
    if not path.startswith("/"):
        path = f"/{path}"
    try:
        return quote(_STRAY_PERCENT.sub("%25", path), safe=_PATH_CHARACTERS)
    except UnicodeEncodeError:
        raise unusable("contains characters that are no text") from None


def unusable(why: str) -> NotSent:
    return NotSent("invalid_config", f"The URL {why}.")
