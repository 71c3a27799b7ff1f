"""What hosts and connections admit: nothing while they are down or have had enough, else what the breaker says."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from workflows.actions.outside import ErrorClass, Retryable
from workflows.engine import clock
from workflows.engine.perform.calls import Finished
from workflows.engine.perform.holding_back import CIRCUIT_OPEN, RATE_LIMITED
from workflows.messaging import breaker
from workflows.messaging.breaker import Admission, Circuit

PAUSE_AFTER_REFUSAL = timedelta(seconds=60)
LONGEST_PAUSE_AFTER_REFUSAL = timedelta(hours=1)

Doors = Mapping[Circuit, tuple[Admission, str]]
"""How many calls may be made now to each, and the reason why not more."""


def doors_of(circuits: Collection[Circuit], *, now: datetime) -> dict[Circuit, tuple[Admission, str]]:
    """Ask how many calls may be made; one caller gets the probe of a circuit that is to be tried."""
    asked = breaker.admissions(circuits, now=now)
    return {
        circuit: (admission, RATE_LIMITED if admission.had_enough else CIRCUIT_OPEN)
        for circuit, admission in asked.items()
    }


def slow_down(page: Sequence[Finished]) -> set[Circuit]:
    """Let those who refused a call as one too many be left alone by all processes for a while; return which."""
    now = clock.now()
    pauses: dict[Circuit, datetime] = {}
    for each in page:
        failure, circuit = each.outcome, each.call.circuit
        if isinstance(failure, Retryable) and failure.error_class is ErrorClass.RATE_LIMITED:
            until = now + min(failure.retry_after or PAUSE_AFTER_REFUSAL, LONGEST_PAUSE_AFTER_REFUSAL)
            pauses[circuit] = max(until, pauses.get(circuit, until))
    breaker.pause(pauses, now=now)
    return set(pauses)
