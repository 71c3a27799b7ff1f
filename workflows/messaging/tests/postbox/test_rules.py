import pytest

from workflows.messaging.postbox.rules import BadRule, Behaviour, Rule, RuleBook, read_rule


def book(*rules: dict) -> RuleBook:
    rule_book = RuleBook()
    for rule in rules:
        rule_book.add(read_rule({"behaviour": "hang", **rule}))
    return rule_book


ARRIVAL = {"protocol": "http", "host": "a.example", "path": "/hooks/x", "method": "POST"}


class TestReadRule:
    def test_takes_what_is_given(self):
        rule = read_rule({"behaviour": "status", "status": 429, "retry_after": "junk", "path": "/x", "fraction": 0.5})
        assert (rule.behaviour, rule.status, rule.retry_after, rule.path, rule.fraction) == (
            Behaviour.STATUS,
            429,
            "junk",
            "/x",
            0.5,
        )

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            ([], "JSON object"),
            ({}, "'behaviour' must be one of"),
            ({"behaviour": "explode"}, "'behaviour' must be one of"),
            ({"behaviour": "hang", "pth": "/x"}, "There is no 'pth'"),
            ({"behaviour": "hang", "id": 1}, "There is no 'id'"),
            ({"behaviour": "hang", "path": 1}, "'path' must be of type str"),
            ({"behaviour": "hang", "seed": True}, "'seed' must be of type int"),
            ({"behaviour": "hang", "fraction": "0.5"}, "'fraction' must be of type"),
            ({"behaviour": "hang", "fraction": 1.5}, "between 0 and 1"),
            ({"behaviour": "hang", "fraction": float("nan")}, "between 0 and 1"),
            ({"behaviour": "hang", "times": 0}, "'times'"),
            ({"behaviour": "hang", "delay_ms": -1}, "'delay_ms'"),
            ({"behaviour": "hang", "delay_ms": 10**400}, "'delay_ms'"),
            ({"behaviour": "status"}, "'status' is needed"),
            ({"behaviour": "status", "status": 99}, "200 to 599"),
            ({"behaviour": "status", "status": 503, "retry_after": "1\r\nX: y"}, "line breaks"),
            ({"behaviour": "accept", "headers": {"X": "a\nb"}}, "'headers'"),
            ({"behaviour": "accept", "headers": {"X Y": "a"}}, "'headers'"),
            ({"behaviour": "redirect", "hops": 0}, "'hops'"),
            ({"behaviour": "gzip_bomb", "size_mb": 0}, "'size_mb'"),
            ({"behaviour": "drip_body", "interval_ms": 0}, "'interval_ms'"),
            ({"behaviour": "drip_body", "protocol": "smtp"}, "Mail knows only"),
            ({"behaviour": "hang", "protocol": "ftp"}, "http, smtp, sms, voice, messenger"),
            ({"behaviour": "hang", "stage": "helo"}, "'stage'"),
        ],
    )
    def test_refuses_the_rest_and_says_why(self, data, words):
        with pytest.raises(BadRule, match=words):
            read_rule(data)


class TestRuleBook:
    @pytest.mark.parametrize(
        ("rule", "is_met"),
        [
            ({}, True),
            ({"path": "/hooks/*"}, True),
            ({"path": "/hooks"}, False),
            ({"path": "/HOOKS/*"}, False),
            ({"host": "a.example", "method": "POST"}, True),
            ({"host": "a.example", "method": "PUT"}, False),
            ({"host": "*.example"}, True),
            ({"protocol": "smtp"}, False),
            ({"recipient": "*"}, False),
        ],
    )
    def test_meets_what_all_patterns_fit(self, rule, is_met):
        assert (book(rule).choose(**ARRIVAL) is not None) is is_met

    def test_meets_mail_by_any_recipient(self):
        rules = book({"recipient": "*@bounce.example"})
        assert rules.choose(protocol="smtp", recipients=["a@b.example", "X@BOUNCE.example"], stage="data")
        assert not rules.choose(protocol="smtp", recipients=["a@b.example"], stage="data")

    def test_applies_a_rule_of_mail_at_its_stage_only(self):
        rules = book({"behaviour": "status", "status": 550, "stage": "rcpt"})
        assert rules.choose(protocol="smtp", stage="data") is None
        assert rules.choose(protocol="smtp", stage="rcpt") is not None

    def test_lets_the_first_that_meets_decide(self):
        rules = book({"path": "/other"}, {"behaviour": "reset"}, {"behaviour": "garbage"})
        assert rules.choose(**ARRIVAL).behaviour is Behaviour.RESET

    def test_draws_the_fraction_by_its_seed(self):
        def draws(seed: int) -> list[bool]:
            rules = book({"fraction": 0.05, "seed": seed})
            return [rules.choose(**ARRIVAL) is not None for _ in range(2000)]

        assert draws(1) == draws(1)
        assert draws(1) != draws(2)
        assert 60 <= sum(draws(1)) <= 140

    def test_falls_through_to_the_next_rule_when_the_draw_is_lost(self):
        rules = book({"fraction": 0.0}, {"behaviour": "accept", "delay_ms": 50})
        assert rules.choose(**ARRIVAL).delay_ms == 50

    def test_uses_a_rule_as_often_as_it_says(self):
        rules = book({"times": 2})
        assert [rules.choose(**ARRIVAL) is not None for _ in range(3)] == [True, True, False]
        assert list(rules) == []

    def test_removes_rules_by_number(self):
        rules = book({}, {"behaviour": "reset"})
        assert rules.remove(1)
        assert not rules.remove(1)
        assert [rule.behaviour for rule in rules] == [Behaviour.RESET]
        assert rules.clear() == 1

    def test_shows_a_rule_without_its_dice(self):
        shown = Rule(Behaviour.HANG, seed=7).as_json()
        assert "dice" not in shown
        assert shown["seed"] == 7
