"""`/contacts`: the people an account keeps in touch with."""

from typing import Any

from django.db.models import Prefetch, QuerySet
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import AccountViewSet, DestroyMixin, ListMixin, RetrieveMixin, UpdateMixin
from workflows.api.contact_filters import ContactFilter
from workflows.api.contact_serializers import ContactChange, ContactSerializer, NewContact
from workflows.crm.models import Contact, ContactIdentity, IdentityKind
from workflows.crm.services import by_hand
from workflows.crm.services.contacts import ContactDraft
from workflows.engine import clock


def with_records(contacts: QuerySet[Contact]) -> QuerySet[Contact]:
    """Fetch what the serializer shows beside the row: three queries, however many contacts."""
    external = ContactIdentity.objects.filter(kind=IdentityKind.EXTERNAL).order_by("source")
    return contacts.prefetch_related(
        "contact_tags__tag",
        "consents",
        Prefetch("identities", queryset=external, to_attr="external_identities"),
    )


class ContactViewSet(ListMixin, RetrieveMixin, UpdateMixin, DestroyMixin, AccountViewSet):
    """Contacts of the account, newest first."""

    queryset = with_records(Contact.objects.present())
    serializer_class = ContactSerializer
    input_serializer_classes = {"create": NewContact, "partial_update": ContactChange}
    filterset_class = ContactFilter
    search_fields = ("first_name", "last_name", "email", "phone")
    ordering_fields = ("created_at", "updated_at", "first_name", "last_name", "email")

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create a contact: 201. One that was there already (see `duplicate_handling`) answers 200, or 409."""
        data = self.validated()
        handling = data.pop("duplicate_handling")
        upserted = by_hand.create_contact(
            **self.on_behalf(), draft=ContactDraft(**data), duplicate_handling=handling, now=clock.now()
        )
        contact = self.get_queryset().get(id=upserted.contact_id)
        return self.answer(contact, status.HTTP_201_CREATED if upserted.created else status.HTTP_200_OK)

    def perform_update(self, contact: Contact, data: dict[str, Any]) -> Contact:
        tags = data.pop("tags", None)
        values = {name: value for name, value in data.items() if name != "custom_fields"}
        values |= {f"custom_fields.{key}": value for key, value in data.get("custom_fields", {}).items()}
        by_hand.change_contact(**self.on_behalf(), contact_id=contact.id, values=values, tags=tags, now=clock.now())
        return self.get_queryset().get(id=contact.id)

    def perform_destroy(self, contact: Contact) -> None:
        by_hand.delete_contact(**self.on_behalf(), contact_id=contact.id, now=clock.now())
