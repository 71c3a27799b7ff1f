"""An account's e-mail templates: writing them, looking at them, trying them out."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts import audit
from accounts.actors import Actor
from accounts.problems import Invalid, Missing, Problem
from workflows.crm.services.naming import unless_name_taken
from workflows.messaging.composing import MAIL_ROOTS, MAXIMUM_SUBJECT_LENGTH
from workflows.messaging.mailboxes import one_line
from workflows.messaging.models import EmailTemplate
from workflows.templating import TEMPLATE_ROOTS, TemplateProblem, validate_template

MAXIMUM_NAME_LENGTH = 100
MAXIMUM_BODY_BYTES = 256 * 1024
TEXTS = ("name", "subject", "preview_text", "body_html", "body_text")
BODIES = ("body_html", "body_text")


def create_template(*, account_id: UUID, actor: Actor, **texts: str) -> EmailTemplate:
    """Make a template of the texts given (`name` and a body at least), or raise Invalid or Conflict (`name_taken`)."""
    template = EmailTemplate(account_id=account_id, created_by_id=actor.user_id, updated_by_id=actor.user_id)
    write(template, texts)
    with transaction.atomic(), unless_name_taken("an e-mail template", template.name):
        template.save(force_insert=True)
        record(template, actor, "email_template.created", {}, facts(template))
    return template


def change_template(*, account_id: UUID, actor: Actor, template_id: UUID, **texts: str) -> EmailTemplate:
    """Change the texts given; mails that are rendered from now on use them, also in workflows that run."""
    with transaction.atomic():
        template = locked(account_id, template_id)
        before = facts(template)
        write(template, texts)
        after = facts(template)
        changed = [fact for fact in after if after[fact] != before[fact]]
        if changed:
            template.updated_by_id = actor.user_id
            with unless_name_taken("an e-mail template", template.name):
                template.save(update_fields=[*changed, "updated_by", "updated_at"])
            record(
                template,
                actor,
                "email_template.changed",
                {fact: before[fact] for fact in changed},
                {fact: after[fact] for fact in changed},
            )
    return template


def delete_template(*, account_id: UUID, actor: Actor, template_id: UUID) -> None:
    """Delete a template; steps that use it fail with `template_not_found` from then on."""
    with transaction.atomic():
        template = locked(account_id, template_id)
        record(template, actor, "email_template.deleted", facts(template), {})
        template.delete()


def write(template: EmailTemplate, texts: Mapping[str, str]) -> None:
    """Put the texts into the template, or raise Invalid with everything that is wrong with them."""
    for name in TEXTS:
        if name in texts:
            setattr(template, name, texts[name])
    template.name = template.name.strip()
    problems = [*name_problems(template.name), *line_problems(template), *body_problems(template)]
    if problems:
        raise Invalid(*problems)


def name_problems(name: str) -> Iterator[Problem]:
    if not name or len(name) > MAXIMUM_NAME_LENGTH or one_line(name) != name:
        yield Problem("invalid", f"A name has 1 to {MAXIMUM_NAME_LENGTH} characters on one line.", "name")


def line_problems(template: EmailTemplate) -> Iterator[Problem]:
    for name in ("subject", "preview_text"):
        text = getattr(template, name)
        yield from template_problems(text, name, TEMPLATE_ROOTS)
        if len(text) > MAXIMUM_SUBJECT_LENGTH:
            yield Problem("max_length", f"`{name}` has at most {MAXIMUM_SUBJECT_LENGTH} characters.", name)


def body_problems(template: EmailTemplate) -> Iterator[Problem]:
    if not any(getattr(template, name).strip() for name in BODIES):
        yield Problem("required", "Give `body_html`, `body_text` or both.", "body_html")
    for name in BODIES:
        yield from template_problems(getattr(template, name), name, MAIL_ROOTS)


def template_problems(source: str, name: str, roots: tuple[str, ...]) -> Iterator[Problem]:
    try:
        validate_template(source, roots=roots, limit=MAXIMUM_BODY_BYTES)
    except TemplateProblem as problem:
        yield Problem("invalid_template", f"{problem.message} (line {problem.line})", name)


def locked(account_id: UUID, template_id: UUID) -> EmailTemplate:
    template = EmailTemplate.objects.for_account(account_id).select_for_update().filter(id=template_id).first()
    if template is None:
        raise Missing
    return template


def facts(template: EmailTemplate) -> dict[str, Any]:
    """Return what the audit log keeps: of the bodies their length and a digest, since they are long."""
    return {name: getattr(template, name) for name in TEXTS} | {
        name: digest(getattr(template, name)) for name in BODIES
    }


def digest(text: str) -> str:
    return f"{len(text)} characters, SHA-256 {hashlib.sha256(text.encode()).hexdigest()[:16]}" if text else ""


def record(
    template: EmailTemplate, actor: Actor, verb: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    audit.record(
        account_id=template.account_id,
        actor=actor,
        verb=verb,
        object_type="email_template",
        object_id=template.id,
        before=before,
        after=after,
    )
