"""Action types of tests: registered for the duration of a test, never seen by the product."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from workflows.actions.base import ActionType, Category, Step, StepBatch
from workflows.actions.outcomes import AwaitCallback, Done, End, Failed, Outcome, Skipped, WaitUntil
from workflows.actions.outside import (
    ErrorClass,
    Lane,
    OutsideType,
    Performed,
    Prepared,
    Request,
    RetryPolicy,
)
from workflows.actions.registry import registry
from workflows.crm import arrays
from workflows.engine import plans

Behaviour = Callable[[StepBatch], Sequence[Outcome]]


@contextmanager
def registered(**behaviours: Behaviour) -> Iterator[None]:
    """Register types whose slugs are the names and whose `run_many` are the functions given."""
    for slug, behaviour in behaviours.items():
        registry._types[slug] = kind_of(slug, behaviour)
    plans._plans.clear()
    try:
        yield
    finally:
        for slug in behaviours:
            del registry._types[slug]
        plans._plans.clear()


def kind_of(slug: str, behaviour: Behaviour) -> ActionType:
    members: dict[str, Any] = {
        "__doc__": "A type of the tests.",
        "slug": slug,
        "label": slug,
        "category": Category.FLOW,
        "icon": "science",
        "example": {},
        "run_many": lambda self, steps: behaviour(steps),
    }
    return type(f"{slug.title()}Type", (ActionType,), members)()


def sign(steps: StepBatch) -> list[Outcome]:
    """Append the action's key to the contact's `source`, in the database and in the copy."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE crm_contact SET source = source || %s WHERE id = ANY(%s::uuid[])",
            [f"{steps.action_key} ", arrays.ids([step.contact.id for step in steps])],
        )
    for step in steps:
        step.contact.source += f"{steps.action_key} "
    return [Done({"signed": step.contact.source}) for step in steps]


def rest(steps: StepBatch) -> list[Outcome]:
    """Wait for the minutes that the config says."""
    return [WaitUntil(steps.now + timedelta(minutes=steps.config["minutes"]), {"rested": True}) for _ in steps]


def stop(steps: StepBatch) -> list[Outcome]:
    return [End(steps.config.get("reason", "")) for _ in steps]


def pass_by(steps: StepBatch) -> list[Outcome]:
    return [Skipped("no reason to") for _ in steps]


def break_down(steps: StepBatch) -> list[Outcome]:
    return [Failed("rejected", "It was not to be.") for _ in steps]


def raise_for(names: Mapping[str, str] | set[str]) -> Behaviour:
    """Sign, but raise when a contact of one of these first names is in the batch."""

    def behaviour(steps: StepBatch) -> list[Outcome]:
        outcomes = sign(steps)
        for step in steps:
            if step.contact.first_name in names:
                raise ValueError(f"cannot stand {step.contact.first_name}")
        return outcomes

    return behaviour


class Outside(OutsideType):
    """A type with an effect outside: prepares and calls as the test wants, and remembers what it saw."""

    slug = "call_out"
    label = "call out"
    category = Category.INTERNAL
    icon = "science"
    example: Mapping[str, Any] = {}
    lane = Lane.HTTP

    def __init__(self, call: Callable[[Mapping[str, Any], UUID], Done | AwaitCallback] | None = None) -> None:
        self.call = call or (lambda payload, key: Done({"answer": "ok"}))
        self.prepared: list[tuple[str, int]] = []
        self.calls: list[UUID] = []
        self.recorded: list[Performed] = []
        self.gate: Callable[[Step], Prepared | None] = lambda step: None
        self.policy: RetryPolicy | None = None

    def prepare_many(self, steps: StepBatch) -> list[Prepared]:
        self.prepared += [(step.contact.first_name, step.attempt) for step in steps]
        return [self.gate(step) or self.request(step) for step in steps]

    def request(self, step: Step) -> Request:
        assert step.batch is not None
        config = step.batch.config
        return Request(
            {"to": step.contact.first_name},
            host=config.get("host", "example.com"),
            data={"to": step.contact.first_name},
            guard_channel=config.get("guard", ""),
        )

    def perform(self, payload: Mapping[str, Any], *, key: UUID) -> Done | AwaitCallback:
        self.calls.append(key)
        return self.call(payload, key)

    def record_many(self, calls: Sequence[Performed], *, account_id: UUID, now: datetime) -> None:
        self.recorded += calls

    def retry_policy(self, config: Mapping[str, Any], error_class: ErrorClass) -> RetryPolicy | None:
        return self.policy


@contextmanager
def registered_type(kind: ActionType) -> Iterator[None]:
    """Register a type for the duration of the block."""
    registry._types[kind.slug] = kind
    plans._plans.clear()
    try:
        yield
    finally:
        del registry._types[kind.slug]
        plans._plans.clear()
