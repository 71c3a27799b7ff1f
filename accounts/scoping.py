"""The one tenancy door: rows of an account are reached through `for_account()`, and in no other way."""

from typing import Self
from uuid import UUID

from django.db import models
from uuid_utils.compat import uuid7


class AccountQuerySet(models.QuerySet):
    """A queryset of rows that belong to an account."""

    def for_account(self, account_id: UUID) -> Self:
        """Narrow to the rows of one account."""
        return self.filter(account_id=account_id)


class Row(models.Model):
    """A row with a time-ordered id (UUIDv7, made in Python) and its time of creation."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(auto_now_add=True, editable=False, help_text="When the row was made (UTC).")

    class Meta:
        abstract = True


class AccountRow(Row):
    """A row that belongs to one account and is read through `for_account()`."""

    account = models.ForeignKey(
        "accounts.Account", on_delete=models.CASCADE, editable=False, related_name="+", help_text="The owning account."
    )

    objects = AccountQuerySet.as_manager()

    class Meta:
        abstract = True


class BulkAccountRow(Row):
    """An account's row in a table that grows by thousands a second.

    The account column has no foreign key in the database: each check would take a share lock on the one account
    row, and two busy writers would churn multixacts over it. The contact or execution beside it has its key.
    """

    account = models.ForeignKey(
        "accounts.Account",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        editable=False,
        related_name="+",
        help_text="The owning account.",
    )

    objects = AccountQuerySet.as_manager()

    class Meta:
        abstract = True
