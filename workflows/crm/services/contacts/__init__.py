"""Creating, changing and deleting contacts, many in one call."""

from workflows.crm.services.contacts.creating import create_contacts
from workflows.crm.services.contacts.deleting import delete_contacts, on_delete
from workflows.crm.services.contacts.drafts import ConsentDraft, ContactDraft, DuplicateHandling, Upserted
from workflows.crm.services.contacts.updating import FieldChange, update_contacts
from workflows.crm.services.contacts.writing import FieldDelta

__all__ = [
    "ConsentDraft",
    "ContactDraft",
    "DuplicateHandling",
    "FieldChange",
    "FieldDelta",
    "Upserted",
    "create_contacts",
    "delete_contacts",
    "on_delete",
    "update_contacts",
]
