"""Ten thousand contacts through the types of the pipeline: queries are counted per batch, whoever is in it."""

import time
from functools import partial
from typing import Any

import pytest

from accounts.models import Account, TeamMember
from accounts.tests.factories import MembershipFactory, TeamFactory
from workflows.actions.base import ActionType, StepBatch
from workflows.actions.outcomes import Done
from workflows.actions.registry import registry
from workflows.actions.tests.batches import batch_of
from workflows.crm.models import Contact, Opportunity
from workflows.crm.tests.factories import PipelineFactory
from workflows.crm.tests.world import count_queries

pytestmark = [pytest.mark.django_db, pytest.mark.proof]

CONTACTS = 10_000
BATCH = 1000


def configs(account: Account) -> dict[str, dict[str, Any]]:
    pipeline = PipelineFactory(account=account)
    team = TeamFactory(account=account)
    for _ in range(3):
        TeamMember.objects.create(account=account, team=team, membership=MembershipFactory(account=account))
    stage = pipeline.stages.get(name="Proposal")
    return {
        "create_opportunity": {"pipeline_id": str(pipeline.id), "name": "Order of {{ contact.first_name }}"},
        "move_pipeline_stage": {"pipeline_id": str(pipeline.id), "stage_id": str(stage.id)},
        "assign_to_user": {"assignment_type": "round_robin", "team_id": str(team.id)},
    }


def run(kind: ActionType, batch: StepBatch, outcomes: list[Any]) -> None:
    outcomes.extend(kind.run_many(batch))


def test_ten_thousand_contacts_take_as_many_queries_a_batch_as_one(account: Account) -> None:
    contacts = Contact.objects.bulk_create(
        Contact(account=account, first_name=f"Ada {number}", email=f"ada{number}@example.com")
        for number in range(CONTACTS + 1)
    )
    for slug, config in configs(account).items():
        kind = registry.get(slug)
        complete = kind.complete_config(kind.clean_config(config, account_id=account.id))
        counts = set()
        started = time.perf_counter()
        done = 0
        for group in ([contacts[CONTACTS]], *(contacts[at : at + BATCH] for at in range(0, CONTACTS, BATCH))):
            outcomes: list[Any] = []
            counts.add(count_queries(partial(run, kind, batch_of(group, complete), outcomes)))
            done += sum(isinstance(outcome, Done) for outcome in outcomes)
        seconds = time.perf_counter() - started
        print(f"{slug}: {counts} queries a batch, {done} contacts in {seconds:.1f} s")  # noqa: T201 - a figure to note
        assert done == CONTACTS + 1
        assert len(counts) == 1
    assert Opportunity.objects.filter(stage__name="Proposal").count() == CONTACTS + 1
    assert not Contact.objects.filter(owner=None).exists()
