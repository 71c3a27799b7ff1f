"""Deciding which drafts are which contacts, and securing that decision against parallel calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from workflows.crm.copies import ContactCopy
from workflows.crm.models import IdentityKind
from workflows.crm.services.contacts import identities
from workflows.crm.services.contacts.drafts import DuplicateHandling, ReadDraft
from workflows.crm.services.contacts.identities import Identity
from workflows.crm.services.locking import lock_contacts


class Collision(Exception):
    """A parallel call took or freed one of the addresses; look again."""


@dataclass(slots=True, eq=False)
class Target:
    """The contact that one or more drafts describe."""

    contact_id: UUID
    contact: ContactCopy | None
    """Its locked copy; None when it is only pointed at (skip, refuse)."""
    is_new: bool


@dataclass(slots=True, eq=False)
class Plan:
    """For each draft its contact and the identity by which it was found, if it was."""

    placements: list[tuple[Target, Identity | None]] = field(default_factory=list)
    claims: dict[Identity, UUID] = field(default_factory=dict)


def secure_plan(
    *,
    account_id: UUID,
    drafts: Sequence[ReadDraft],
    duplicate_handling: DuplicateHandling,
    known: Mapping[UUID, ContactCopy],
    now: datetime,
) -> Plan:
    """Decide, lock the contacts that will be written, and claim the addresses; or raise Collision.

    The order is contact, then identity, as everywhere. What was read before the locks is read again under them.
    """
    wanted = {identity for draft in drafts for identity in draft.identities}
    owners = identities.find_owners(account_id=account_id, identities=wanted)
    contacts: dict[UUID, ContactCopy] = {}
    if owners and duplicate_handling is DuplicateHandling.UPDATE:
        found = set(owners.values())
        contacts = {contact_id: known[contact_id] for contact_id in found & known.keys()}
        if found - contacts.keys():
            contacts |= lock_contacts(account_id=account_id, contact_ids=found - contacts.keys())
            if identities.find_owners(account_id=account_id, identities=wanted) != owners:
                raise Collision
    plan = _decide(account_id, drafts, duplicate_handling, owners, contacts)
    given = identities.claim(account_id=account_id, wanted=plan.claims, now=now)
    if given != plan.claims.keys() and duplicate_handling is not DuplicateHandling.CREATE_DUPLICATE:
        raise Collision
    return plan


def _decide(
    account_id: UUID,
    drafts: Sequence[ReadDraft],
    duplicate_handling: DuplicateHandling,
    owners: Mapping[Identity, UUID],
    contacts: Mapping[UUID, ContactCopy],
) -> Plan:
    plan = Plan()
    targets = {
        contact_id: Target(contact_id, contacts.get(contact_id), is_new=False) for contact_id in set(owners.values())
    }
    by_identity = {identity: targets[contact_id] for identity, contact_id in owners.items()}
    final: dict[tuple[UUID, str], Identity] = {}  # of several addresses for a contact, the one it ends up with
    for draft in drafts:
        match = None
        if duplicate_handling is not DuplicateHandling.CREATE_DUPLICATE:
            match = next((identity for identity in draft.identities if identity in by_identity), None)
        if match is None:
            contact_id = uuid7()
            target = Target(contact_id, ContactCopy(id=contact_id, account_id=account_id), is_new=True)
        else:
            target = by_identity[match]
        plan.placements.append((target, match))
        if match is not None and duplicate_handling is not DuplicateHandling.UPDATE:
            continue
        for identity in draft.identities:
            if identity not in by_identity:
                by_identity[identity] = target
                plan.claims[identity] = target.contact_id
            final[target.contact_id, identity.kind] = identity
    plan.claims = {
        identity: contact_id
        for identity, contact_id in plan.claims.items()
        if identity.kind == IdentityKind.EXTERNAL or final[contact_id, identity.kind] == identity
    }
    return plan
