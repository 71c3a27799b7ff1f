"""What a step tells the engine: values, never effects on the execution itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

Result = Mapping[str, Any]
"""A small mapping of JSON values."""


@dataclass(frozen=True, slots=True)
class Done:
    """The step did its work; `result` becomes `result_data` and `steps.<key>`, `data` becomes `execution_data`."""

    result: Result = field(default_factory=dict)
    data: Result = field(default_factory=dict)
    later: Result | None = None
    """What becomes `steps.<key>` instead, where later steps shall see more than the log shows."""


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
class Enroll:
    """The contact shall enter a workflow; the type's `conclude_many` is told what came of it and says the outcome.

    Whatever keeps a contact from entering by hand keeps it from entering here as well.
    """

    workflow_id: UUID
    source: str
    """`enrollment_source` of the new execution, ≤ 50 characters."""
    action_id: UUID | None = None
    """The step of the workflow's current version to start at; None: its first."""
    data: Result = field(default_factory=dict)
    """What becomes `trigger.*`."""
    unless_inside: bool = False
    """Whether a contact that is inside stays there alone, though the workflow could be entered twice."""
    replaces: tuple[UUID, ...] = ()
    """Executions of the contact that are cancelled first, unless it is clear that it may not enter."""
    replaced_reason: str = ""
    """Their `completion_reason`."""


@dataclass(frozen=True, slots=True)
class CancelRuns:
    """Executions of the contact shall be cancelled; the type's `conclude_many` is told which were and says the outcome.

    Without `execution_ids` all of the contact's executions are meant, or with `workflow_ids` those in these workflows.
    The execution that takes the step may be among them: it then ends behind this step.
    """

    reason: str
    """Their `completion_reason`."""
    execution_ids: tuple[UUID, ...] | None = None
    workflow_ids: tuple[UUID, ...] | None = None
    spares_own: bool = False
    """Whether the execution that takes the step goes on in any case."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The step failed for good; `error_class` is one of the classes of retry.py, e.g. `invalid_config`."""

    error_class: str
    message: str
    result: Result = field(default_factory=dict)
    data: Result = field(default_factory=dict)


Outcome = Done | Skipped | WaitUntil | Perform | AwaitCallback | Jump | SkipNext | End | Enroll | CancelRuns | Failed


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of an Enroll or CancelRuns."""

    execution_id: UUID | None = None
    """The execution that was begun; None: none was."""
    refusal: str = ""
    """Why the contact did not enter: `already_enrolled`, `workflow_not_active`, `workflow_not_found`,
    `action_not_found`, `contact_opted_out` or `loop_guard`."""
    cancelled: tuple[UUID, ...] = ()
    """Executions that were cancelled."""
