"""Which network addresses outgoing requests may reach."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

GLOBAL_UNICAST = IPv6Network("2000::/3")
ISATAP_MASK = 0xFDFF_FFFF << 32
ISATAP = 0x0000_5EFE << 32

REFUSED: dict[Network, str] = {
    ip_network(network): kind
    for kind, networks in {
        "unspecified": ("0.0.0.0/8", "::/128"),
        "loopback": ("127.0.0.0/8", "::1/128"),
        "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10"),
        "link-local": ("169.254.0.0/16", "fe80::/10"),
        "carrier-grade NAT": ("100.64.0.0/10",),
        "metadata service": ("168.63.129.16/32",),
        "multicast": ("224.0.0.0/4", "ff00::/8"),
        "benchmarking": ("198.18.0.0/15", "2001:2::/48"),
        "documentation": ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"),
        "reserved": (
            "192.0.0.0/24",
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.88.99.0/24",
            "192.175.48.0/24",
            "240.0.0.0/4",
            "100::/64",
            "100:0:0:1::/64",
            "2001::/23",
            "2620:4f:8000::/48",
            "5f00::/16",
        ),
        "IPv4 inside IPv6": (
            "::/96",
            "::ffff:0:0/96",
            "::ffff:0:0:0/96",
            "64:ff9b::/96",
            "64:ff9b:1::/48",
            "2001::/32",
            "2002::/16",
        ),
    }.items()
    for network in networks
}


def refusal(address: Address, allowed: Sequence[Network]) -> str | None:
    """Say what kind of address this is when it must not be reached, else None; `allowed` networks come first."""
    if is_inside(address, allowed):
        return None
    if isinstance(address, IPv6Address):
        if int(address) & ISATAP_MASK == ISATAP:
            return "IPv4 inside IPv6"
        if address.scope_id is not None:
            return "link-local"
    matches = [network for network in REFUSED if network.version == address.version and address in network]
    if matches:
        return REFUSED[max(matches, key=lambda network: network.prefixlen)]
    if isinstance(address, IPv6Address) and address not in GLOBAL_UNICAST:
        return "reserved"
    return None if address.is_global else "reserved"


def is_inside(address: Address, networks: Sequence[Network]) -> bool:
    return any(network.version == address.version and address in network for network in networks)
