"""E-mail addresses and names as headers may hold them."""

import re
from email.header import Header
from email.headerregistry import Address
from email.utils import formataddr, parseaddr

MAXIMUM_ADDRESS_LENGTH = 254
MAXIMUM_NAME_LENGTH = 100

_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[^\W_](?:(?:[^\W_]|-){0,61}[^\W_])?"
_ADDRESS = re.compile(rf"(?=[^@]{{1,64}}@){_LOCAL}(?:\.{_LOCAL})*@(?:{_LABEL}\.)+{_LABEL}")
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\s]+")


def one_line(text: str) -> str:
    """Return text as a header may hold it: control characters and white space become single blanks."""
    return _BREAKS.sub(" ", text).strip()


def is_mailable(address: str) -> bool:
    """Tell whether mail servers everywhere take the address: ASCII before the @, a domain behind it."""
    if len(address) > MAXIMUM_ADDRESS_LENGTH or not _ADDRESS.fullmatch(address):
        return False
    try:
        return len(as_ascii(address)) <= MAXIMUM_ADDRESS_LENGTH
    except UnicodeError:
        return False


def as_ascii(address: str) -> str:
    """Return a mailable address with its domain as DNS has it; UnicodeError when the domain has no such form."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.encode('idna').decode()}"


def mailbox(name: str, address: str) -> str:
    """Return `name <address>` in ASCII, quoted and encoded on one line; the address is mailable."""
    name = one_line(name)[:MAXIMUM_NAME_LENGTH]
    if name.isascii() and "=?" not in name:  # what looks encoded is encoded, so that nobody decodes it
        return formataddr((name, as_ascii(address)))
    return f"{Header(name, 'utf-8').encode(linesep='')} <{as_ascii(address)}>"


def plain_mailbox(name: str, address: str) -> str:
    """Return `name <address>` quoted but not encoded, on one line; the address is mailable and in ASCII."""
    return str(Address(one_line(name)[:MAXIMUM_NAME_LENGTH], addr_spec=as_ascii(address)))


def bare(address: str) -> str:
    """Return the address of `name <address>` alone, in ASCII."""
    return as_ascii(parseaddr(address)[1])


def readable(name: str, address: str) -> str:
    """Return `name <address>` for people to read."""
    name = one_line(name)
    return f"{name} <{address}>" if name else address
