"""Objects for configs that name them: each kind that a config may refer to can be made with a given id."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from accounts.models import Account, TeamMember
from accounts.tests.factories import MembershipFactory, TeamFactory, UserFactory
from workflows.actions.base import ActionType
from workflows.crm.models import Pipeline
from workflows.crm.tests.factories import (
    CampaignFactory,
    CourseFactory,
    CustomFieldFactory,
    PipelineFactory,
    StageFactory,
    TagFactory,
)
from workflows.messaging.tests.factories import ConnectionFactory, EmailTemplateFactory, MediaFactory, SecretFactory
from workflows.tests.factories import ActionFactory, ActiveWorkflowFactory, WorkflowFactory


def team(account: Account, team_id: UUID) -> None:
    """Make a team with a member."""
    TeamMember.objects.create(
        account=account, team=TeamFactory(account=account, id=team_id), membership=MembershipFactory(account=account)
    )


MAKERS: dict[str, Callable[[Account, UUID], Any]] = {
    "user": lambda account, user_id: MembershipFactory(account=account, user=UserFactory(id=user_id)),
    "team": team,
    "tag": lambda account, tag_id: TagFactory(account=account, id=tag_id),
    "custom_field": lambda account, field_id: CustomFieldFactory(account=account, id=field_id),
    "template": lambda account, template_id: EmailTemplateFactory(account=account, id=template_id),
    "media": lambda account, media_id: MediaFactory(account=account, id=media_id, is_sound=True),
    "secret": lambda account, secret_id: SecretFactory(account=account, id=secret_id),
    "connection": lambda account, connection_id: ConnectionFactory(account=account, id=connection_id),
    "page": lambda account, connection_id: ConnectionFactory(
        account=account, id=connection_id, kind="messenger", settings={"page_id": "104270000000001"}
    ),
    "campaign": lambda account, campaign_id: CampaignFactory(
        account=account, id=campaign_id, workflow_id=ActiveWorkflowFactory(account=account).id
    ),
    "course": lambda account, course_id: CourseFactory(account=account, id=course_id),
    "pipeline": lambda account, pipeline_id: PipelineFactory(account=account, id=pipeline_id),
    "stage": lambda account, stage_id: StageFactory(pipeline=Pipeline.objects.latest("created_at"), id=stage_id),
    "step": lambda account, step_id: ActionFactory(workflow=WorkflowFactory(account=account), id=step_id),
    "workflow": lambda account, workflow_id: ActiveWorkflowFactory(account=account, id=workflow_id),
}


def make_referenced(kind: ActionType, config: Mapping[str, Any], account: Account) -> None:
    """Make every object of the account that a config of the type names, and the number that it sends from."""
    if number := config.get("from_number"):
        ConnectionFactory(
            account=account, kind="twilio", settings={"numbers": [{"number": number, "types": ["sms", "voice"]}]}
        )
    for name, object_id, _ in kind.references(config):
        MAKERS[name](account, object_id)
