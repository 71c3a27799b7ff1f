"""Whether customers' code can be run on this machine. Nothing else needs it: a warning, never an error."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Warning  # noqa: A004 - Django's name for it

from workflows import sandbox

HINT = "Steps of the type custom_code cannot be activated until then. docs/custom-code.md says what they need."


def check_sandbox(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """Name what is plainly missing, without starting anything."""
    return [Warning(lack, hint=HINT, id="workflows.W001") for lack in sandbox.missing()]


def check_sandbox_holds(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """Lock a process in and see whether it is."""
    problem = None if sandbox.missing() else sandbox.problem()
    return [] if problem is None else [Warning(problem, hint=HINT, id="workflows.W002")]
