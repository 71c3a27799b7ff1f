"""People who sign in; superusers only, as users belong to the installation and not to one account."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.models import User


class LowerCaseEmail:
    """Stores addresses as everything else expects them."""

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].lower()  # type: ignore[attr-defined]
        return email


class NewUserForm(LowerCaseEmail, UserCreationForm):
    """A user to make, with a password given twice."""

    class Meta:
        model = User
        fields = ("email", "name")


class UserForm(LowerCaseEmail, UserChangeForm):
    """A user to change; the password has a page of its own."""

    class Meta:
        model = User
        fields = ("email", "name", "password", "is_staff", "is_superuser", "is_active")


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    """Users; deactivated instead of deleted, because what they did names them."""

    form = UserForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "name", "is_staff", "is_superuser", "is_active", "last_login")
    list_filter = ("is_staff", "is_superuser", "is_active")
    search_fields = ("email", "name")
    ordering = ("email",)
    filter_horizontal = ()
    readonly_fields = ("id", "last_login", "created_at")
    fieldsets = (
        (None, {"fields": ("id", "email", "name", "password")}),
        ("Access", {"fields": ("is_active", "is_staff", "is_superuser")}),
        ("Times", {"fields": ("last_login", "created_at")}),
    )
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("email", "name", "usable_password", "password1", "password2")}),
    )

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
