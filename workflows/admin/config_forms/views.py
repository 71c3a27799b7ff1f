"""What forms look up while somebody fills them in."""

from uuid import UUID

from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.http import require_GET

from accounts.models import Membership, Role, User
from workflows.admin.config_forms.references import search
from workflows.configs.references import KINDS

EDITING_ROLES = [role for role in Role if role.includes(Role.EDITOR)]


@require_GET
def references(request: HttpRequest, account_id: UUID, kind: str) -> JsonResponse:
    """Answer the first 50 objects of a kind whose name contains `q`: `{"items": [{"id", "name"}], "is_all"}`.

    For staff who may edit workflows of the account; to others the account does not exist.
    """
    if kind not in KINDS or not may_edit(request, account_id):
        raise Http404
    found = search(account_id=account_id, kind=kind, text=request.GET.get("q", ""))
    items = [{"id": object_id, "name": name} for object_id, name in found.items]
    return JsonResponse({"items": items, "is_all": found.is_all})


def may_edit(request: HttpRequest, account_id: UUID) -> bool:
    user = request.user
    if not isinstance(user, User):
        return False
    memberships = Membership.objects.for_account(account_id).filter(user=user, is_active=True, role__in=EDITING_ROLES)
    return user.is_superuser or memberships.exists()
