"""People who sign in, and the codes of their phones."""

import hashlib
import hmac
import struct
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.test import Client

from accounts.models import Role, User
from accounts.tests.factories import PASSWORD, MembershipFactory, UserFactory

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def code_of(secret: str, *, periods: int = 0) -> str:
    """Return the code of RFC 6238 that an authenticator app shows, some periods of 30 s from now."""
    import base64

    counter = struct.pack(">Q", int(time.time()) // 30 + periods)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset : offset + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def sign_in(client: Client, user: User, password: str = PASSWORD, **extra):
    return client.post("/admin/login/", {"username": user.email, "password": password}, **extra)


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def give_second_factor(user: User) -> Authenticator:
    RecoveryCodes.activate(user)
    return TOTP.activate(user, SECRET).instance


@pytest.fixture
def staff(account) -> User:
    """An owner who may open the admin."""
    return MembershipFactory(account=account, role=Role.OWNER, user=UserFactory(is_staff=True)).user


@pytest.fixture
def locking(settings):
    """The lockout, which other tests go without."""
    settings.AXES_ENABLED = True
