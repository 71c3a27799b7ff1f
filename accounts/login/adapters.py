"""What allauth asks us: who may sign in, where links lead, how secrets are kept."""

import time
from smtplib import SMTPException
from typing import Any

import structlog
from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import InvalidToken
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from accounts.login.addresses import client_address
from accounts.login.encryption import keyring

logger = structlog.get_logger(__name__)


class StaffAdapter(DefaultAccountAdapter):
    """Staff only, made by other staff: nobody signs up."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "The e-mail address or the password is not right.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Leave counting to axes: a count by address of the mail alone would let anyone lock anyone out."""

    def is_reauthentication_required(self, *, app: str) -> bool:
        """Ask once more only when the last proof is older than the time-out; the login itself is one."""
        records = get_authentication_records(self.request, self.request.user)
        newest: float = max((record["at"] for record in records), default=0.0)
        return time.time() - newest >= app_settings.REAUTHENTICATION_TIMEOUT

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("mfa_index")

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Lead to PUBLIC_URL, whatever host the request named."""
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "user", "key": "key"})
        return settings.PUBLIC_URL.rstrip("/") + path.replace("user-key", key)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send, or say in the log that it failed: whoever asked learns no more than that mail is under way."""
        try:
            super().send_mail(template_prefix, email, context | {"public_url": settings.PUBLIC_URL})
        except (SMTPException, OSError) as error:
            logger.error("a mail about a login could not be sent", template=template_prefix, error=type(error).__name__)


class SecondFactorAdapter(DefaultMFAAdapter):
    """Second factors; their secrets are encrypted with SECRET_KEYS."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "This code is not right, or was used already. Wait for the next one.",
    }

    def encrypt(self, text: str) -> str:
        return keyring().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        try:
            return keyring().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            logger.error("a second factor cannot be read: its key is missing from SECRET_KEYS")
            raise
