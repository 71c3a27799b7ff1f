"""What a step tells the engine: values, never effects on the execution itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

Result = Mapping[str, Any]
"""A small mapping of JSON values."""


@dataclass(frozen=True, slots=True)
class Done:
    """The step did its work; `result` becomes `result_data` and `steps.<key>`, `data` becomes `execution_data`."""

    result: Result = field(default_factory=dict)
    data: Result = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skipped:
    """The step had good reason to do nothing; the contact goes on."""

    reason: str
    result: Result = field(default_factory=dict)
    data: Result = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """The contact rests at this step until `at` (aware); then the step is completed with `result`."""

    at: datetime
    result: Result = field(default_factory=dict)
    data: Result = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Perform:
    """The step has an effect outside: hand it to `lane`, which prepares and calls it when it is free."""

    lane: str


@dataclass(frozen=True, slots=True)
class AwaitCallback:
    """The call was made; its result comes by callback within `timeout`."""

    timeout: timedelta
    result: Result = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Jump:
    """The contact goes on at the step with the key `target_key`; more than 100 in an execution end it."""

    target_key: str
    result: Result = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SkipNext:
    """The step did its work, and the contact passes by the step behind it, which is logged as skipped."""

    result: Result = field(default_factory=dict)
    data: Result = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class End:
    """The execution is completed here (`ended_by_step`)."""

    reason: str = ""
    result: Result = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failed:
    """The step failed for good; `error_class` is one of the classes of retry.py, e.g. `invalid_config`."""

    error_class: str
    message: str
    result: Result = field(default_factory=dict)
    data: Result = field(default_factory=dict)


Outcome = Done | Skipped | WaitUntil | Perform | AwaitCallback | Jump | SkipNext | End | Failed
