"""No request reaches an address inside, however it is spelled, named or redirected to."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_network

import pytest

from workflows.messaging.outbound import Client, NotSent
from workflows.messaging.outbound.addresses import Address, refusal
from workflows.messaging.outbound.connections import dial
from workflows.messaging.postbox.testing import PostboxClient
from workflows.messaging.tests.outbound.servers import OK, Listener, scripted

pytestmark = pytest.mark.allow_hosts(["127.0.0.1", "127.0.0.2", "::1"])

REFUSED_ADDRESSES = """
0.0.0.0 0.0.0.1 0.1.2.3 0.255.255.255 127.0.0.1 127.0.0.2 127.0.1.1 127.1.2.3 127.255.255.254 127.255.255.255
10.0.0.0 10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1 192.168.255.255 169.254.0.1 169.254.169.254
169.254.170.2 169.254.255.255 100.64.0.0 100.64.0.1 100.100.100.200 100.127.255.255 168.63.129.16 192.0.0.1
192.0.0.8 192.0.0.9 192.0.0.170 192.0.0.192 192.0.2.1 198.51.100.7 203.0.113.255 198.18.0.1 198.19.255.255
192.31.196.1 192.52.193.1 192.88.99.1 192.175.48.1 224.0.0.1 239.255.255.250 239.255.255.255 240.0.0.1 250.1.2.3
255.255.255.255 :: ::1 ::2 ::127.0.0.2 ::10.0.0.1 ::8.8.8.8 ::ffff:127.0.0.2 ::ffff:10.0.0.1 ::ffff:169.254.169.254
::ffff:8.8.8.8 ::ffff:0:127.0.0.2 ::ffff:0:8.8.8.8 64:ff9b::7f00:2 64:ff9b::a00:1 64:ff9b::808:808 64:ff9b:1::7f00:2
64:ff9b:1:ffff::1 2002:7f00:2:: 2002:a00:1::1 2002:a9fe:a9fe:: 2002:808:808:: 2001::1
2001:0:4136:e378:8000:63bf:80ff:fffd 2001:0:808:808::1 2001:2::1 2001:10::1 2001:20::1 2001:1ff:ffff::1 2001:db8::1
2001:db8:ffff::1 3fff::1 3fff:fff::1 fc00::1 fd00::1 fd00:ec2::254 fdff:ffff::1 fe80::1 fe80::a9fe:a9fe febf::1
fec0::1 feff::1 ff00::1 ff02::1 ff05::2 ff0e::1 100::1 100:0:0:1::1 5f00::1 2620:4f:8000::1 1::1 200::1 400::1
1000::1 4000::1 6000::1 8000::1 a000::1 c000::1 e000::1 f000::1 f800::1 2600:1f18::5efe:7f00:2
2600:1f18::200:5efe:a00:1
""".split()  # noqa: SIM905

PUBLIC_ADDRESSES = """
1.1.1.1 8.8.8.8 9.9.9.9 93.184.216.34 11.0.0.1 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1 169.253.1.1
172.15.255.255 172.32.0.1 192.167.1.1 192.169.1.1 198.17.255.255 198.20.0.1 223.255.255.255 2606:4700:4700::1111
2001:4860:4860::8888 2a00:1450:4001:81b::200e 2600:1f18::1 2003::1 2c0f:fb50::1
""".split()  # noqa: SIM905

CANARY_URLS = """
http://127.0.0.2:{port}/
http://127.0.0.2:{port}
HTTP://127.0.0.2:{port}/
http://127.0.0.2:0{port}/
http://127.0.0.2.:{port}/
http://127.0.2:{port}/
http://127.2:{port}/
http://127.0.0.02:{port}/
http://127.0.0.002:{port}/
http://0127.0.0.2:{port}/
http://0177.0.0.2:{port}/
http://0177.0.0.02:{port}/
http://0177.0000.0000.0002:{port}/
http://017700000002:{port}/
http://00000017700000002:{port}/
http://2130706434:{port}/
http://02130706434:{port}/
http://6425673730:{port}/
http://0x7f000002:{port}/
http://0X7F000002:{port}/
http://0x7f.0.0.2:{port}/
http://0x7f.0x0.0x0.0x2:{port}/
http://0x7f.0.2:{port}/
http://0x7f.2:{port}/
http://127.0.0.0x2:{port}/
http://127.0x2:{port}/
http://127.0.0.258:{port}/
http://383.0.0.2:{port}/
http://127.0.0.2%00:{port}/
http://127.0.0.2%2f:{port}/
http://127.0.0.2%20:{port}/
http://%31%32%37.0.0.2:{port}/
http://127%2e0%2e0%2e2:{port}/
http://127。0。0。2:{port}/
http://127．0．0．2:{port}/
http://127｡0｡0｡2:{port}/
http://１２７.０.０.２:{port}/
http://①②⑦.⓪.⓪.②:{port}/
http://𝟏𝟐𝟕.𝟎.𝟎.𝟐:{port}/
http://١٢٧.٠.٠.٢:{port}/
http://१२७.०.०.२:{port}/
http://127.0.0.2\u200b:{port}/
http://\u200b127.0.0.2:{port}/
http://\u00ad127.0.0.2:{port}/
http://[::ffff:127.0.0.2]:{port}/
http://[::ffff:7f00:2]:{port}/
http://[::FFFF:7F00:0002]:{port}/
http://[0:0:0:0:0:ffff:127.0.0.2]:{port}/
http://[0000:0000:0000:0000:0000:ffff:7f00:0002]:{port}/
http://[::127.0.0.2]:{port}/
http://[::7f00:2]:{port}/
http://[::ffff:0:127.0.0.2]:{port}/
http://[64:ff9b::127.0.0.2]:{port}/
http://[64:ff9b::7f00:2]:{port}/
http://[64:ff9b:1::7f00:2]:{port}/
http://[2002:7f00:0002::]:{port}/
http://[2002:7f00:2::1]:{port}/
http://[2001:0:7f00:2::]:{port}/
http://[2001::80ff:fffd]:{port}/
http://[::1]:{port}/
http://[::]:{port}/
http://[0:0:0:0:0:0:0:1]:{port}/
http://[fe80::1%25lo]:{port}/
http://[fe80::1%lo]:{port}/
http://[::ffff:127.0.0.2%25lo]:{port}/
http://[127.0.0.2]:{port}/
http://[v1.127.0.0.2]:{port}/
http://[::ffff:127.0.0.02]:{port}/
http://[::ffff:0x7f.0.0.2]:{port}/
http://[::ffff:127.0.0.2]
http://127.0.0.2:{port}@127.0.0.2:{port}/
http://user@127.0.0.2:{port}/
http://user:pass@127.0.0.2:{port}/
http://@127.0.0.2:{port}/
http://:@127.0.0.2:{port}/
http://hooks.example@127.0.0.2:{port}/
http://hooks.example:80@127.0.0.2:{port}/
http://hooks.example%40127.0.0.2:{port}/
http://hooks.example\\@127.0.0.2:{port}/
http://127.0.0.2:{port}\\@hooks.example/
http://hooks.example\\.127.0.0.2:{port}/
http:\\\\127.0.0.2:{port}/
http:/\\127.0.0.2:{port}/
http:127.0.0.2:{port}/
http:/127.0.0.2:{port}/
http:///127.0.0.2:{port}/
http:////127.0.0.2:{port}/
//127.0.0.2:{port}/
127.0.0.2:{port}/
http://127.0.0.2:{port}#@hooks.example/
http://127.0.0.2:{port}?@hooks.example/
http://127.0.0.2:{port};@hooks.example/
http://127.0.0.2 :{port}/
 http://127.0.0.2:{port}/
http://127.0.0.2:{port}/\n
http://127.0.0.2:{port}/\r\nHost: hooks.example
http://127.0.0.2\t:{port}/
http://127.0\n.0.2:{port}/
http://127.0.0.2:{port}\0/
http://127.0.0.2:{port}:80/
http://127.0.0.2::{port}/
http://127.0.0.2:+{port}/
http://127.0.0.2:-{port}/
http://127.0.0.2: {port}/
http://127.0.0.2:６５/
http://127.0.0.2:0/
http://127.0.0.2:65536/
http://127.0.0.2:99999999/
http://127..0.0.2:{port}/
http://.127.0.0.2:{port}/
http://127.0.0.2..:{port}/
http://0:{port}/
http://0.0.0.0:{port}/
http://00:{port}/
http://0x0:{port}/
http://0.0:{port}/
http://169.254.169.254/latest/meta-data/
http://2852039166/latest/meta-data/
http://0xa9fea9fe/
http://[::ffff:169.254.169.254]/
http://[fd00:ec2::254]/latest/
http://100.100.100.200/
http://192.0.0.192/
http://168.63.129.16/
http://255.255.255.255:{port}/
http://224.0.0.1:{port}/
ftp://127.0.0.2:{port}/
file:///etc/passwd
file://127.0.0.2/etc/passwd
gopher://127.0.0.2:{port}/_GET
dict://127.0.0.2:{port}/info
ldap://127.0.0.2:{port}/
unix:///var/run/docker.sock
http+unix://%2Fvar%2Frun%2Fdocker.sock/info
data:text/plain,hello
javascript:alert(1)
jar:http://127.0.0.2:{port}/!/
netdoc://127.0.0.2:{port}/
ws://127.0.0.2:{port}/
httpx://127.0.0.2:{port}/
http//127.0.0.2:{port}/
http
http://
https://
https://:{port}/
https://127.0.0.2:{port}/
http://-127.0.0.2:{port}/
http://127.0.0.2-:{port}/
http://127.0.0.2,hooks.example:{port}/
http://{{127.0.0.2}}:{port}/
http://<127.0.0.2>:{port}/
http://127.0.0.2|hooks.example:{port}/
http://canary.example:{port}/
http://CANARY.example:{port}/
http://canary6.example:{port}/
http://mapped.example:{port}/
http://mixed.example:{port}/
http://mixed-last.example:{port}/
http://zero.example:{port}/
http://metadata.example:{port}/
http://private.example:{port}/
http://nat64.example:{port}/
http://scoped.example:{port}/
http://localhost.localdomain:{port}/
http://ip6-localhost:{port}/
http://127.0.0.2.nip.example:{port}/
""".strip("\n").split("\n")

NAMES = {
    "canary.example": ["127.0.0.2"],
    "canary6.example": ["::1"],
    "mapped.example": ["::ffff:127.0.0.2"],
    "mixed.example": ["93.184.216.34", "127.0.0.2"],
    "mixed-last.example": ["127.0.0.2", "93.184.216.34"],
    "zero.example": ["0.0.0.0"],
    "metadata.example": ["169.254.169.254"],
    "private.example": ["10.1.2.3"],
    "nat64.example": ["64:ff9b::7f00:2"],
    "scoped.example": ["fe80::1%lo"],
    "localhost.localdomain": ["127.0.0.2", "::1"],
    "ip6-localhost": ["::1"],
    "127.0.0.2.nip.example": ["127.0.0.2"],
}


class Dialled:
    """Dials for real and keeps whom."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    def __call__(self, address: Address, port: int, timeout_seconds: float):
        self.addresses.append(str(address))
        return dial(address, port, timeout_seconds)


@pytest.fixture
def canary() -> Iterator[Listener]:
    with scripted(OK, host="127.0.0.2") as listener:
        yield listener


@pytest.fixture
def dialled() -> Dialled:
    return Dialled()


def lookup(host: str) -> Sequence[str]:
    return NAMES[host]


class TestRefusal:
    def test_the_table_is_long_enough(self):
        assert len(REFUSED_ADDRESSES) + len(CANARY_URLS) >= 250

    @pytest.mark.parametrize("text", REFUSED_ADDRESSES)
    def test_refuses_what_is_not_public(self, text):
        assert refusal(ip_address(text), []) is not None

    @pytest.mark.parametrize("text", PUBLIC_ADDRESSES)
    def test_lets_public_addresses_pass(self, text):
        assert refusal(ip_address(text), []) is None

    def test_lets_exactly_the_allowed_networks_pass(self):
        allowed = [ip_network("127.0.0.1/32"), ip_network("fd00::/8")]
        assert refusal(ip_address("127.0.0.1"), allowed) is None
        assert refusal(ip_address("fd12::1"), allowed) is None
        assert refusal(ip_address("127.0.0.2"), allowed) == "loopback"
        assert refusal(ip_address("::ffff:127.0.0.1"), allowed) == "IPv4 inside IPv6"

    @pytest.mark.parametrize(
        ("text", "kind"),
        [
            ("169.254.169.254", "link-local"),
            ("168.63.129.16", "metadata service"),
            ("100.64.0.1", "carrier-grade NAT"),
            ("2001:db8::1", "documentation"),
            ("2002:808:808::", "IPv4 inside IPv6"),
            ("2001::1", "IPv4 inside IPv6"),
            ("::1", "loopback"),
            ("::", "unspecified"),
        ],
    )
    def test_names_the_kind(self, text, kind):
        assert refusal(ip_address(text), []) == kind


class TestCanary:
    @pytest.mark.parametrize("form", CANARY_URLS)
    def test_is_reached_by_no_spelling(self, form, canary, dialled):
        client = Client(allowed=[ip_network("127.0.0.1/32")], lookup=lookup, dial=dialled, remember_seconds=0)
        with pytest.raises(NotSent) as refused:
            client.request("GET", form.replace("{port}", str(canary.port)), timeout_seconds=2)
        assert refused.value.error_class == "invalid_config"
        assert dialled.addresses == []
        assert canary.requests == []

    def test_would_be_reached_if_its_network_were_allowed(self, canary, dialled):
        client = Client(allowed=[ip_network("127.0.0.2/32")], lookup=lookup, dial=dialled)
        assert client.request("GET", f"http://127.0.0.2:{canary.port}/").body == b"ok"
        assert client.request("GET", f"http://canary.example:{canary.port}/").body == b"ok"
        assert dialled.addresses == ["127.0.0.2", "127.0.0.2"]

    def test_is_not_reached_by_a_name_that_changes_its_address_after_the_check(self, canary, dialled):
        answers = iter([["93.184.216.34"], ["127.0.0.2"], ["127.0.0.2"]])
        pinned: list[str] = []

        def unreachable(address: Address, port: int, timeout_seconds: float):
            pinned.append(str(address))
            raise ConnectionRefusedError

        client = Client(lookup=lambda host: next(answers), dial=unreachable, remember_seconds=0)
        url = f"http://rebinding.example:{canary.port}/"
        with pytest.raises(NotSent, match="No connection"):
            client.request("GET", url)
        assert pinned == ["93.184.216.34"], "one lookup, and the address it gave is the one that is dialled"
        with pytest.raises(NotSent, match="must not be called"):
            client.request("GET", url)
        assert pinned == ["93.184.216.34"]
        assert canary.requests == []

    def test_is_not_reached_by_a_redirect(self, canary, dialled, postbox: PostboxClient):
        client = Client(allowed=[ip_network("127.0.0.1/32")], lookup=lookup, dial=dialled, remember_seconds=0)
        for number, form in enumerate(CANARY_URLS):
            target = form.replace("{port}", str(canary.port))
            if not target.isascii() or not target.isprintable():
                continue
            postbox.add_rule("redirect", path=f"/{number}", to=target, status=307)
            is_relative = not re.match(r"[a-z][a-z+]*:|//", target, re.IGNORECASE)
            with contextlib.suppress(NotSent) if is_relative else pytest.raises(NotSent):
                client.request("POST", postbox.url(f"/{number}"), body=b"x", timeout_seconds=2)
            postbox.clear_rules()
        assert set(dialled.addresses) == {"127.0.0.1"}
        assert canary.requests == []

    def test_is_not_reached_by_a_name_that_rebinds_between_the_redirect_s_hops(self, canary, dialled, postbox):
        answers = iter([["127.0.0.1"], ["127.0.0.2"]])
        client = Client(
            allowed=[ip_network("127.0.0.1/32")], lookup=lambda host: next(answers), dial=dialled, remember_seconds=0
        )
        postbox.add_rule("redirect", to=f"http://rebinding.example:{canary.port}/", status=307)
        with pytest.raises(NotSent, match="must not be called"):
            client.request("POST", f"http://rebinding.example:{postbox.address.http}/x", body=b"x")
        assert canary.requests == []

    def test_is_not_reached_through_a_proxy_of_the_environment(self, canary, outbound, postbox, monkeypatch):
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.2:{canary.port}")
        assert outbound.request("GET", postbox.url()).status_code == 200
        assert canary.requests == []


class TestAllowedNames:
    def test_use_only_their_allowed_addresses(self, postbox, dialled):
        client = Client(
            allowed=[ip_network("127.0.0.1/32")], lookup=lambda host: ["::1", "10.0.0.1", "127.0.0.1"], dial=dialled
        )
        assert client.request("GET", f"http://localhost:{postbox.address.http}/hooks").status_code == 200
        assert dialled.addresses == ["127.0.0.1"]
