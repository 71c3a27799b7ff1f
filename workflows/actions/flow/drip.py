"""The action `drip`."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from rest_framework.exceptions import ValidationError

from workflows.actions.base import ActionType, Category, Step, StepBatch, shortened
from workflows.actions.config import ActionConfig
from workflows.actions.outcomes import Done, Outcome, WaitUntil
from workflows.actions.registry import registry
from workflows.configs.fields import ChoiceField, IntegerField
from workflows.crm.services.drips import pass_through

UNITS = {"minutes": timedelta(minutes=1), "hours": timedelta(hours=1), "days": timedelta(days=1)}
LONGEST = timedelta(weeks=12)
TOO_LONG = "Maximum interval is 12 weeks"


@registry.register
class Drip(ActionType):
    """Let so many contacts pass in each interval, in the order in which they come; the others wait for their turn.

    The first interval begins when a contact comes and nobody waits; while contacts wait, interval follows on interval.
    Intervals that pass while the workflow is paused or no worker runs are lost: what was missed is not made up for at
    once but goes on in the same rhythm. The place of a contact that leaves while it waits stays empty.
    """

    slug = "drip"
    label = "Drip"
    category = Category.FLOW
    icon = "water_drop"
    example = {"batch_size": 50, "interval": 1, "unit": "hours"}
    results = {
        "number": "The contact's number in the queue, from 1.",
        "until": "When its turn is (UTC), as foreseen while it waits; null: at once.",
    }
    waits = True
    asks_again = True

    class Config(ActionConfig):
        batch_size = IntegerField(
            min_value=1, max_value=10_000, help_text="How many contacts pass in an interval, 1–10 000."
        )
        interval = IntegerField(
            min_value=1,
            max_value=120_960,
            error_messages={"max_value": TOO_LONG},
            help_text="Length of the interval in units, from 1; all in all at most 12 weeks.",
        )
        unit = ChoiceField(list(UNITS), help_text="Unit of `interval`.")

        def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
            if attrs["interval"] * UNITS[attrs["unit"]] > LONGEST:
                raise ValidationError({"interval": TOO_LONG}, code="max_value")
            return attrs

    def run_many(self, steps: StepBatch) -> Sequence[Outcome]:
        config = steps.config
        answers = pass_through(
            account_id=steps.account.id,
            workflow_id=steps.workflow.id,
            action_id=steps.action_id,
            batch_size=config["batch_size"],
            interval=config["interval"] * UNITS[config["unit"]],
            numbers=[number_of(step) for step in steps],
            now=steps.now,
        )
        return [outcome(step, *answer) for step, answer in zip(steps, answers, strict=True)]

    def summary(self, config: Mapping[str, Any]) -> str:
        batch_size, interval, unit = (config.get(name, "") for name in ("batch_size", "interval", "unit"))
        span = unit.removesuffix("s") if interval == 1 else f"{interval} {unit}"
        return shortened(f"{batch_size} contact{'' if batch_size == 1 else 's'} every {span}")


def number_of(step: Step) -> int | None:
    """Return the number that the contact drew when it came; None: it just comes."""
    assert step.batch is not None
    if not step.is_resumed:
        return None
    number: int | None = step.results.get(step.batch.action_key, {}).get("number")
    return number


def outcome(step: Step, number: int, until: datetime | None) -> Outcome:
    assert step.batch is not None
    result = {"number": number, "until": until.isoformat() if until else None}
    return WaitUntil(until, result, step.batch.config) if until else Done(result, step.batch.config)
