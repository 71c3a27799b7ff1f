import pytest

from workflows.messaging.postbox.ledger import Entry, Ledger, Outcome


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite3")
    yield ledger
    ledger.close()


def entry(key: str = "", outcome: Outcome = Outcome.NEW, **fields) -> Entry:
    return Entry(**{"protocol": "http", "outcome": outcome, "key": key, "headers": [], "body": b"", **fields})


class TestLedger:
    def test_gives_back_what_was_written(self, ledger):
        written = entry(
            "k",
            headers=[("X-A", "ä"), ("X-A", "2")],
            body=b"\x00\xff",
            method="POST",
            host="a.example",
            path="/x?y=1",
            sender="a@b.example",
            recipients=["ü@d.example"],
            subject="Grüße",
            behaviour="drop_reply",
            status=201,
            answer=b"{}",
        )
        ledger.add(written)
        assert ledger.get(written.id) == written
        assert ledger.get(99) is None

    def test_survives_a_restart(self, tmp_path):
        first = Ledger(tmp_path / "ledger.sqlite3")
        first.add(entry("k"))
        first.close()
        second = Ledger(tmp_path / "ledger.sqlite3")
        assert [found.key for found in second.find({}, limit=10)] == ["k"]
        second.close()

    @pytest.mark.parametrize(
        ("filters", "keys"),
        [
            ({}, ["a", "b", "c"]),
            ({"protocol": "smtp"}, ["c"]),
            ({"key": "b"}, ["b"]),
            ({"path": "/hooks/*"}, ["a", "b"]),
            ({"path": "/hooks/a"}, ["a"]),
            ({"method": "put"}, ["b"]),
            ({"host": "B.example"}, ["b"]),
            ({"outcome": "refused"}, ["b"]),
            ({"behaviour": "status"}, ["b"]),
            ({"recipient": "Ann@x.example"}, ["c"]),
            ({"recipient": "nn@x.example"}, []),
            ({"search": "HELLO"}, ["c"]),
            ({"after": "1"}, ["b", "c"]),
            ({"before": "2"}, ["a"]),
            ({"path": "/hooks/*", "method": "POST"}, ["a"]),
            ({"key": "' OR 1=1 --"}, []),
        ],
    )
    def test_finds_by_all_filters_together(self, ledger, filters, keys):
        ledger.add(entry("a", method="POST", host="a.example", path="/hooks/a"))
        refused = Outcome.REFUSED
        ledger.add(entry("b", refused, method="PUT", host="b.example", path="/hooks/b", behaviour="status"))
        ledger.add(entry("c", protocol="smtp", recipients=["Ann@x.example"], subject="Hello there"))
        assert [found.key for found in ledger.find(filters, limit=10, oldest_first=True)] == keys
        assert ledger.counts(filters)["total"] == len(keys)

    def test_counts_outcomes_and_keys(self, ledger):
        for key, outcome in [
            ("a", Outcome.NEW),
            ("a", Outcome.REPEATED),
            ("b", Outcome.REFUSED),
            ("b", Outcome.NEW),
            ("c", Outcome.NEW),
            ("c", Outcome.NEW),
            ("", Outcome.NEW),
            ("", Outcome.NEW),
        ]:
            ledger.add(entry(key, outcome))
        counts = ledger.counts({})
        assert counts == {
            "total": 8,
            "new": 6,
            "repeated": 1,
            "refused": 1,
            "keys": 3,
            "keys_twice_as_new": 1,
            "last_id": 8,
        }
        assert [found["key"] for found in ledger.keys({}, twice_as_new=True, limit=10)] == ["c"]
        [a, b, c] = ledger.keys({}, twice_as_new=False, limit=10)
        assert [(each["new"], each["repeated"], each["refused"]) for each in (a, b, c)] == [
            (1, 1, 0),
            (1, 0, 1),
            (2, 0, 0),
        ]

    def test_does_not_mix_the_keys_of_mail_and_webhooks(self, ledger):
        ledger.add(entry("a"))
        ledger.add(entry("a", protocol="smtp"))
        assert ledger.counts({})["keys_twice_as_new"] == 0
        assert ledger.first("http", "a").id == 1

    def test_names_the_first_arrival_that_was_acted_on(self, ledger):
        ledger.add(entry("a", Outcome.REFUSED))
        ledger.add(entry("a"))
        ledger.add(entry("a", Outcome.REPEATED))
        assert ledger.first("http", "a").id == 2
        assert ledger.first("http", "") is None

    def test_keeps_the_newest_when_there_are_too_many(self, tmp_path):
        ledger = Ledger(tmp_path / "ledger.sqlite3", maximum_entries=1000)
        for number in range(2600):
            ledger.add(entry(str(number)))
        keys = [int(found.key) for found in ledger.find({}, limit=10_000)]
        assert keys[0] == 2599
        assert 1000 <= len(keys) <= 1500
        ledger.close()

    def test_keeps_the_newest_when_they_are_too_large(self, tmp_path):
        ledger = Ledger(tmp_path / "ledger.sqlite3", maximum_bytes=1_000_000)
        for number in range(200):
            ledger.add(entry(str(number), body=bytes(50_000)))
        found = ledger.find({}, limit=10_000)
        assert found[0].key == "199"
        assert sum(len(each.body) for each in found) <= 1_000_000
        ledger.close()

    def test_keeps_no_body_that_is_larger_than_everything(self, tmp_path):
        ledger = Ledger(tmp_path / "ledger.sqlite3", maximum_bytes=1000)
        ledger.add(entry("a", body=bytes(2000)))
        ledger.add(entry("b", body=bytes(10)))
        assert [found.key for found in ledger.find({}, limit=10)] == ["b"]
        ledger.close()

    def test_forgets_everything_when_told(self, ledger):
        ledger.add(entry("a"))
        assert ledger.clear() == 1
        assert ledger.counts({})["total"] == 0
