"""Checking, when a config is saved, that what it names of pipelines belongs together."""

from uuid import UUID

from rest_framework.exceptions import ValidationError

from workflows.crm.models import Opportunity, Stage


def check_stage(pipeline_id: str, stage_id: str | None) -> None:
    """Raise ValidationError (`stage_not_found`) unless the stage, if any, is one of the pipeline's."""
    if stage_id and not Stage.objects.filter(id=stage_id, pipeline_id=pipeline_id).exists():
        detail = "The pipeline has no such stage; name one that it has."
        raise ValidationError({"stage_id": [detail]}, code="stage_not_found")


def check_opportunity(text: str, *, account_id: UUID) -> None:
    """Raise ValidationError unless the text is the id of an opportunity of the account."""
    try:
        opportunity_id = UUID(text)
    except ValueError:
        detail = "Give the id as a UUID, or a template that renders to one."
        raise ValidationError({"opportunity_id": [detail]}, code="invalid") from None
    if not Opportunity.objects.for_account(account_id).filter(id=opportunity_id).exists():
        detail = "There is no such opportunity in this account."
        raise ValidationError({"opportunity_id": [detail]}, code="opportunity_not_found")
