"""How many calls a process may have in hand, so that no account and no host takes all the places."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

from django.conf import settings

from workflows.engine.perform.calls import Call
from workflows.messaging.breaker import Circuit
from workflows.messaging.pacing import Pace, Paces

AHEAD_SECONDS = 0.5
"""For how long a sending limit keeps prepared calls waiting in a process, alone; their texts should not grow old."""
NO_PACES = Paces("")


@dataclass(frozen=True, slots=True)
class Caps:
    """How many calls one process makes at a time: in all, for one account, to one host."""

    total: int
    per_account: int
    per_host: int


def caps_of(lane: str) -> Caps:
    return Caps(**settings.ENGINE["lanes"][lane])


def ahead(pace: Pace) -> int:
    """Return how many calls under a limit one process prepares ahead."""
    return ceil(pace.per_second * AHEAD_SECONDS)


class Room:
    """The places that are left below caps, and for `prepared` calls within their limits, taken one by one."""

    def __init__(
        self, caps: Caps, in_hand: Iterable[Call], *, prepared: Iterable[Call] = (), paces: Paces = NO_PACES
    ) -> None:
        calls = list(in_hand)
        self._paces = paces
        self._prepared = Counter(name for call in prepared for name in paces.names(call.circuit))
        self._caps = caps
        self._total = len(calls)
        self._accounts = Counter(call.account_id for call in calls)
        self._hosts = Counter(call.host for call in calls)

    def left(self, circuit: Circuit) -> int:
        return max(
            0,
            min(
                self._caps.total - self._total,
                self._caps.per_account - self._accounts[circuit.account_id],
                self._caps.per_host - self._hosts[circuit.host],
                *(ahead(pace) - self._prepared[pace.name] for pace in self._paces.of(circuit)),
            ),
        )

    def worth_a_claim(self, circuit: Circuit) -> int:
        """Return how many places make a claim for a known host worth its while: it costs the same for few and many."""
        return min(self._caps.per_host, *(ceil(ahead(pace) / 2) for pace in self._paces.of(circuit)), self._caps.total)

    def take(self, circuit: Circuit) -> bool:
        """Take a place; say whether there was one."""
        if self.left(circuit) == 0:
            return False
        self._total += 1
        self._accounts[circuit.account_id] += 1
        self._hosts[circuit.host] += 1
        self._prepared.update(self._paces.names(circuit))
        return True
