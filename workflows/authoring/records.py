"""Courses and campaigns, changed so that what they refer to stays: the template of a welcome, a campaign's workflow.

Their services lie below templates and workflows. Here the row that is referred to is held until the record is written,
so that of somebody who deletes it and somebody who refers to it one waits for the other and then sees what it did.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.actors import Actor
from workflows.authoring.usages import hold_references
from workflows.crm.models import Campaign, Course
from workflows.crm.services import campaigns, courses
from workflows.crm.services.usages import HOLDERS, Reference


@transaction.atomic
def create_course(*, account_id: UUID, actor: Actor, name: str, **values: Any) -> Course:
    """Make a course as `courses.create_course` does; raises Invalid (`template_not_found`) besides."""
    _hold("template", values, account_id)
    return courses.create_course(account_id=account_id, actor=actor, name=name, **values)


@transaction.atomic
def change_course(*, account_id: UUID, actor: Actor, course_id: UUID, values: Mapping[str, Any]) -> Course:
    """Change a course as `courses.change_course` does; raises Invalid (`template_not_found`) besides."""
    _hold("template", values, account_id)
    return courses.change_course(account_id=account_id, actor=actor, course_id=course_id, values=values)


@transaction.atomic
def create_campaign(*, account_id: UUID, actor: Actor, workflow_id: UUID, name: str, **values: Any) -> Campaign:
    """Make a campaign as `campaigns.create_campaign` does; raises Invalid (`workflow_not_found`) besides."""
    _hold("workflow", {"workflow_id": workflow_id}, account_id)
    return campaigns.create_campaign(account_id=account_id, actor=actor, workflow_id=workflow_id, name=name, **values)


@transaction.atomic
def change_campaign(
    *, account_id: UUID, actor: Actor, campaign_id: UUID, values: Mapping[str, Any], now: datetime
) -> Campaign:
    """Change a campaign as `campaigns.change_campaign` does; raises Invalid (`workflow_not_found`) besides."""
    _hold("workflow", values, account_id)
    return campaigns.change_campaign(
        account_id=account_id, actor=actor, campaign_id=campaign_id, values=values, now=now
    )


def _hold(kind: str, values: Mapping[str, Any], account_id: UUID) -> None:
    field = HOLDERS[kind][2]
    if values.get(field) is not None:
        hold_references([Reference(kind, field, object_id=values[field])], account_id=account_id)
