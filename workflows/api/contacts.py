"""`/contacts`: the people an account keeps in touch with."""

from typing import Any

from django.db import transaction
from django.db.models import Prefetch, QuerySet
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import AccountViewSet, DestroyMixin, ListMixin, RetrieveMixin, UpdateMixin
from accounts.problems import Missing
from workflows.api.contact_filters import ContactFilter
from workflows.api.contact_serializers import ContactChange, ContactSerializer, NewContact
from workflows.api.refused import accepted
from workflows.crm.copies import ContactCopy
from workflows.crm.folding import fold
from workflows.crm.models import Contact, ContactIdentity, IdentityKind
from workflows.crm.services.contacts import (
    ContactDraft,
    FieldChange,
    create_contacts,
    delete_contacts,
    update_contacts,
)
from workflows.crm.services.locking import lock_contacts
from workflows.crm.services.tags import TagChange, add_tags, remove_tags
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
        with transaction.atomic():
            (answer,) = create_contacts(
                **self.on_behalf(), drafts=[ContactDraft(**data)], duplicate_handling=handling, now=clock.now()
            )
            upserted = accepted(answer)
        contact = self.get_queryset().get(id=upserted.contact_id)
        return self.answer(contact, status.HTTP_201_CREATED if upserted.created else status.HTTP_200_OK)

    def perform_update(self, contact: Contact, data: dict[str, Any]) -> Contact:
        tags = data.pop("tags", None)
        values = {name: value for name, value in data.items() if name != "custom_fields"}
        values |= {f"custom_fields.{key}": value for key, value in data.get("custom_fields", {}).items()}
        now = clock.now()
        with transaction.atomic():
            copy = lock_contacts(account_id=contact.account_id, contact_ids=[contact.id]).get(contact.id)
            if copy is None:
                raise Missing
            (answer,) = update_contacts(**self.on_behalf(), changes=[FieldChange(copy, values)], now=now)
            accepted(answer)
            if tags is not None:
                self._replace_tags(copy, tags, now)
        return self.get_queryset().get(id=contact.id)

    def _replace_tags(self, contact: ContactCopy, names: list[str], now: Any) -> None:
        wanted = {fold(name) for name in names}
        leaving = [TagChange(contact, name) for folded, name in contact.tags.items() if folded not in wanted]
        add_tags(account_id=contact.account_id, changes=[TagChange(contact, name) for name in names], now=now)
        remove_tags(account_id=contact.account_id, changes=leaving, now=now)

    def perform_destroy(self, contact: Contact) -> None:
        with transaction.atomic():
            if not delete_contacts(**self.on_behalf(), contact_ids=[contact.id], now=clock.now()):
                raise Missing
