"""The fields of one action: what is accepted, and how a key is made."""

import re
from collections.abc import Collection, Mapping
from typing import Any, TypedDict
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models

from accounts.actors import Actor
from accounts.problems import Invalid, Problem
from workflows.actions.registry import registry
from workflows.authoring.retry_rules import rule_problems
from workflows.models import Action

OWN_FIELDS = ("key", "name", "is_enabled", "on_error")
KEY_LENGTH = 50


class ActionChanges(TypedDict, total=False):
    """What may be changed of an existing action; what is left out stays as it is."""

    action_config: Mapping[str, Any]
    key: str
    name: str
    is_enabled: bool
    position: int
    on_error: str
    retry: Mapping[str, Any] | None


def assign_type_and_config(action: Action, action_type: str, config: Any, *, actor: Actor) -> list[Problem]:
    """Give the action its type and the config as it is stored, or return what is wrong with them.

    Secrets in the config become rows of their own; those that the action has already stay where none are sent.
    """
    try:
        accepted = accepted_config(action_type, config, account_id=action.account_id)
        kept = kept_apart(action, action_type, accepted, actor=actor)
    except Invalid as refusal:
        return list(refusal.problems)
    action.action_type, action.action_config = action_type, kept
    return []


def kept_apart(action: Action, action_type: str, config: dict[str, Any], *, actor: Actor) -> dict[str, Any]:
    """Return the config with ids in place of secrets."""
    try:
        return registry.get(action_type).keep_secrets(
            config, action.action_config, account_id=action.account_id, actor=actor
        )
    except Invalid as refusal:
        raise Invalid(*(below("action_config", problem) for problem in refusal.problems)) from None


def accepted_config(action_type: str, config: Any, *, account_id: UUID) -> dict[str, Any]:
    """Return the config as it is stored, or refuse it, naming fields as `action_config.<field>`."""
    kind = registry.require(action_type)
    try:
        return kind.clean_config(config, account_id=account_id)
    except Invalid as refusal:
        raise Invalid(*(below("action_config", problem) for problem in refusal.problems)) from None


def config_problems(action: Action) -> list[Problem]:
    """Return what is wrong with the stored config by now, e.g. a reference to something deleted since."""
    try:
        accepted = accepted_config(action.action_type, action.action_config, account_id=action.account_id)
    except Invalid as refusal:
        return list(refusal.problems)
    unready = registry.get(action.action_type).unready(accepted, account_id=action.account_id)
    return [below("action_config", problem) for problem in unready]


def below(path: str, problem: Problem) -> Problem:
    """Return the problem with its attr moved below `path`."""
    return Problem(problem.code, problem.detail, f"{path}.{problem.attr}" if problem.attr else path)


def field_problems(row: models.Model, names: Collection[str]) -> list[Problem]:
    """Return what the model's own validators find wrong with the named fields."""
    try:
        row.clean_fields(exclude={field.name for field in row._meta.fields} - set(names))  # noqa: SLF001
    except ValidationError as error:
        return [
            Problem(flaw.code or "invalid", message, name)
            for name, flaws in error.error_dict.items()
            for flaw in flaws
            for message in flaw.messages
        ]
    return []


def own_field_problems(action: Action) -> list[Problem]:
    """Return what is wrong with the fields that all types share."""
    problems = field_problems(action, OWN_FIELDS)
    if action.retry:
        problems += rule_problems(action.retry)
    return problems


def free_key(slug: str, taken: Collection[str]) -> str:
    """Return the first of `slug`, `slug_2`, `slug_3`, … that is not taken; a key also for a slug that is none."""
    base = re.sub(r"[^a-z0-9_]", "_", slug)[:KEY_LENGTH] or "action"
    key, number = base, 1
    while key in taken:
        number += 1
        suffix = f"_{number}"
        key = base[: KEY_LENGTH - len(suffix)] + suffix
    return key
