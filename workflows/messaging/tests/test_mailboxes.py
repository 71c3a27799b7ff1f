import pytest

from workflows.messaging.mailboxes import as_ascii, bare, is_mailable, mailbox, one_line, readable


class TestIsMailable:
    @pytest.mark.parametrize(
        "address",
        [
            "zoe@example.com",
            "a.b+c@example.co.uk",
            "o'neil@example.com",
            "zoe@bücher.example",
            "zoe@xn--bcher-kva.example",
        ],
    )
    def test_accepts_what_mail_servers_take(self, address):
        assert is_mailable(address)

    @pytest.mark.parametrize(
        "address",
        [
            "",
            "zoe",
            "@example.com",
            "zoe@",
            "zoe@localhost",
            "zoe@example..com",
            "zoe@-example.com",
            "zoe@example-.com",
            ".zoe@example.com",
            "zoe.@example.com",
            "z..e@example.com",
            "zoë@example.com",
            "zoe@exam ple.com",
            "zoe @example.com",
            "zoe@example.com ",
            "zoe@example.com\n",
            "zoe@example.com\r\nBcc: x@example.com",
            "zoe\x00@example.com",
            "zoe@example.com,bob@example.com",
            "Zoe <zoe@example.com>",
            '"zoe"@example.com',
            "zoe@[127.0.0.1]",
            "zoe(comment)@example.com",
            "zoe@example.com>",
            f"{'a' * 65}@example.com",
            f"zoe@{'a' * 64}.com",
            f"zoe@{'a.' * 130}com",
            f"zoe@{'ü' * 60}.example",
        ],
    )
    def test_refuses_the_rest(self, address):
        assert not is_mailable(address)


class TestMailbox:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("", "zoe@example.com"),
            ("Zoe Smith", "Zoe Smith <zoe@example.com>"),
            ("Smith, Zoe", '"Smith, Zoe" <zoe@example.com>'),
            ('Zoe "Z" Smith', '"Zoe \\"Z\\" Smith" <zoe@example.com>'),
            ("Zoe\r\nBcc: x@example.com", '"Zoe Bcc: x@example.com" <zoe@example.com>'),
            ("Zoë", "=?utf-8?q?Zo=C3=AB?= <zoe@example.com>"),
        ],
    )
    def test_quotes_and_encodes_names(self, name, expected):
        assert mailbox(name, "zoe@example.com") == expected

    @pytest.mark.parametrize("name", ["日本" * 100, "Zoë " * 100, "a b " * 100])
    def test_stays_on_one_line(self, name):
        written = mailbox(name, "zoe@example.com")
        assert written.isascii()
        assert "\n" not in written
        assert bare(written) == "zoe@example.com"

    def test_writes_domains_as_dns_has_them(self):
        assert mailbox("", "zoe@bücher.example") == "zoe@xn--bcher-kva.example"
        assert as_ascii("Zoe.X@Example.COM") == "Zoe.X@Example.COM"


class TestOneLine:
    def test_leaves_no_breaks_and_no_control_characters(self):
        every = "".join(map(chr, range(0xA0))) + "\u2028\u2029"
        text = one_line(f"a{every}b")
        assert text.isprintable()
        assert one_line(" a \t\n b ") == "a b"


class TestReadable:
    def test_shows_the_name_as_it_is(self):
        assert readable("Zoë", "zoe@example.com") == "Zoë <zoe@example.com>"
        assert readable("", "zoe@example.com") == "zoe@example.com"
