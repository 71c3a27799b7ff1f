"""Whether and when a call that failed is made again."""

import enum
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from workflows.actions.outside import CallFailed, ErrorClass, OutcomeUnknown, Permanent, Retryable, RetryPolicy

LONGEST = timedelta(hours=24)
"""What a provider's `Retry-After` may ask for at most, and how long a step bears being refused as too many."""
JITTER = 0.1

PATIENT = RetryPolicy(maximum=3)
NEVER = RetryPolicy(maximum=0)
THROTTLED = RetryPolicy(maximum=1, cap=LONGEST, is_linear=True)
"""`rate_limited` is not counted, so that any maximum above 0 means: until 24 hours are over."""
BY_CLASS: Mapping[ErrorClass, RetryPolicy] = {
    ErrorClass.TIMEOUT: PATIENT,
    ErrorClass.NETWORK: PATIENT,
    ErrorClass.UNAVAILABLE: PATIENT,
    ErrorClass.OUTCOME_UNKNOWN: PATIENT,  # only where the receiver honours keys
    ErrorClass.RATE_LIMITED: THROTTLED,
    ErrorClass.INVALID_CONFIG: NEVER,
    ErrorClass.AUTHENTICATION: NEVER,
    ErrorClass.REJECTED: NEVER,
}


@dataclass(frozen=True, slots=True)
class History:
    """How the effect went so far, this failure not yet counted."""

    failures: int = 0
    rate_limits: int = 0
    rate_limited_since: datetime | None = None
    is_ambiguous: bool = False
    """One of the calls may have had its effect."""


class Verdict(enum.Enum):
    """What follows from a failed call."""

    RETRY = enum.auto()
    GIVE_UP = enum.auto()
    UNKNOWN = enum.auto()
    """Nobody knows whether it had its effect: for a person to decide."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict, when the next call is due if there is one, and the history with this failure."""

    verdict: Verdict
    history: History
    at: datetime | None = None


def policy_for(error_class: ErrorClass, *, own: Mapping[str, Any] | None, of_type: RetryPolicy | None) -> RetryPolicy:
    """Return the rule in force: the action's `retry`, what it leaves out as the type's, else as the class's."""
    fallback = of_type or BY_CLASS[error_class]
    if own is None:
        return fallback
    return RetryPolicy(
        maximum=own.get("max_retries", fallback.maximum),
        base=_seconds(own.get("base_seconds"), fallback.base),
        cap=_seconds(own.get("max_seconds"), fallback.cap),
        is_linear=own["strategy"] == "linear" if own.get("strategy") else fallback.is_linear,
    )


def decide(
    failure: CallFailed,
    history: History,
    *,
    policy: RetryPolicy,
    honours_keys: bool,
    now: datetime,
    jitter: Callable[[], float] = lambda: random.uniform(1 - JITTER, 1 + JITTER),  # noqa: S311
) -> Decision:
    """Decide what follows from `failure`.

    A receiver that honours keys may be asked again even when the outcome is unknown; another one never. Refusals as too
    many do not count; they end after 24 hours. When the retries are used up and one of the calls may have had its
    effect, the outcome is unknown.
    """
    is_unknown = isinstance(failure, OutcomeUnknown)
    if failure.error_class is ErrorClass.RATE_LIMITED and isinstance(failure, Retryable):
        return _throttled(failure, history, policy, now, jitter)
    known = History(history.failures + 1, 0, None, history.is_ambiguous or is_unknown)
    if is_unknown and not honours_keys:
        return Decision(Verdict.UNKNOWN, known)
    if isinstance(failure, Permanent) or not isinstance(failure, Retryable | OutcomeUnknown):
        return Decision(Verdict.GIVE_UP, known)
    if history.failures >= policy.maximum:
        return Decision(Verdict.UNKNOWN if known.is_ambiguous else Verdict.GIVE_UP, known)
    asked = failure.retry_after if isinstance(failure, Retryable) else None
    return Decision(Verdict.RETRY, known, now + _delay(policy, known.failures, asked, jitter))


def _throttled(
    failure: Retryable, history: History, policy: RetryPolicy, now: datetime, jitter: Callable[[], float]
) -> Decision:
    since = history.rate_limited_since or now
    known = History(history.failures, history.rate_limits + 1, since, history.is_ambiguous)
    if policy.maximum == 0 or now - since >= LONGEST:
        return Decision(Verdict.UNKNOWN if known.is_ambiguous else Verdict.GIVE_UP, known)
    return Decision(Verdict.RETRY, known, now + _delay(THROTTLED, known.rate_limits, failure.retry_after, jitter))


def _delay(policy: RetryPolicy, number: int, asked: timedelta | None, jitter: Callable[[], float]) -> timedelta:
    """Return how long to wait before retry `number` (from 1): at least what was asked for, at most 24 hours."""
    factor = number if policy.is_linear else 2 ** min(number - 1, 32)
    seconds = min(policy.base.total_seconds() * factor, policy.cap.total_seconds())
    computed = timedelta(seconds=seconds * jitter())
    return min(max(computed, asked or timedelta()), LONGEST)


def _seconds(value: float | None, default: timedelta) -> timedelta:
    return default if value is None else timedelta(seconds=value)
