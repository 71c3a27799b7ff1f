"""The sidebar: every registered page that the person may open, in groups; pages that are not listed come last."""

import os
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst

from accounts.admin.staff import staff_of
from workflows.crm.models import Notification

GROUPS: dict[str, dict[str, str]] = {
    "CRM": {
        "crm.Contact": "person",
        "crm.Opportunity": "handshake",
        "crm.Pipeline": "view_kanban",
        "crm.Campaign": "campaign",
        "crm.CampaignMember": "diversity_3",
        "crm.Course": "school",
        "crm.Lesson": "menu_book",
        "crm.CourseAccess": "lock_open",
        "crm.Task": "task_alt",
        "crm.Note": "sticky_note_2",
        "crm.Tag": "label",
        "crm.CustomField": "text_fields",
        "crm.Import": "upload_file",
        "crm.Event": "history",
    },
    "Workflows": {
        "workflows.Workflow": "account_tree",
        "workflows.WorkflowExecution": "directions_run",
        "workflows.ActionExecution": "receipt_long",
        "workflows.WorkflowVersion": "layers",
        "crm.Notification": "notifications",
    },
    "Messaging": {
        "messaging.Message": "mail",
        "messaging.EmailTemplate": "draft",
        "messaging.Media": "attach_file",
        "messaging.Connection": "cable",
        "messaging.Secret": "key",
    },
    "Account": {
        "accounts.Account": "domain",
        "accounts.Membership": "group",
        "accounts.Team": "groups",
        "accounts.ApiKey": "vpn_key",
        "accounts.AuditEntry": "fact_check",
    },
    "System": {
        "workflows.WorkflowDispatch": "outbound",
        "workflows.Trouble": "report",
        "workflows.FailureMail": "outgoing_mail",
        "messaging.CallingHours": "gavel",
        "messaging.CircuitBreaker": "electrical_services",
        "accounts.User": "manage_accounts",
        "workflows.WorkerHeartbeat": "monitor_heart",
        "procrastinate.ProcrastinateJob": "schedule",
    },
}
"""Models by group, each with its icon, in the order of the sidebar."""
TITLES = {
    "accounts.AuditEntry": "Audit log",
    "accounts.Membership": "Members",
    "procrastinate.ProcrastinateJob": "Queue jobs",
    "workflows.ActionExecution": "Step log",
    "workflows.WorkflowDispatch": "Outgoing steps",
    "workflows.WorkflowExecution": "Executions",
    "workflows.WorkflowVersion": "Versions",
}
"""What the sidebar calls pages whose rows have a longer name."""
GROUP_OF_APP = {"crm": "CRM", "messaging": "Messaging", "accounts": "Account"}
OTHER_ICON = "database"
MOST_COUNTED = 99


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups of the sidebar for a request."""
    pages = {model._meta.label: page for model, page in admin.site._registry.items()}  # noqa: SLF001 - Django's own way
    listed = {label for group in GROUPS.values() for label in group}
    groups: dict[str, list[dict[str, Any]]] = {
        "": [{"title": "Dashboard", "icon": "dashboard", "link": reverse("admin:index")}]
    }
    for title, icons in GROUPS.items():
        groups[title] = [item(request, pages[label], icon) for label, icon in icons.items() if label in pages]
    for label, page in sorted(pages.items()):
        if label not in listed:
            title = GROUP_OF_APP.get(label.partition(".")[0], "System")
            groups[title].append(item(request, page, getattr(page, "icon", OTHER_ICON)))
    return [
        {"title": title, "separator": bool(title), "items": [each for each in items if each]}
        for title, items in groups.items()
    ]


def item(request: HttpRequest, page: Any, icon: str) -> dict[str, Any]:
    """Return the link to a page; nothing for who may not open it."""
    if not page.has_module_permission(request):
        return {}
    options = page.opts
    link = {
        "title": TITLES.get(options.label) or capfirst(str(options.verbose_name_plural)),
        "icon": icon,
        "link": reverse(f"admin:{options.app_label}_{options.model_name}_changelist"),
    }
    if options.label == "crm.Notification" and (count := unread(request)):
        link |= {"badge": count, "badge_variant": "primary"}
    return link


def unread(request: HttpRequest) -> str:
    """Return how many notifications the person has not read, up to 99 by number; empty for none."""
    staff = staff_of(request)
    own = staff.narrowed(Notification.objects.filter(recipient_id=request.user.pk, read_at=None))
    count = own[: MOST_COUNTED + 1].count()
    return "" if not count else f"{MOST_COUNTED}+" if count > MOST_COUNTED else str(count)


def environment(request: HttpRequest) -> list[str] | None:
    """Return the label of an installation that is no production: nobody mistakes one for the other."""
    name = os.environ["DJANGO_SETTINGS_MODULE"].rpartition(".")[2]
    return None if name == "production" else [name.capitalize(), "warning"]
