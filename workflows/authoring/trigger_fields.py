"""The fields of one trigger: what is accepted."""

from typing import Any

from accounts.problems import Invalid, Problem
from workflows.authoring.action_fields import below, field_problems
from workflows.models import Trigger
from workflows.triggers.registry import UnknownTriggerType, registry


def assign_type_and_settings(trigger: Trigger, trigger_type: str, settings: Any) -> list[Problem]:
    """Give the trigger its type and the settings as they are stored, or return what is wrong with them."""
    try:
        kind = registry.get(trigger_type)
    except UnknownTriggerType:
        known = ", ".join(sorted(kind.slug for kind in registry))
        detail = f"There is no trigger type {trigger_type!r}. Use one of: {known}."
        return [Problem("invalid_trigger_type", detail, "trigger_type")]
    try:
        accepted = kind.clean_settings(settings, account_id=trigger.account_id)
    except Invalid as refusal:
        return [below("settings", problem) for problem in refusal.problems]
    trigger.trigger_type, trigger.settings = trigger_type, accepted
    return []


def own_trigger_problems(trigger: Trigger) -> list[Problem]:
    """Return what is wrong with the fields that all types share."""
    problems = field_problems(trigger, ["is_active"])
    if trigger.filters:
        problems.append(Problem("invalid_choice", "Conditions cannot be set yet; leave `filters` out.", "filters"))
    return problems


def trigger_problems(trigger: Trigger) -> list[Problem]:
    """Return what is wrong with a stored trigger by now, e.g. a reference to something deleted since."""
    return [
        *assign_type_and_settings(trigger, trigger.trigger_type, trigger.settings),
        *own_trigger_problems(trigger),
    ]
