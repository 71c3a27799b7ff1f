"""The retry rule that an action may have of its own."""

from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ErrorDetail, ValidationError

from accounts.problems import Problem
from workflows.configs.base import StrictConfig, problems_in
from workflows.configs.fields import ChoiceField, IntegerField

MAXIMUM_RETRIES = 10
MAXIMUM_SECONDS = 24 * 60 * 60
USUAL_CAP_SECONDS = 60 * 60


class RetryRule(StrictConfig):
    """How often and when a failed call is made again; what is left out is as the type or the error class has it.

    Concerns steps with an effect outside; other steps are never tried again.
    """

    max_retries = IntegerField(
        min_value=0, max_value=MAXIMUM_RETRIES, required=False, help_text="Calls after the first, 0–10; 0: none."
    )
    base_seconds = IntegerField(
        min_value=1,
        max_value=MAXIMUM_SECONDS,
        required=False,
        help_text="Seconds before the first repetition, 1–86400; 60 for most errors.",
    )
    max_seconds = IntegerField(
        min_value=1,
        max_value=MAXIMUM_SECONDS,
        required=False,
        help_text="Seconds before a repetition at most, not less than `base_seconds`; 3600 for most errors.",
    )
    strategy = ChoiceField(
        ["exponential", "linear"],
        required=False,
        help_text="`exponential`: base · 2ⁿ⁻¹ before repetition n; `linear`: base · n. Both ± 10 %.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("base_seconds", 1) > attrs.get("max_seconds", USUAL_CAP_SECONDS):
            detail = f"max_seconds ({USUAL_CAP_SECONDS} unless given) must not be less than base_seconds."
            raise ValidationError({"max_seconds": [ErrorDetail(detail, code="min_value")]})
        return attrs


def rule_problems(rule: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with a rule, by dotted attr (`retry.max_retries`)."""
    try:
        RetryRule(data=rule).run_validation(rule)
    except ValidationError as error:
        return list(problems_in(error.detail, "retry"))
    return []
