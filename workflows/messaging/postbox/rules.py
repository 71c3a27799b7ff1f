"""How the postbox misbehaves: rules that pick arrivals by host, path, method or recipient."""

import dataclasses
import enum
import itertools
import random
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

LOWEST_STATUS, HIGHEST_STATUS = 200, 599
LONGEST_DELAY_MS = 600_000
PROTOCOLS = ("http", "smtp", "sms", "voice", "messenger")
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]+")


class Behaviour(enum.StrEnum):
    """What can be done to an arrival. Mail knows those of MAIL."""

    ACCEPT = "accept"
    """Act on it and say so: with `delay_ms`, `status` and `body` a well-behaved server of another kind."""
    STATUS = "status"
    """Refuse with `status` (mail: at `stage`), for HTTP with `retry_after`, `headers` and `body`."""
    HANG = "hang"
    """Take it, then say nothing until the other side gives up."""
    RESET = "reset"
    """Take it, then break the connection off without acting on it."""
    DROP_REPLY = "drop_reply"
    """Act on it, then close the connection without a reply."""
    DRIP_HEAD = "drip_head"
    """Answer with one byte of a never-ending head every `interval_ms`."""
    DRIP_BODY = "drip_body"
    """Answer 200, then one byte of a never-ending body every `interval_ms`."""
    ENDLESS_HEAD = "endless_head"
    ENDLESS_BODY = "endless_body"
    CUT_BODY = "cut_body"
    """Answer 200 and close in the middle of the body."""
    GZIP_BOMB = "gzip_bomb"
    """Answer 200 with `size_mb` of zeros that were packed a thousandfold."""
    GARBAGE = "garbage"
    """Answer with bytes that are no HTTP."""
    REDIRECT = "redirect"
    """Redirect `hops` times to itself, then to `to`; without `to` act on it."""


MAIL = frozenset({Behaviour.ACCEPT, Behaviour.STATUS, Behaviour.HANG, Behaviour.RESET, Behaviour.DROP_REPLY})
ANSWERS = (
    "human",
    "machine_end_beep",
    "machine_end_silence",
    "machine_end_other",
    "fax",
    "unknown",
    "busy",
    "no_answer",
)
"""What can become of a phone that rings."""
STAGES = frozenset({"auth", "mail", "rcpt", "data"})


class BadRule(ValueError):
    """The rule cannot be used; the text says why."""


@dataclass(slots=True)
class Rule:
    """One kind of misbehaviour and whom it meets. Patterns are shell patterns; an empty one meets everything."""

    behaviour: Behaviour
    protocol: str = ""
    host: str = ""
    path: str = ""
    method: str = ""
    recipient: str = ""
    fraction: float = 1.0
    """Which part of the matching arrivals it meets, drawn by `seed`."""
    seed: int = 0
    times: int | None = None
    """How often it is used before it goes away."""
    delay_ms: int = 0
    status: int = 0
    retry_after: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    stage: str = "data"
    interval_ms: int = 100
    size_mb: int = 1024
    to: str = ""
    hops: int = 1
    answer: str = ""
    """How a phone answers a call by itself, one of ANSWERS; empty: as its last digits say, or somebody has to."""
    honours_keys: bool | None = None
    """Whether a known key is answered without acting again. By default: HTTP does, mail does not."""
    id: int = 0
    used: int = 0
    dice: random.Random = field(default_factory=random.Random, repr=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)  # noqa: S311

    def meets(self, *, protocol: str, host: str, path: str, method: str, recipients: Iterable[str]) -> bool:
        """Say whether the rule is for this arrival, leaving chance aside."""
        pairs = ((self.protocol, protocol), (self.host, host), (self.path, path), (self.method, method))
        if not all(not pattern or fnmatchcase(value, pattern) for pattern, value in pairs):
            return False
        return not self.recipient or any(fnmatchcase(one.lower(), self.recipient.lower()) for one in recipients)

    def as_json(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in dataclasses.fields(self) if each.name != "dice"}


_GIVEN = {each.name: each for each in dataclasses.fields(Rule) if each.name not in {"id", "used", "dice"}}
_KINDS: Mapping[str, tuple[type, ...]] = {
    "behaviour": (str,),
    "fraction": (int, float),
    "seed": (int,),
    "times": (int, type(None)),
    "headers": (dict,),
    "body": (str, type(None)),
    "honours_keys": (bool, type(None)),
} | dict.fromkeys(("delay_ms", "status", "interval_ms", "size_mb", "hops"), (int,))


def read_rule(data: Any) -> Rule:
    """Make a rule of what was sent; BadRule with a reason when that is not possible."""
    if not isinstance(data, dict):
        raise BadRule("A rule is a JSON object.")
    for name, value in data.items():
        if name not in _GIVEN:
            raise BadRule(f"There is no {name!r}; a rule has {', '.join(sorted(_GIVEN))}.")
        kinds = _KINDS.get(name, (str,))
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise BadRule(f"{name!r} must be of type {' or '.join(kind.__name__ for kind in kinds)}.")
    try:
        behaviour = Behaviour(data.get("behaviour", ""))
    except ValueError:
        raise BadRule(f"'behaviour' must be one of {', '.join(Behaviour)}.") from None
    rule = Rule(**{**data, "behaviour": behaviour})
    problem = _problem(rule)
    if problem:
        raise BadRule(problem)
    return rule


def _problem(rule: Rule) -> str | None:
    checks = {
        f"'protocol' must be one of {', '.join(PROTOCOLS)}.": rule.protocol in {"", *PROTOCOLS},
        f"'answer' must be one of {', '.join(ANSWERS)}.": rule.answer in {"", *ANSWERS},
        "'fraction' must be between 0 and 1.": 0 <= rule.fraction <= 1,
        "'times' must be at least 1.": rule.times is None or rule.times >= 1,
        f"'delay_ms' must be between 0 and {LONGEST_DELAY_MS}.": 0 <= rule.delay_ms <= LONGEST_DELAY_MS,
        "'status' must be a number from 200 to 599.": not rule.status or LOWEST_STATUS <= rule.status <= HIGHEST_STATUS,
        "'status' is needed.": bool(rule.status) or rule.behaviour is not Behaviour.STATUS,
        "'stage' must be auth, mail, rcpt or data.": rule.stage in STAGES,
        "'interval_ms' must be at least 1.": rule.interval_ms >= 1,
        "'size_mb' must be between 1 and 65536.": 1 <= rule.size_mb <= 65536,  # noqa: PLR2004
        "'hops' must be between 1 and 100.": 1 <= rule.hops <= 100,  # noqa: PLR2004
        "'headers' must hold texts without line breaks under names of letters, digits and hyphens.": all(
            isinstance(value, str) and _HEADER_NAME.fullmatch(name) and not {"\r", "\n", "\0"} & set(value)
            for name, value in rule.headers.items()
        ),
        "'to' and 'retry_after' must not contain line breaks.": not {"\r", "\n", "\0"}
        & set(rule.to + rule.retry_after),
        f"Mail knows only {', '.join(sorted(MAIL))}.": rule.protocol != "smtp" or rule.behaviour in MAIL,
    }
    return next((text for text, holds in checks.items() if not holds), None)


class RuleBook:
    """The rules in force; the first that meets an arrival and wins its draw is applied."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._numbers = itertools.count(1)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules)

    def add(self, rule: Rule) -> Rule:
        rule.id = next(self._numbers)
        self._rules.append(rule)
        return rule

    def remove(self, number: int) -> bool:
        """Remove one rule; False when there is none of this number."""
        count = len(self._rules)
        self._rules = [rule for rule in self._rules if rule.id != number]
        return len(self._rules) < count

    def clear(self) -> int:
        count = len(self._rules)
        self._rules = []
        return count

    def choose(
        self,
        *,
        protocol: str,
        host: str = "",
        path: str = "",
        method: str = "",
        recipients: Iterable[str] = (),
        stage: str = "",
    ) -> Rule | None:
        """Return the rule to apply and count its use. Mail asks at every stage; a rule acts at its own only."""
        for rule in self._rules:
            if stage and (rule.behaviour not in MAIL or stage != rule.stage):
                continue
            if not rule.meets(protocol=protocol, host=host, path=path, method=method, recipients=recipients):
                continue
            if rule.fraction < 1 and rule.dice.random() >= rule.fraction:
                continue
            rule.used += 1
            if rule.times is not None and rule.used >= rule.times:
                self.remove(rule.id)
            return rule
        return None
