"""`/contacts/{id}/consents`: what a contact allowed and forbade."""

from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import AccountViewSet, ListMixin
from accounts.problems import Conflict, Missing
from workflows.api.contact_serializers import ConsentSerializer
from workflows.crm.models import Consent, Contact
from workflows.crm.services.consents import ConsentChange, set_consents
from workflows.crm.services.locking import lock_contacts
from workflows.engine import clock


class ContactConsentViewSet(ListMixin, AccountViewSet):
    """The contact's last word on each channel; a channel that is missing was never spoken of."""

    queryset = Consent.objects.order_by("channel")
    serializer_class = ConsentSerializer
    parent_queryset = Contact.objects.present()
    parent_kwarg = "contact_id"
    parent_field = "contact"

    @extend_schema(responses={200: ConsentSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Record what the contact said on a channel; 409 `consent_outdated` when a later word is on record."""
        data = self.validated()
        now = clock.now()
        change = ConsentChange(
            self.parent.id, data["channel"], data["state"], data.get("recorded_at", now), data["evidence"]
        )
        with transaction.atomic():
            if not lock_contacts(account_id=self.caller.account_id, contact_ids=[self.parent.id]):
                raise Missing
            set_consents(account_id=self.caller.account_id, changes=[change], now=now)
            consent = self.get_queryset().get(channel=change.channel)
            if consent.state != change.state:
                detail = f"A later word is on record: {consent.state} of {consent.recorded_at.isoformat()}."
                raise Conflict("consent_outdated", detail, "recorded_at")
        return self.answer(consent, status.HTTP_200_OK)
