"""People who sign in."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models.functions import Lower

from accounts.scoping import Row


class UserManager(BaseUserManager["User"]):
    """Creates users; e-mail addresses are stored in lower case."""

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").lower())

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a user who signs in with `email` (stored in lower case) and `password`."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a user who may do everything in every account."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin, Row):
    """A person who signs in with an e-mail address; memberships say in which accounts and as what."""

    email = models.EmailField(unique=True, help_text="Address to sign in with; stored in lower case.")
    name = models.CharField(max_length=120, blank=True, help_text="Full name as others see it, ≤ 120 characters.")
    is_staff = models.BooleanField(default=False, help_text="May open the admin.")
    is_active = models.BooleanField(default=True, help_text="Unset instead of deleting: signs in no more.")

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    class Meta:
        ordering = ["email"]
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_folded")]

    def __str__(self) -> str:
        return self.name or self.email
