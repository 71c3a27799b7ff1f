"""What the admin's pages of contacts, workflows and messages share; their base is `accounts.admin.base`."""

from typing import Any

from django.utils.html import format_html

from accounts.admin.base import AccountScopedAdmin
from accounts.admin.panels import link_to, list_of
from workflows.models import WorkflowExecution

MemberScopedAdmin = AccountScopedAdmin

__all__ = ["AccountScopedAdmin", "MemberScopedAdmin", "link_to", "link_to_executions", "list_of"]


def link_to_executions(**of: Any) -> str:
    """Return a link to the list of executions of one contact or workflow, e.g. `contact=…`."""
    return format_html('<a class="text-link" href="{}">Executions</a>', list_of(WorkflowExecution, **of))
