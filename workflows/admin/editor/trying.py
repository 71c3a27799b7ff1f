"""Doors to trying a step before it is saved: for types that have no effect but their result."""

import json
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import render

from accounts.api.identifiers import parse_uuid
from accounts.problems import Missing
from workflows.actions.outside import OutsideType
from workflows.actions.registry import registry as action_types
from workflows.admin.config_forms import ConfigForm
from workflows.admin.editor.answers import FOLDER
from workflows.admin.editor.opening import Editing, editor_view
from workflows.crm.models import Contact
from workflows.engine import clock
from workflows.engine.perform.trial import TrialResult, try_draft

OFFERED = 50
NAMED_LENGTH = 254
NOBODY = "There is no such contact; choose one of the list, or give an e-mail address or id."
NOBODY_AT_ALL = "There is no contact to run it for; add one first."


@editor_view("POST", is_for_editors=True)
def run(editing: Editing, *, slug: str) -> HttpResponse:
    """Run the config that the form holds for one contact, and answer with what came of it."""
    kind = action_types.get(slug) if slug in action_types else None
    if not isinstance(kind, OutsideType) or not kind.is_pure:
        raise Http404
    account_id = editing.workflow.account_id
    form = ConfigForm(kind, account_id=account_id, data=editing.request.POST)
    if not form.is_valid():
        return answer(editing, errors=[error for errors in form.errors.values() for error in errors])
    named = editing.request.POST.get("try_contact", "").replace("\0", "").strip()[:NAMED_LENGTH]
    contact_id = find_contact(account_id, named)
    if contact_id is None:
        return answer(editing, errors=[NOBODY if named else NOBODY_AT_ALL])
    try:
        result = try_draft(
            account_id=account_id,
            workflow_id=editing.workflow.id,
            kind=kind,
            config=form.config,
            contact_id=contact_id,
            now=clock.now(),
        )
    except Missing:
        return answer(editing, errors=[NOBODY])
    return answer(editing, result=result)


def answer(editing: Editing, *, errors: list[str] | None = None, result: TrialResult | None = None) -> HttpResponse:
    context: dict[str, Any] = {"errors": errors, "result": result}
    if result is not None:
        context["output"] = json.dumps(result.result.get("output"), indent=2, ensure_ascii=False)
        context["logs"] = "\n".join(result.result.get("logs", ()))
    return render(editing.request, f"{FOLDER}trial_result.html", context)


def offered_contacts(account_id: UUID) -> list[tuple[str, str]]:
    """Return (what names it, its name) of the contacts that changed last."""
    contacts = Contact.objects.for_account(account_id).present().order_by("-updated_at")[:OFFERED]
    return [(each.email or str(each.id), f"{each.first_name} {each.last_name}".strip()) for each in contacts]


def find_contact(account_id: UUID, named: str) -> UUID | None:
    """Return the contact with that id or e-mail address; with neither, the one that changed last."""
    contacts = Contact.objects.for_account(account_id).present()
    if named:
        contact_id = parse_uuid(named)
        contacts = contacts.filter(Q(id=contact_id) if contact_id else Q(email__iexact=named))
    found: UUID | None = contacts.order_by("-updated_at").values_list("id", flat=True).first()
    return found
