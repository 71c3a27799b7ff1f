"""The demo account's pipeline, its opportunities, and the workflow that works on them."""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from accounts.actors import Actor
from accounts.models import Team
from workflows.crm.models import Contact, Opportunity, Pipeline, Stage, StageKind
from workflows.crm.services.locking import lock_contacts
from workflows.crm.services.opportunities import (
    Move,
    OpportunityDraft,
    Selector,
    create_opportunities,
    hold_stages,
    move_opportunities,
    opportunities_of,
)
from workflows.crm.services.pipelines import StageDraft, create_pipeline
from workflows.management.demo.building import Step, build, enroll, live_from
from workflows.models import Workflow

PIPELINE = "Sales"
QUALIFIED_LEAD = "Qualified lead to sales"
STAGES = (
    StageDraft("New"),
    StageDraft("Qualified"),
    StageDraft("Proposal sent"),
    StageDraft("Negotiation"),
    StageDraft("Won", StageKind.WON),
    StageDraft("Lost", StageKind.LOST),
)
REACHED = (0, 1, 4, 2, 0, 1, 5, 3, 2, 0, 1, 4)
"""How far every twelfth opportunity got, by the position of its stage."""
PRODUCTS = ("Reporting package", "Onboarding", "Yearly subscription", "Integration project")
COUNT = 96
LEADS = 12
"""How many of them are in the workflow or were."""


def add_deals(*, account_id: UUID, actor: Actor, now: datetime) -> Pipeline:
    """Make the demo pipeline with its opportunities, unless it is there."""
    there = Pipeline.objects.for_account(account_id).filter(name=PIPELINE).first()
    if there is not None:
        return there
    pipeline = create_pipeline(account_id=account_id, actor=actor, name=PIPELINE, stages=STAGES)
    contact_ids = (
        Contact.objects.for_account(account_id)
        .present()
        .filter(owner__isnull=False)
        .order_by("id")
        .values_list("id", flat=True)[:COUNT]
    )
    contacts = list(lock_contacts(account_id=account_id, contact_ids=contact_ids).values())
    drafts = [
        OpportunityDraft(
            contact,
            pipeline.id,
            f"{PRODUCTS[number % len(PRODUCTS)]} for {contact.first_name or contact.email}"[:200],
            "EUR",
            value=Decimal(400 + 175 * (number * 7 % 23)),
            owner_id=contact.owner_id,
            source="Demo",
            expected_close_on=(now + timedelta(days=number % 60)).date(),
        )
        for number, contact in enumerate(contacts)
    ]
    begun_at = now - timedelta(days=30)
    create_opportunities(account_id=account_id, actor=actor, drafts=drafts, now=begun_at)
    by_id = hold_stages(account_id=account_id, pipeline_ids=[pipeline.id])
    stages = list(by_id.values())
    for position in range(1, len(stages)):
        deals = opportunities_of(
            account_id=account_id,
            contact_ids=[contact.id for contact in contacts],
            pipeline_id=pipeline.id,
            selector=Selector.LATEST,
        )
        moves = [
            Move(deals[contact.id], by_id[deals[contact.id].stage_id], stages[position])
            for number, contact in enumerate(contacts)
            if passes(REACHED[number % len(REACHED)], position)
        ]
        moved_at = begun_at + timedelta(days=5 * position)
        move_opportunities(account_id=account_id, actor=actor, moves=moves, now=moved_at)
    return pipeline


def passes(reached: int, position: int) -> bool:
    """Tell whether an opportunity that got so far came by a stage: those that are lost were never won."""
    lost, won = len(STAGES) - 1, len(STAGES) - 2
    return position <= reached and not (reached == lost and position == won)


def add_deal_workflow(
    *, account_id: UUID, actor: Actor, owner_id: UUID, pipeline_id: UUID, team_name: str
) -> Workflow | None:
    """Make the workflow that gives a lead to sales in turn and moves its opportunity on, unless it is there."""
    if Workflow.objects.for_account(account_id).present().filter(name=QUALIFIED_LEAD).exists():
        return None
    team = Team.objects.for_account(account_id).get(name=team_name)
    stage = Stage.objects.for_account(account_id).get(pipeline_id=pipeline_id, name="Qualified")
    pipeline = {"pipeline_id": str(pipeline_id)}
    steps = (
        Step(
            "assign_to_user",
            {"assignment_type": "round_robin", "team_id": str(team.id), "only_if_unassigned": True},
            "Whose turn it is",
        ),
        Step(
            "create_opportunity",
            {
                **pipeline,
                "name": "First order of {{ contact.name | default: contact.email | truncate: 150 }}",
                "value": 900,
            },
            "Open an opportunity",
        ),
        Step("wait_time", {"duration": 1, "unit": "days"}, "Wait a day"),
        Step(
            "move_pipeline_stage",
            {**pipeline, "stage_id": str(stage.id), "allow_backward": False},
            "Qualified, unless it is further on",
        ),
    )
    return build(
        account_id=account_id,
        actor=actor,
        owner_id=owner_id,
        name=QUALIFIED_LEAD,
        description="Gives a lead to whose turn it is, opens an opportunity and moves it on after a day.",
        steps=steps,
    )


def let_leads_in(workflow: Workflow, *, pipeline_id: UUID, now: datetime) -> None:
    """Enroll some whose opportunity is new: half of them two days ago, who are through, the others just now."""
    stages = Stage.objects.for_account(workflow.account_id).filter(pipeline_id=pipeline_id, name="New")
    contact_ids = list(
        Opportunity.objects.for_account(workflow.account_id)
        .filter(stage__in=stages)
        .order_by("id")
        .values_list("contact_id", flat=True)[:LEADS]
    )
    enroll(workflow, contact_ids[::2], now - timedelta(days=2))
    live_from(now - timedelta(days=2), now)
    enroll(workflow, contact_ids[1::2], now)
