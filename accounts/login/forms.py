"""The forms of the login: axes counts what fails in them."""

from typing import Any

from allauth.account.forms import LoginForm
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm, BaseAuthenticateForm, ReauthenticateForm
from axes.handlers.proxy import AxesProxyHandler
from django import forms
from django.core.exceptions import ValidationError

from accounts.login.second_factor import may_open_admin

NOT_STAFF = "This is not a staff account. Ask an administrator of your installation for access."


class StaffLoginForm(LoginForm):
    """E-mail address and password of staff; its address field is sent as `username`, as Django's own login has it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = "E-mail address"
        self.fields["login"].widget.attrs |= {"autofocus": True, "placeholder": "", "autocomplete": "username"}
        self.fields["password"].widget.attrs["placeholder"] = ""
        self.fields["password"].help_text = ""

    def add_prefix(self, field_name: str) -> str:
        return super().add_prefix("username" if field_name == "login" else field_name)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean()
        if self.user is not None and not may_open_admin(self.user):
            raise ValidationError(NOT_STAFF, "not_staff")
        return cleaned


class CountedCode(BaseAuthenticateForm):
    """A code of a second factor, counted by axes like a password: wrong ones lock the login."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["code"]
        field.label = "Code of the authenticator app, or a recovery code"
        field.widget = forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autofocus": True, "spellcheck": "false", "maxlength": 20}
        )

    def clean_code(self) -> str:
        request, credentials = context.request, {"email": self.user.email}
        if not AxesProxyHandler.is_allowed(request, credentials):
            request.axes_locked_out, request.axes_credentials = True, credentials
            raise ValidationError("Too many attempts.", "locked_out")
        try:
            code: str = super().clean_code()
        except ValidationError:
            AxesProxyHandler.user_login_failed(sender=type(self), credentials=credentials, request=request)
            raise
        return code


class CodeForm(CountedCode, AuthenticateForm):
    """The second step of a login."""


class CodeAgainForm(CountedCode, ReauthenticateForm):
    """A code before something delicate."""
