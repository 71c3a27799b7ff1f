"""How many calls may be in flight at a time, so that no account and no host takes all the places of a process."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings

from workflows.engine.perform.calls import Call
from workflows.messaging.breaker import Circuit


@dataclass(frozen=True, slots=True)
class Caps:
    """How many calls one process makes at a time: in all, for one account, to one host."""

    total: int
    per_account: int
    per_host: int


def caps_of(lane: str) -> Caps:
    return Caps(**settings.ENGINE["lanes"][lane])


class Room:
    """The places that are left below caps, taken one by one."""

    def __init__(self, caps: Caps, in_hand: Iterable[Call]) -> None:
        calls = list(in_hand)
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
            ),
        )

    def take(self, circuit: Circuit) -> bool:
        """Take a place; say whether there was one."""
        if self.left(circuit) == 0:
            return False
        self._total += 1
        self._accounts[circuit.account_id] += 1
        self._hosts[circuit.host] += 1
        return True
