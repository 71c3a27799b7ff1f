"""Types with an effect outside our database: what they prepare, how they call, and how a call can end."""

import enum
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from workflows.actions.base import ActionType, Step, StepBatch
from workflows.actions.outcomes import AwaitCallback, Done, Failed, Outcome, Perform, Result, Skipped


class Lane(enum.StrEnum):
    """Calls of one lane share its workers, so that slow providers of one sort delay no other sort."""

    CODE = "code"
    EMAIL = "email"
    HTTP = "http"
    MESSENGER = "messenger"
    SMS = "sms"
    VOICE = "voice"


class ErrorClass(enum.StrEnum):
    """Why a step failed; decides how often and when it is tried again."""

    TIMEOUT = "timeout"
    NETWORK = "network"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    INVALID_CONFIG = "invalid_config"
    AUTHENTICATION = "authentication"
    REJECTED = "rejected"
    OUTCOME_UNKNOWN = "outcome_unknown"


@dataclass(frozen=True, slots=True)
class Request:
    """A call, gated and rendered: `payload` is JSON that `perform` gets, kept only until the outcome is known."""

    payload: Mapping[str, Any]
    host: str
    """Whose calls in flight are capped and whose circuit breaker is asked: a host with port, or a connection's id."""
    data: Result = field(default_factory=dict)
    """`execution_data` of the log row: the rendered input without secrets and bodies."""
    guard_channel: str = ""
    """A consent channel (`email`, …): an opt-out of it between now and the call still holds the call back."""
    guard_until: datetime | None = None
    """First moment at which the call may not be made any more (aware), such as the end of the day's calling hours."""


@dataclass(frozen=True, slots=True)
class HoldUntil:
    """Not now: the step is `scheduled` and prepared anew at `at` (aware); not an attempt."""

    at: datetime
    reason: str
    data: Result = field(default_factory=dict)
    """`execution_data` of the log row."""


Prepared = Request | HoldUntil | Skipped | Failed | Done


class CallFailed(Exception):
    """A call did not succeed; `result` becomes `result_data` of the log row."""

    def __init__(self, error_class: ErrorClass, message: str, *, result: Result | None = None) -> None:
        super().__init__(message)
        self.error_class = error_class
        self.message = message
        self.result = result or {}


class Retryable(CallFailed):
    """Another attempt may succeed; `retry_after` is the provider's own wish, already parsed.

    `in_the_end` is what the step reports once no attempt is left; None: it fails.
    """

    def __init__(
        self,
        error_class: ErrorClass,
        message: str,
        *,
        retry_after: timedelta | None = None,
        result: Result | None = None,
        in_the_end: Done | None = None,
    ) -> None:
        super().__init__(error_class, message, result=result)
        self.retry_after = retry_after
        self.in_the_end = in_the_end


class Permanent(CallFailed):
    """No attempt will succeed."""


class OutcomeUnknown(CallFailed):
    """The request may have had its effect: nobody can tell. Repeated by key where the provider honours keys."""

    def __init__(self, message: str, *, error_class: ErrorClass = ErrorClass.OUTCOME_UNKNOWN) -> None:
        super().__init__(error_class, message)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a failed call is tried again, and after how long.

    The n-th retry comes after `base · 2ⁿ⁻¹` (exponential) or `base · n` (linear), at most `cap`, ± 10 %.
    """

    maximum: int
    base: timedelta = timedelta(seconds=60)
    cap: timedelta = timedelta(hours=1)
    is_linear: bool = False


@dataclass(frozen=True, slots=True)
class Performed:
    """A call that was made, as `record_many` gets it: its step, its request, and how it ended."""

    step: Step
    payload: Mapping[str, Any]
    outcome: Done | Skipped | AwaitCallback | CallFailed
    is_final: bool
    """False: it will be tried again."""


class OutsideType(ActionType):
    """A type whose effect is outside. When its step is reached it asks for its lane, and does nothing else.

    When the lane is free, and again for every attempt, `prepare_many` gates and renders with the contact as it is
    then; `perform` makes one call without a transaction; `record_many` writes the type's own rows beside the outcome.
    """

    lane: ClassVar[Lane]
    honours_keys: ClassVar[bool] = False
    """Whether the receiver recognises a repeated idempotency key: an unknown outcome is then repeated, not shown."""
    is_pure: ClassVar[bool] = False
    """Whether a call has no effect but its result: people may then try what they have not saved."""
    in_trial: ClassVar[Mapping[str, Any]] = {}
    """Values of the config while a person tries the step, so that more of the answer is shown."""

    def run_many(self, steps: StepBatch) -> Sequence[Outcome]:
        return [Perform(self.lane)] * len(steps)

    @abstractmethod
    def prepare_many(self, steps: StepBatch) -> Sequence[Prepared]:
        """Gate and render the steps, in a transaction with every contact locked; queries do not grow with contacts.

        `Step.key` is the idempotency key, the same on every attempt, and `Step.attempt` counts from 0.
        """

    @abstractmethod
    def perform(self, payload: Mapping[str, Any], *, key: UUID) -> Done | Skipped | AwaitCallback:
        """Make the call, outside any transaction; may read the database, writes nothing. Raises CallFailed.

        Skipped: the receiver said that there is good reason to leave it.
        """

    def results_so_far(self, keys: Sequence[UUID], *, account_id: UUID) -> Mapping[UUID, Done | Failed | Retryable]:
        """Return those results that came by callback before their calls, which await them, were written back."""
        return {}

    def record_many(self, calls: Sequence[Performed], *, account_id: UUID, now: datetime) -> None:
        """Write the type's own rows in the transaction that writes the outcomes; calls are of one account."""

    def retry_policy(self, config: Mapping[str, Any], error_class: ErrorClass) -> RetryPolicy | None:
        """Return the rule that the type's own fields make, or None for that of the error class."""
        return None
