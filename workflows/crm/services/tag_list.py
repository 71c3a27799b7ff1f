"""The account's list of tags: making, renaming and deleting them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts import audit
from accounts.actors import Actor
from accounts.problems import Invalid, Missing, Problem
from workflows.crm.models import Contact, ContactTag, Tag
from workflows.crm.services.locking import lock_contacts
from workflows.crm.services.naming import unless_name_taken
from workflows.crm.services.tags import TagChange, checked_color, checked_name, remove_tags
from workflows.crm.services.usages import Target, require_unused

PAGE_SIZE = 1000


def create_tag(*, account_id: UUID, actor: Actor, name: str, color: str = "") -> Tag:
    """Make a tag; raises Conflict (`name_taken`) when there is one of that name in whatever case."""
    folded, color = _checked(name, color)
    with unless_name_taken("a tag", name):
        tag = Tag.objects.create(account_id=account_id, name=name.strip(), folded_name=folded, color=color)
    _record(tag, actor, "tag.created", {}, _facts(tag))
    return tag


def change_tag(
    *,
    account_id: UUID,
    actor: Actor,
    tag_id: UUID,
    name: str | None = None,
    color: str | None = None,
    now: datetime,
) -> Tag:
    """Rename or color a tag; what is None stays. Contacts keep it under its new name."""
    tag = Tag.objects.for_account(account_id).select_for_update().filter(id=tag_id).first()
    if tag is None:
        raise Missing
    before = _facts(tag)
    tag.folded_name, tag.color = _checked(tag.name if name is None else name, tag.color if color is None else color)
    tag.name = tag.name if name is None else name.strip()
    after = _facts(tag)
    if after == before:
        return tag
    tag.updated_at = now
    with unless_name_taken("a tag", tag.name):
        Tag.objects.filter(id=tag.id).update(
            name=tag.name, folded_name=tag.folded_name, color=tag.color, updated_at=now
        )
    changed = [fact for fact in after if after[fact] != before[fact]]
    _record(
        tag, actor, "tag.changed", {fact: before[fact] for fact in changed}, {fact: after[fact] for fact in changed}
    )
    return tag


def delete_tag(*, account_id: UUID, actor: Actor, tag_id: UUID, now: datetime) -> None:
    """Delete a tag, taking it off every contact first (`tag_removed` is recorded for each).

    InUse when workflows name it. Contacts are locked before the tag, as everywhere; if somebody put it on a contact in
    between, that round is repeated.
    """
    tag = Tag.objects.for_account(account_id).filter(id=tag_id).first()
    if tag is None:
        raise Missing
    while True:
        _take_off(tag, now)
        with transaction.atomic():
            locked = Tag.objects.for_account(account_id).select_for_update().filter(id=tag_id).first()
            if locked is None:
                raise Missing
            require_unused(account_id=account_id, target=target_of(locked))
            if not _carriers(tag).exists():
                _record(locked, actor, "tag.deleted", _facts(locked), {})
                ContactTag.objects.for_account(account_id).filter(tag=locked).delete()
                locked.delete()
                return
            transaction.set_rollback(True)


def target_of(tag: Tag) -> Target:
    """Return the tag as workflows refer to it."""
    return Target("tag", tag.id, tag.folded_name)


def _take_off(tag: Tag, now: datetime) -> None:
    last = None
    while True:
        carriers = _carriers(tag).filter(**({"id__gt": last} if last else {}))
        page = list(carriers.order_by("id").values_list("id", flat=True)[:PAGE_SIZE])
        if not page:
            return
        last = page[-1]
        contacts = lock_contacts(account_id=tag.account_id, contact_ids=page).values()
        changes = [TagChange(contact, tag.name) for contact in contacts]
        remove_tags(account_id=tag.account_id, changes=changes, now=now)


def _carriers(tag: Tag) -> Any:
    return Contact.objects.for_account(tag.account_id).present().filter(contact_tags__tag=tag)


def _checked(name: str, color: str) -> tuple[str, str]:
    try:
        return checked_name(name), checked_color(color)
    except Invalid as error:
        problems = [Problem(each.code, each.detail, (each.attr or "").removeprefix("tag_")) for each in error.problems]
        raise Invalid(*problems) from None


def _facts(tag: Tag) -> dict[str, Any]:
    return {"name": tag.name, "color": tag.color}


def _record(tag: Tag, actor: Actor, verb: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    audit.record(
        account_id=tag.account_id,
        actor=actor,
        verb=verb,
        object_type="tag",
        object_id=tag.id,
        before=before,
        after=after,
    )
