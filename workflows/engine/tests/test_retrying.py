"""Whether and when a failed call is made again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from workflows.actions.outside import CallFailed, ErrorClass, OutcomeUnknown, Permanent, Retryable, RetryPolicy
from workflows.engine.retrying import BY_CLASS, JITTER, History, Verdict, decide, policy_for

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
WEBHOOK = RetryPolicy(maximum=3, base=timedelta(seconds=1))


def delay(
    failure: CallFailed, history: History, policy: RetryPolicy, *, factor: float = 1.0, honours_keys: bool = False
) -> float | None:
    """Return the seconds until the next call; None: there is none."""
    decision = decide(failure, history, policy=policy, honours_keys=honours_keys, now=NOW, jitter=lambda: factor)
    return None if decision.at is None else (decision.at - NOW).total_seconds()


def failed(error_class: ErrorClass = ErrorClass.UNAVAILABLE, retry_after: float | None = None) -> Retryable:
    asked = None if retry_after is None else timedelta(seconds=retry_after)
    return Retryable(error_class, "No.", retry_after=asked)


class TestDelay:
    @pytest.mark.parametrize(
        ("policy", "seconds"),
        [
            (BY_CLASS[ErrorClass.NETWORK], [60, 120, 240, None]),
            (WEBHOOK, [1, 2, 4, None]),
            (RetryPolicy(4, timedelta(seconds=5), timedelta(seconds=12), is_linear=True), [5, 10, 12, 12, None]),
            (RetryPolicy(10), [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600, None]),  # at most an hour
            (RetryPolicy(0), [None]),
        ],
    )
    def test_grows_as_the_policy_says(self, policy: RetryPolicy, seconds: list[float | None]) -> None:
        assert [delay(failed(), History(failures=count), policy) for count in range(len(seconds))] == seconds

    @pytest.mark.parametrize("factor", [1 - JITTER, 1 + JITTER])
    def test_is_jittered(self, factor: float) -> None:
        assert delay(failed(), History(), WEBHOOK, factor=factor) == pytest.approx(factor)

    @pytest.mark.parametrize(
        ("retry_after", "seconds"),
        [(0, 60), (30, 60), (90, 90), (86_400, 86_400), (10**7, 86_400)],  # between the computed delay and 24 h
    )
    def test_obeys_retry_after(self, retry_after: float, seconds: float) -> None:
        assert delay(failed(retry_after=retry_after), History(), BY_CLASS[ErrorClass.UNAVAILABLE]) == seconds

    def test_never_undercuts_retry_after(self) -> None:
        assert delay(failed(retry_after=60), History(), BY_CLASS[ErrorClass.UNAVAILABLE], factor=0.9) == 60


class TestRateLimit:
    POLICY = BY_CLASS[ErrorClass.RATE_LIMITED]

    def test_grows_by_a_minute_and_counts_no_attempt(self) -> None:
        history = History(failures=2)
        seconds = []
        for _ in range(3):
            decision = decide(
                failed(ErrorClass.RATE_LIMITED),
                history,
                policy=self.POLICY,
                honours_keys=False,
                now=NOW,
                jitter=lambda: 1.0,
            )
            assert decision.at is not None
            seconds.append((decision.at - NOW).total_seconds())
            history = decision.history

        assert seconds == [60, 120, 180]
        assert (history.failures, history.rate_limits, history.rate_limited_since) == (2, 3, NOW)

    @pytest.mark.parametrize(
        ("hours", "verdict"), [(23.9, Verdict.RETRY), (24, Verdict.GIVE_UP), (30, Verdict.GIVE_UP)]
    )
    def test_gives_up_after_a_day(self, hours: float, verdict: Verdict) -> None:
        history = History(rate_limits=9, rate_limited_since=NOW - timedelta(hours=hours))
        limited = failed(ErrorClass.RATE_LIMITED)
        assert decide(limited, history, policy=self.POLICY, honours_keys=False, now=NOW).verdict is verdict

    def test_is_forgotten_after_another_failure(self) -> None:
        history = History(rate_limits=9, rate_limited_since=NOW - timedelta(hours=20))
        assert decide(failed(), history, policy=WEBHOOK, honours_keys=False, now=NOW).history == History(failures=1)

    def test_is_not_retried_where_no_retries_are_wanted(self) -> None:
        limited = failed(ErrorClass.RATE_LIMITED)
        assert decide(limited, History(), policy=RetryPolicy(0), honours_keys=False, now=NOW).verdict is Verdict.GIVE_UP


class TestVerdict:
    @pytest.mark.parametrize(
        ("failure", "history", "honours_keys", "verdict"),
        [
            (Permanent(ErrorClass.REJECTED, "400"), History(), True, Verdict.GIVE_UP),
            (Permanent(ErrorClass.AUTHENTICATION, "401"), History(), True, Verdict.GIVE_UP),
            (failed(), History(failures=2), False, Verdict.RETRY),
            (failed(), History(failures=3), False, Verdict.GIVE_UP),
            # never sent again blindly
            (OutcomeUnknown("lost"), History(), False, Verdict.UNKNOWN),
            (OutcomeUnknown("lost"), History(), True, Verdict.RETRY),
            (OutcomeUnknown("lost"), History(failures=3), True, Verdict.UNKNOWN),
            # an earlier call may have arrived, and the later ones tell nothing
            (failed(), History(failures=3, is_ambiguous=True), True, Verdict.UNKNOWN),
            # the receiver, asked again by key, says no
            (Permanent(ErrorClass.REJECTED, "400"), History(failures=1, is_ambiguous=True), True, Verdict.GIVE_UP),
        ],
    )
    def test_follows(self, failure: CallFailed, history: History, honours_keys: bool, verdict: Verdict) -> None:
        decision = decide(failure, history, policy=WEBHOOK, honours_keys=honours_keys, now=NOW)
        assert decision.verdict is verdict

    def test_remembers_that_a_call_may_have_arrived(self) -> None:
        first = decide(OutcomeUnknown("lost"), History(), policy=WEBHOOK, honours_keys=True, now=NOW)
        second = decide(failed(), first.history, policy=WEBHOOK, honours_keys=True, now=NOW)
        assert second.history == History(failures=2, is_ambiguous=True)


class TestPolicy:
    TYPE = RetryPolicy(5, timedelta(seconds=1), timedelta(seconds=30))

    @pytest.mark.parametrize(
        ("own", "of_type", "policy"),
        [
            (None, None, BY_CLASS[ErrorClass.NETWORK]),
            (None, TYPE, TYPE),
            ({"max_retries": 0}, TYPE, RetryPolicy(0, timedelta(seconds=1), timedelta(seconds=30))),
            ({"max_retries": 7, "base_seconds": 2}, None, RetryPolicy(7, timedelta(seconds=2), timedelta(hours=1))),
            (
                {"max_retries": 2, "base_seconds": 3, "max_seconds": 9, "strategy": "linear"},
                TYPE,
                RetryPolicy(2, timedelta(seconds=3), timedelta(seconds=9), is_linear=True),
            ),
        ],
    )
    def test_is_the_actions_before_the_types_before_the_classs(
        self, own: dict[str, Any] | None, of_type: RetryPolicy | None, policy: RetryPolicy
    ) -> None:
        assert policy_for(ErrorClass.NETWORK, own=own, of_type=of_type) == policy

    @pytest.mark.parametrize("error_class", [ErrorClass.REJECTED, ErrorClass.AUTHENTICATION, ErrorClass.INVALID_CONFIG])
    def test_has_no_retries_for_what_will_not_change(self, error_class: ErrorClass) -> None:
        assert policy_for(error_class, own=None, of_type=None).maximum == 0

    def test_exists_for_every_class(self) -> None:
        assert set(BY_CLASS) == set(ErrorClass)
