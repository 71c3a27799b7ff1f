"""`/contacts/{id}/consents`: what a contact allowed and forbade."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import AccountViewSet, ListMixin
from workflows.api.contact_serializers import ConsentSerializer
from workflows.crm.models import Consent, Contact
from workflows.crm.services import by_hand
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
        data.setdefault("recorded_at", now)
        consent = by_hand.record_consent(**self.on_behalf(), contact_id=self.parent.id, now=now, **data)
        return self.answer(consent, status.HTTP_200_OK)
