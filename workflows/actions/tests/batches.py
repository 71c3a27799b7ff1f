"""Steps for tests: contacts read under their locks, at one step of one workflow."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from accounts.models import Account
from accounts.problems import Invalid, Problem
from workflows.actions.base import AccountFacts, Step, StepBatch, WorkflowFacts
from workflows.actions.outcomes import Outcome
from workflows.actions.registry import registry
from workflows.crm.models import Contact
from workflows.crm.services.locking import lock_contacts

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
"""A Monday."""


def batch_of(
    contacts: Sequence[Contact],
    config: Mapping[str, Any],
    *,
    now: datetime = NOW,
    trigger: Mapping[str, Any] | None = None,
    results: Mapping[str, Any] | None = None,
    timezone: str = "UTC",
) -> StepBatch:
    """Return the contacts, all of one account, at a step with a complete config; one given twice has two executions."""
    account: Account = contacts[0].account
    copies = lock_contacts(account_id=account.id, contact_ids=[contact.id for contact in contacts])
    return StepBatch(
        [
            Step(
                execution_id=uuid7(),
                log_id=uuid7(),
                visit=1,
                depth=3,
                contact=copies[contact.id],
                trigger=trigger or {},
                results=results or {},
            )
            for contact in contacts
        ],
        account=AccountFacts(
            id=account.id,
            name=account.name,
            timezone=account.timezone,
            currency=account.currency,
            default_country=account.default_country,
        ),
        workflow=WorkflowFacts(id=uuid7(), name="Welcome", version=1, timezone=timezone, owner_id=None),
        action_id=uuid7(),
        action_key="step",
        config=config,
        now=now,
    )


def run(slug: str, contacts: Contact | Sequence[Contact], config: Mapping[str, Any], **options: Any) -> list[Outcome]:
    """Save the config as authoring does, complete it as activation does, and run the step."""
    contacts = [contacts] if isinstance(contacts, Contact) else contacts
    kind = registry.get(slug)
    complete = kind.complete_config(kind.clean_config(config, account_id=contacts[0].account_id))
    return list(kind.run_many(batch_of(contacts, complete, **options)))


def refusals(slug: str, config: Any, account_id: UUID) -> list[tuple[str, str | None]]:
    """Return (code, attr) of everything that is wrong with a config."""
    return [(problem.code, problem.attr) for problem in problems(slug, config, account_id)]


def problems(slug: str, config: Any, account_id: UUID) -> Sequence[Problem]:
    try:
        registry.get(slug).clean_config(config, account_id=account_id)
    except Invalid as refusal:
        return refusal.problems
    return []
