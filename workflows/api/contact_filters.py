"""What lists of contacts, tags and tasks are narrowed by."""

import django_filters
from django.db.models import QuerySet

from accounts.api.filters import MomentFilter
from workflows.api.execution_filters import PeriodFilter
from workflows.crm.folding import fold
from workflows.crm.models import Contact, IdentityKind, Task, TaskPriority, TaskStatus
from workflows.crm.values import clean_phone, email_identity


class ContactFilter(PeriodFilter):
    tag = django_filters.CharFilter(method="by_tag", label="Name of a tag, in any case.")
    email = django_filters.CharFilter(method="by_email", label="The contact that has this address, in any case.")
    phone = django_filters.CharFilter(method="by_phone", label="The contact that has this number; E.164 or local.")
    owner_id = django_filters.UUIDFilter(label="User id of the responsible member.")
    source = django_filters.CharFilter(label="Where the contact came from, exactly.")

    class Meta:
        model = Contact
        fields: list[str] = []

    def by_tag(self, contacts: QuerySet[Contact], name: str, value: str) -> QuerySet[Contact]:
        return contacts.filter(contact_tags__tag__folded_name=fold(value))

    def by_email(self, contacts: QuerySet[Contact], name: str, value: str) -> QuerySet[Contact]:
        return contacts.filter(identities__kind=IdentityKind.EMAIL, identities__value=email_identity(value))

    def by_phone(self, contacts: QuerySet[Contact], name: str, value: str) -> QuerySet[Contact]:
        try:
            number = clean_phone(value, self.request.auth.account.default_country)
        except ValueError:
            return contacts.none()
        return contacts.filter(identities__kind=IdentityKind.PHONE, identities__value=number)


class TaskFilter(PeriodFilter):
    status = django_filters.ChoiceFilter(choices=TaskStatus.choices, label="Only those in this status.")
    priority = django_filters.ChoiceFilter(choices=TaskPriority.choices, label="Only those of this priority.")
    assignee_id = django_filters.UUIDFilter(label="User id of the member who has to do it.")
    contact_id = django_filters.UUIDFilter(label="Only those about this contact.")
    due_before = MomentFilter("due_at", "lt", label="Due before then.")

    class Meta:
        model = Task
        fields: list[str] = []
