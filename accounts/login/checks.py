"""What `manage.py check` says of the settings of the login."""

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register

from accounts.login.encryption import keyring
from accounts.login.second_factor import CHOICES, NOBODY


@register(Tags.security)
def check_second_factor(**kwargs: Any) -> list[CheckMessage]:
    """REQUIRE_MFA is one of its words, and SECRET_KEYS are keys: without them nobody could set a factor up."""
    problems: list[CheckMessage] = []
    if settings.REQUIRE_MFA not in CHOICES:
        hint = f"Set REQUIRE_MFA to one of: {', '.join(CHOICES)}."
        problems.append(Error(f"REQUIRE_MFA is {settings.REQUIRE_MFA!r}.", hint=hint, id="accounts.E001"))
    try:
        keyring()
    except ValueError:
        hint = "Make one with `manage.py rotate_secrets --new-key` and put it first."
        problems.append(Error("SECRET_KEYS holds no Fernet keys.", hint=hint, id="accounts.E002"))
    if settings.TRUSTED_PROXY_COUNT < 0:
        hint = "Set it to the number of your own proxies that append to X-Forwarded-For."
        problems.append(Error("TRUSTED_PROXY_COUNT is negative.", hint=hint, id="accounts.E003"))
    return problems


@register(Tags.security, deploy=True)
def check_second_factor_is_required(**kwargs: Any) -> list[CheckMessage]:
    """Staff see the data of whole accounts: a password alone is not enough in production."""
    if settings.REQUIRE_MFA != NOBODY:
        return []
    hint = "Set REQUIRE_MFA to `staff` (the default in production) or `superusers`."
    return [checks.Warning("Nobody needs a second factor to sign in.", hint=hint, id="accounts.W001")]
