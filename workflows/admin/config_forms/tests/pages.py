"""A page around the form of one type, for tests in a browser: answers a POST with the form and what it read."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import include, path

from accounts.models import Account, Team
from accounts.tenancy import system_scope
from workflows.actions.registry import registry
from workflows.admin.config_forms import ConfigForm, EarlierStep
from workflows.configs.base import StrictConfig
from workflows.configs.references import ReferenceField

TEMPLATE = """<!doctype html><html lang="en"><head><title>Form</title>{{ form.media }}</head><body>
<form method="post" novalidate>{% csrf_token %}<div id="place">{{ form }}</div><button id="save">Save</button></form>
<pre id="config">{{ config }}</pre></body></html>"""


class Pick(StrictConfig):
    team_id = ReferenceField("team", required=False, help_text="A team.")


@system_scope("the page stands by itself, below no door of the product")
def page(request: HttpRequest, slug: str) -> HttpResponse:
    kind: Any = Pick if slug == "pick" else registry.get(slug)
    account = Account.objects.get(name="Acme")
    stored = {} if slug == "pick" else kind.example
    form = ConfigForm(
        kind,
        account_id=account.id,
        config=stored,
        data=request.POST if request.method == "POST" else None,
        earlier_steps=[EarlierStep("tagged", "Tag it", {"changed": "Whether it is new."})],
    )
    config = json.dumps(form.config) if form.is_valid() else ""
    return HttpResponse(engines["django"].from_string(TEMPLATE).render({"form": form, "config": config}, request))


def teams(account: Account, count: int) -> list[Team]:
    return Team.objects.bulk_create(Team(account=account, name=f"Team {number:02}") for number in range(count))


urlpatterns = [path("form/<slug:slug>/", page), path("", include("config.urls"))]
