"""People, the addresses they are recognised by, and their tags."""

from typing import Self

from django.db import models
from django.db.models import Q

from accounts.scoping import AccountQuerySet, AccountRow, BulkAccountRow


class ContactQuerySet(AccountQuerySet):
    """Contacts; `present()` leaves out the deleted ones."""

    def present(self) -> Self:
        return self.filter(deleted_at=None)


class Contact(AccountRow):
    """A person that an account keeps in touch with."""

    first_name = models.CharField(max_length=100, blank=True, help_text="≤ 100 characters.")
    last_name = models.CharField(max_length=100, blank=True, help_text="≤ 100 characters.")
    email = models.CharField(
        max_length=254, blank=True, help_text="E-mail address as given; matched case-insensitively."
    )
    phone = models.CharField(max_length=20, blank=True, help_text="E.164, e.g. `+14155550123`.")
    timezone = models.CharField(max_length=64, blank=True, help_text="IANA zone; empty: not known.")
    owner = models.ForeignKey(
        "accounts.User",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Responsible member.",
    )
    source = models.CharField(max_length=100, blank=True, help_text="Where the contact came from, ≤ 100 characters.")
    custom_fields = models.JSONField(default=dict, blank=True, help_text="Values by the key of their custom field.")
    updated_at = models.DateTimeField(auto_now=True, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="Set: gone for everyone.")

    objects = ContactQuerySet.as_manager()  # type: ignore[misc]  # as_manager() makes no ClassVar for mypy

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["account", "-id"], condition=Q(deleted_at=None), name="contact_by_account"),
            models.Index(fields=["account", "phone"], condition=Q(deleted_at=None), name="contact_by_phone"),
            models.Index(fields=["owner"], condition=Q(owner__isnull=False), name="contact_by_owner"),
        ]

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.email or self.phone or str(self.id)


class IdentityKind(models.TextChoices):
    EMAIL = "email", "E-mail"
    PHONE = "phone", "Phone"
    EXTERNAL = "external", "Id in another system"


class ContactIdentity(AccountRow):
    """An address or foreign id that belongs to one contact of the account: what matching and upserts go by.

    `value` is normalised: e-mail by NFC and case folding, phone as E.164, a foreign id as given beside its `source`.
    A contact made with `create_duplicate` shows its address but has no identity: the first owner keeps it.
    """

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="identities")
    kind = models.CharField(max_length=8, choices=IdentityKind.choices)
    source = models.CharField(
        max_length=100, blank=True, help_text="The other system's name; empty for e-mail and phone."
    )
    value = models.CharField(max_length=254)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "kind", "source", "value"], name="identity_once")]
        verbose_name_plural = "contact identities"

    def __str__(self) -> str:
        return f"{self.kind}: {self.value}"


class ContactTag(BulkAccountRow):
    """A tag on a contact."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="contact_tags", db_index=False)
    tag = models.ForeignKey("crm.Tag", on_delete=models.CASCADE, related_name="contact_tags")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["contact", "tag"], name="contact_tag_once")]

    def __str__(self) -> str:
        return f"{self.tag} on {self.contact}"
