"""Ten thousand contacts through each type, as the engine leads them: a batch takes as many queries as one contact."""

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from accounts.models import Account
from accounts.tests.factories import MembershipFactory
from workflows.actions.registry import registry
from workflows.actions.tests.referenced import make_referenced
from workflows.crm.models import Contact
from workflows.crm.tests.world import count_queries
from workflows.engine import clock
from workflows.engine.advance import pages
from workflows.engine.batches import take_batch
from workflows.engine.claim import claim_due
from workflows.engine.clock import VirtualClock
from workflows.engine.enroll import enroll_many
from workflows.engine.leases import holding
from workflows.engine.tests.conftest import START
from workflows.engine.tests.proofs.installation import say
from workflows.models import ActionExecution, Workflow
from workflows.tests.factories import ActiveWorkflowFactory, Link

pytestmark = [pytest.mark.django_db, pytest.mark.proof]

CONTACTS = 10_000
BATCH = 500

BEFORE: Mapping[str, Sequence[str]] = {
    "remove_from_campaign": ["add_to_campaign"],
    "remove_tag": ["add_tag"],
    "revoke_course_access": ["grant_course_access"],
}
"""Steps without which a type would find nothing to do; all of them are counted together."""


def link(slug: str) -> Link:
    """Return a step of the type by its example; one that all contacts can take, and nobody has to wait for a lane."""
    config = dict(registry.get(slug).example)
    if slug == "go_to":
        return slug, {"target_key": "add_note"}
    if slug == "drip":
        return slug, {**config, "batch_size": 10_000}
    return slug, config


def workflow_of(slug: str, account: Account) -> Workflow:
    chain = [link(each) for each in (*BEFORE.get(slug, ()), slug)]
    made: set[Any] = set()
    for each, config in chain:
        kind = registry.get(each)
        if not made.intersection(object_id for _, object_id, _ in kind.references(config)):
            make_referenced(kind, config, account)
        made.update(object_id for _, object_id, _ in kind.references(config))
    workflow: Workflow = ActiveWorkflowFactory(account=account, chain=[*chain, "add_note"], name="Many")
    return workflow


def enroll(workflow: Workflow, contacts: Sequence[Contact]) -> None:
    enroll_many(
        account_id=workflow.account_id,
        workflow_id=workflow.id,
        contacts=[contact.id for contact in contacts],
        source="command",
        now=START,
    )


def queries_of_batches(workflow: Workflow) -> set[int]:
    """Lead those who were due at START as far as they come; return how many queries the batches took.

    Whom they let into other workflows is due later, as the engine's clock is ahead.
    """
    counts = set()
    while claim := claim_due(now=START):
        with holding(claim.lease_id):
            for page in pages(claim.execution_ids, BATCH):
                take = partial(take_batch, lease_id=claim.lease_id, execution_ids=page, workflow_ids=claim.workflow_ids)
                counts.add(count_queries(take))
    return counts


@pytest.mark.parametrize("slug", [kind.slug for kind in registry])
def test_take_as_many_queries_a_batch_as_one(slug: str, account: Account, settings: Any) -> None:
    settings.ENGINE = {**settings.ENGINE, "batch_seconds": 600}
    MembershipFactory(account=account, role="owner")
    contacts = Contact.objects.bulk_create(
        Contact(account=account, first_name=f"Ada {number}", email=f"ada{number}@example.com")
        for number in range(CONTACTS)
    )
    with clock.using(VirtualClock(START + timedelta(seconds=1))):
        workflow = workflow_of(slug, account)
        first, second, *others = contacts
        enroll(workflow, [first])
        queries_of_batches(workflow)  # the tag is made, the plan is read
        enroll(workflow, [second])
        (of_one,) = queries_of_batches(workflow)
        enroll(workflow, others)
        started = time.perf_counter()
        of_many = queries_of_batches(workflow)
        seconds = time.perf_counter() - started
    say(f"{slug}: {of_one} queries for one contact, {of_many} a batch of {BATCH}; {len(others) / seconds:.0f} a second")
    assert of_many == {of_one}
    rows = ActionExecution.objects.for_account(account.id).filter(workflow_id=workflow.id, action_key=slug)
    assert rows.count() == CONTACTS
    assert not rows.filter(status="failed").exists()
