"""Deleting what workflows may refer to: refused while one does (`in_use`), with the workflows and actions named.

Authoring holds the rows of what an action refers to until it has written the index (`usages.hold`), so that of
somebody who deletes and somebody who refers one waits for the other and then sees what it did.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.actors import Actor
from accounts.models import Membership, Role
from accounts.problems import Missing
from accounts.services import members, teams
from workflows.authoring.usages import forget_left_versions, in_use_named
from workflows.configs.names import NUMBER_KINDS
from workflows.crm.models import CustomField, Stage, Tag
from workflows.crm.services import campaigns, courses, custom_fields, pipelines, tag_list
from workflows.crm.services.usages import Target, require_unused
from workflows.messaging import secrets
from workflows.messaging.models import Connection, ConnectionKind
from workflows.messaging.services import connections, media, templates


@transaction.atomic
def delete_secret(*, account_id: UUID, actor: Actor, secret_id: UUID) -> None:
    """Forget a secret; Conflict (`in_use`) while a workflow or a connection uses it."""
    with unused(account_id, Target("secret", secret_id)):
        secrets.delete_secret(account_id=account_id, actor=actor, secret_id=secret_id)


@transaction.atomic
def delete_connection(*, account_id: UUID, actor: Actor, connection_id: UUID) -> None:
    """Forget a connection; Conflict (`in_use`) while a workflow names it, or a number of it."""
    with unused(account_id, *targets_of(connections.locked(account_id, connection_id))):
        connections.delete_connection(account_id=account_id, actor=actor, connection_id=connection_id)


@transaction.atomic
def change_connection(*, account_id: UUID, actor: Actor, connection_id: UUID, changes: Mapping[str, Any]) -> Connection:
    """Change a connection as `connections.change_connection` does; Conflict (`in_use`) for a number that goes.

    A number that can no longer be texted from, or called from, has gone for the workflows that do so.
    """
    before = numbers_of(connections.locked(account_id, connection_id))
    connection = connections.change_connection(
        account_id=account_id, actor=actor, connection_id=connection_id, changes=changes
    )
    kept = {(target.kind, target.name) for target in numbers_of(connection)}
    with unused(account_id, *(target for target in before if (target.kind, target.name) not in kept)):
        return connection


def targets_of(connection: Connection) -> list[Target]:
    """Return how workflows may refer to a connection: as itself, as a page, by its numbers."""
    kind = "page" if connection.kind == ConnectionKind.MESSENGER else "connection"
    return [Target(kind, connection.id), *numbers_of(connection)]


def numbers_of(connection: Connection) -> list[Target]:
    return [
        Target(NUMBER_KINDS[done], connection.id, name=number["number"])
        for number in connection.settings.get("numbers", ())
        for done in number["types"]
    ]


@transaction.atomic
def delete_template(*, account_id: UUID, actor: Actor, template_id: UUID) -> None:
    """Forget an e-mail template; Conflict (`in_use`) while a workflow or a course names it."""
    with unused(account_id, Target("template", template_id)):
        templates.delete_template(account_id=account_id, actor=actor, template_id=template_id)


@transaction.atomic
def delete_media(*, account_id: UUID, actor: Actor, media_id: UUID) -> None:
    """Forget a file; Conflict (`in_use`) while a workflow names it."""
    with unused(account_id, Target("media", media_id)):
        media.delete_media(account_id=account_id, actor=actor, media_id=media_id)


@transaction.atomic
def delete_team(*, account_id: UUID, actor: Actor, team_id: UUID) -> None:
    """Delete a team, its members stay; Conflict (`in_use`) while a workflow names it."""
    with unused(account_id, Target("team", team_id)):
        teams.delete_team(account_id=account_id, actor=actor, team_id=team_id)


@transaction.atomic
def change_member(
    *,
    account_id: UUID,
    actor: Actor,
    actor_role: Role,
    membership_id: UUID,
    role: Role | None = None,
    is_active: bool | None = None,
    phone: str | None = None,
) -> Membership:
    """Change a member as `members.change_member` does; nobody is shut out whom a workflow names (`in_use`)."""
    changes: dict[str, Any] = {
        "actor_role": actor_role,
        "membership_id": membership_id,
        "role": role,
        "is_active": is_active,
        "phone": phone,
    }
    if is_active is not False:
        return members.change_member(account_id=account_id, actor=actor, **changes)
    user_id = Membership.objects.for_account(account_id).filter(id=membership_id).values_list("user_id").first()
    if user_id is None:
        raise Missing
    with unused(account_id, Target("user", user_id[0])):
        return members.change_member(account_id=account_id, actor=actor, **changes)


@transaction.atomic
def delete_tag(*, account_id: UUID, actor: Actor, tag_id: UUID, now: datetime) -> None:
    """Delete a tag and take it off every contact; Conflict (`in_use`) while a workflow names it."""
    tag = Tag.objects.for_account(account_id).filter(id=tag_id).first()
    if tag is None:
        raise Missing
    with unused(account_id, tag_list.target_of(tag)):
        tag_list.delete_tag(account_id=account_id, actor=actor, tag_id=tag_id, now=now)


@transaction.atomic
def delete_custom_field(*, account_id: UUID, actor: Actor, field_id: UUID, now: datetime) -> None:
    """Delete a field and its values; Conflict (`in_use`) while a workflow names it, also in a template."""
    field = CustomField.objects.for_account(account_id).filter(id=field_id).first()
    if field is None:
        raise Missing
    with unused(account_id, custom_fields.target_of(field)):
        custom_fields.delete_custom_field(account_id=account_id, actor=actor, field_id=field_id, now=now)


@transaction.atomic
def delete_campaign(*, account_id: UUID, actor: Actor, campaign_id: UUID) -> None:
    """Delete a campaign without members; Conflict (`in_use`) while a workflow names it."""
    with unused(account_id, Target("campaign", campaign_id)):
        campaigns.delete_campaign(account_id=account_id, actor=actor, campaign_id=campaign_id)


@transaction.atomic
def delete_course(*, account_id: UUID, actor: Actor, course_id: UUID) -> None:
    """Delete a course that nobody has access to; Conflict (`in_use`) while a workflow names it."""
    with unused(account_id, Target("course", course_id)):
        courses.delete_course(account_id=account_id, actor=actor, course_id=course_id)


@transaction.atomic
def delete_pipeline(*, account_id: UUID, actor: Actor, pipeline_id: UUID) -> None:
    """Delete a pipeline; Conflict (`in_use`) while a workflow names it or a stage of it, or opportunities are in it."""
    stage_ids = Stage.objects.for_account(account_id).filter(pipeline_id=pipeline_id).values_list("id", flat=True)
    with unused(account_id, Target("pipeline", pipeline_id), *(Target("stage", stage_id) for stage_id in stage_ids)):
        pipelines.delete_pipeline(account_id=account_id, actor=actor, pipeline_id=pipeline_id)


@transaction.atomic
def delete_stage(*, account_id: UUID, actor: Actor, pipeline_id: UUID, stage_id: UUID) -> None:
    """Delete a stage; Conflict (`in_use`) while a workflow names it, or opportunities are there."""
    with unused(account_id, Target("stage", stage_id)):
        pipelines.delete_stage(account_id=account_id, actor=actor, pipeline_id=pipeline_id, stage_id=stage_id)


@contextmanager
def unused(account_id: UUID, *targets: Target) -> Iterator[None]:
    """Refuse what is in use, at once and again when it is done: then its row is locked, and who names it has to wait.

    Versions that nobody is inside of any more are left out; refusals name the workflows.
    """
    forget_left_versions(account_id=account_id, targets=targets)
    with in_use_named(account_id=account_id):
        for target in targets:
            require_unused(account_id=account_id, target=target)
        yield
        for target in targets:
            require_unused(account_id=account_id, target=target)
