"""Whose clock a waiting step goes by, and the days and hours that its config leaves open."""

from collections.abc import Mapping
from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

from workflows.actions.base import Step
from workflows.configs.times import WEEKDAYS
from workflows.localtime import Window

NEVER_OPEN = "Within 400 days no day is left by `resume_days` and `skip_holidays`."
TIMEZONE_MODES = ("account", "contact", "utc")
TIMEZONE_MODE_HELP = (
    "Whose local time counts: that of the account (or the workflow's own, where it has one), of the contact (the "
    "account's if unknown), or UTC."
)


def window_of(config: Mapping[str, Any]) -> Window:
    """Return the window that `resume_days`, `resume_between` and `skip_holidays` of a config make."""
    hours = config.get("resume_between")
    return Window(
        weekdays=frozenset(map(WEEKDAYS.index, config.get("resume_days", ()))),
        start=time.fromisoformat(hours["start"]) if hours else None,
        end=time.fromisoformat(hours["end"]) if hours else None,
        holidays_of=config.get("skip_holidays", ""),
    )


def zone_of(step: Step, mode: str) -> ZoneInfo:
    """Return the zone of a `timezone_mode` for a step's contact."""
    assert step.batch is not None
    names = {"utc": ["UTC"], "contact": [step.contact.timezone]}.get(mode, [])
    for name in (*names, step.batch.workflow.timezone):
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError):  # unknown, or not known any more
            continue
    return ZoneInfo("UTC")
